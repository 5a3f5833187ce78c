"""SF206 not training: flat from the first row on; look for a bug before the rate.

What it sees
    A loss that never left its first level, up or down, over the whole log.

Formula
    At least 20 rows from the beginning of the run; |start - end| is below max(1 % of the level, 2 sigma), and the
    smoothed loss spreads no further than that or than noise does; no smoothed row is 3 sigma below the first fifth's
    level. Of 8 to 19 rows, all must agree within 0.2 %. Not where evaluations
    improved by 1.5 %, or each time and by 0.5 %.

Why it matters
    Weights that do not move (a frozen model, an optimizer over other parameters, a loss cut off from the graph, a rate
    of 0) and labels that say nothing look the same, and no rate cures them.

Example
    2.303, 2.303, 2.303: an optimizer that was given the parameters of a copy of the model.

What to try
    1. Check that the weights change: compare one before and after an update.
    2. Overfit one batch: a model that cannot has a bug.
    3. Look at the data pipeline and the labels.
    4. Then find the rate: surefoot tune.

False alarms
    Fine-tuning of a model that knows its task already.

Source
    A recipe for training neural networks (A. Karpathy, 2019), for the two checks; the rule is this project's.
"""

from __future__ import annotations

import numpy as np

from surefoot.chart.numbers import rate_text
from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.remedies import LABELS, RANGE_TEST, ranked, remedy
from surefoot.diagnosis.shape import Shape
from surefoot.diagnosis.trace import TRACE, Trace

MOVING = remedy(
    "bug", "Check that the weights change: compare one before and after an update.", "frozen weights learn nothing"
)
ONE_BATCH = remedy("bug", "Overfit a single batch.", "a model that cannot has a bug, whatever the rate")


def finding(trace: Trace) -> Finding | None:
    """Return the finding where the main loss never left its first level."""
    shape = trace.main
    if shape is None or len(shape) < 8 or not shape.fresh or not _still(shape) or _judged_better(trace):
        return None
    level = shape.level(0.0)
    return Finding(
        *("SF206", "not training", int(shape.step[0]), "warning", 0.7),
        f"The loss stays at {rate_text(level)} from the first row to the last: it began at {rate_text(shape.start)} "
        f"and ends at {rate_text(shape.end)}, with a noise of {rate_text(shape.noise)}.",
        {"level": level, "start": shape.start, "end": shape.end, "noise": shape.noise},
        ranked((MOVING, ONE_BATCH, LABELS, RANGE_TEST)),
    )


def _judged_better(trace: Trace) -> bool:
    """Say whether evaluations improved, by more than 1.5 % or each time: they are less noisy than training rows."""
    judged = trace.val_loss
    if judged is None:
        return False
    fall, level = judged.start - judged.end, abs(judged.start)
    steadily = len(judged) >= 4 and bool(np.all(np.diff(judged.value) < 0)) and fall > 0.005 * level
    return steadily or fall > max(0.015 * level, 3.0 * judged.noise)


def _still(shape: Shape) -> bool:
    first = shape.level(0.0, 0.2)
    # Few rows must agree closely: a run that has just begun has not moved either.
    room = max((0.01 if len(shape) >= 20 else 0.002) * abs(first), 2.0 * shape.noise if len(shape) >= 20 else 0.0)
    moved = max(abs(shape.start - shape.end) - shape.noise, abs(first - shape.end))
    return (
        moved < room
        and shape.spread(0.0) < max(room, shape.still)
        and shape.best > first - max(0.02 * abs(first), 3.0 * shape.noise)
    )


DETECTOR = Detector("SF206", "not training", TRACE, finding)
