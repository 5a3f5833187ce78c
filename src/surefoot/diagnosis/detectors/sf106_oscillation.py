"""SF106 oscillation: the loss swings from row to row, and the swings are not the noise of the batches.

What it sees
    A loss whose rows go up and down in turn, or whose swings have grown to many times what they were while it stopped
    falling.

Formula
    In turn: over the last half, at least 90 % of the increments change sign (noise alone: 2/3), for at least 24 rows,
    with a median swing above 2 % of the level. Grown: the noise of the last quarter is at least 5 times that of the
    quietest of the two quarters before it and above 10 % of the level, and the level of the last quarter is no lower
    than that of the middle of the run.

Why it matters
    Steps that overshoot a valley from side to side make no way along it.

Example
    A quadratic at 1.9 times the rate that would jump to its bottom: each update changes the sign of the error.

What to try
    1. Lower the peak to a half.
    2. Less momentum.
    3. Clip the gradient norm at 1.0.
    4. Look at how the optimizer and the normalisation fit together.

False alarms
    Batches that alternate between two data sets; a schedule that restarts every few rows.

Source
    The troubleshooting checklist (undated). That neighbouring increments of pure noise change sign in 2/3 of the
    cases is arithmetic.
"""

from __future__ import annotations

import numpy as np

from surefoot.chart.numbers import rate_text
from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.remedies import OSCILLATING, ranked
from surefoot.diagnosis.robust import noise
from surefoot.diagnosis.shape import Shape
from surefoot.diagnosis.trace import TRACE, Trace

_LEAST = 24


def finding(trace: Trace) -> Finding | None:
    """Return the finding where the main loss swings in turn, or ever wider."""
    shape = trace.main
    if shape is None or len(shape) < 2 * _LEAST:
        return None
    return _in_turn(shape) or _grown(shape, trace)


def _in_turn(shape: Shape) -> Finding | None:
    half = shape.part(0.5)
    steps = np.diff(shape.value[half])
    if len(steps) < _LEAST:
        return None
    turns = float(np.mean(steps[1:] * steps[:-1] < 0))
    swing, level = float(np.median(np.abs(steps))), abs(shape.level(0.5))
    if turns < 0.9 or swing < 0.02 * level:
        return None
    return _finding(
        shape,
        half.start,
        f"{turns:.0%} of the loss's increments change sign (noise: 67 %), by {rate_text(swing)} each time.",
        {"turns": turns, "expected": 2 / 3, "swing": swing, "level": level},
    )


def _grown(shape: Shape, trace: Trace) -> Finding | None:
    quarters = [noise(shape.value[shape.part(a, a + 0.25)]) for a in (0.25, 0.5, 0.75)]
    now, before = quarters[-1], min(quarters[:-1])
    stalled = shape.level(0.75) >= shape.level(0.4, 0.6) - 0.02 * abs(shape.end)
    judged = trace.val_loss
    well = judged is not None and judged is not shape and judged.end <= 1.1 * judged.best
    if well or not stalled or now < 5.0 * before or now < 0.1 * abs(shape.end) or before <= 0:
        return None
    return _finding(
        shape,
        shape.part(0.75).start,
        f"The swings of the loss grew from {rate_text(before)} to {rate_text(now)} (one sigma), and it fell no more.",
        {"now": now, "before": before, "best": shape.best, "end": shape.end},
    )


def _finding(shape: Shape, row: int, message: str, evidence: dict[str, float | None]) -> Finding:
    step = int(shape.step[row])
    return Finding("SF106", "oscillation", step, "warning", 0.7, message, evidence, ranked(OSCILLATING))


DETECTOR = Detector("SF106", "oscillation", TRACE, finding)
