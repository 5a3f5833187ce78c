"""SF201 too slow: the loss falls in a straight line, as it does while updates are too small to matter.

What it sees
    A loss that has fallen little, falls still, and falls at the end about as fast as at the beginning.

Formula
    With d the fall from the start to the end: d < 0.35 |start|; d > 6 sigma of the smoothed loss; half of d is reached
    after more than 35 % of the steps (a run at a good rate: a few percent); the last quarter brings more than 15 % of
    it. The loss never rose above its start by more than 2 %, and it is not at chance after an excursion (SF103).

Why it matters
    A rate 100 times too low wastes the whole run, and nothing in the log looks wrong.

Example
    A multilayer perceptron at a hundredth of its best rate: after the whole run its loss has fallen from 2.30 to 2.05.

What to try
    1. Raise the peak by 3, or find it with a range test and short runs.
    2. Plan a longer hold before the decay.
    3. Use a larger batch, if it is below the gradient noise scale.
    4. Look at the data pipeline and the labels.

False alarms
    Tasks that learn nothing for a long time and then everything at once.

Source
    The troubleshooting checklist (undated), behind the chance test that it lacks.
"""

from __future__ import annotations

import math

from surefoot.chart.numbers import rate_text
from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.remedies import HIGHER, LABELS, LARGER_BATCH, LONGER_HOLD, ranked
from surefoot.diagnosis.shape import Shape
from surefoot.diagnosis.trace import TRACE, Trace


def finding(trace: Trace) -> Finding | None:
    """Return the finding where the main loss fell little and in a straight line."""
    shape = trace.main
    if shape is None or len(shape) < 10 or not shape.fresh:
        return None
    fall = shape.start - shape.end
    if not _small_but_real(shape, fall) or shape.smooth.max() > shape.start + 0.02 * abs(shape.start) + shape.noise:
        return None
    half = shape.reached(shape.start - fall / 2)
    late = (shape.level(0.7, 0.8) - shape.end) / fall
    if half < 0.35 or late < 0.15:
        return None
    return Finding(
        *("SF201", "too slow", int(shape.step[0]), "warning", 0.7),
        f"The loss falls from {rate_text(shape.start)} only to {rate_text(shape.end)}, and half of that takes "
        f"{half:.0%} of the run (usual: under 20 %): a straight line.",
        {"start": shape.start, "end": shape.end, "half": half, "late": late},
        ranked((HIGHER, LONGER_HOLD, LARGER_BATCH, LABELS)),
    )


def _small_but_real(shape: Shape, fall: float) -> bool:
    return 6.0 * shape.noise / math.sqrt(shape.tail) < fall < 0.35 * abs(shape.start)


DETECTOR = Detector("SF201", "too slow", TRACE, finding)
