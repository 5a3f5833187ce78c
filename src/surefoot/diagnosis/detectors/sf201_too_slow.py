"""SF201 too slow: the loss falls in a straight line, as it does while updates are too small to matter.

What it sees
    A loss that has fallen little, falls still, and falls at the end about as fast as at the beginning.

Formula
    With d the fall from the start to the end: d < 0.4 |start|; d > 6 sigma of the smoothed loss; half of d is reached
    after more than a third of the way (a run at a good rate: a few percent); the last quarter of the way brings more
    than 12 % of d. The way is the sum of the rates, where the log has them (a decay slows every run down), else the
    steps. The loss never rose above its start by more than 2 %, and it is not at chance after an excursion (SF103).
    Not where evaluations fall by less than 0.3 d; not before 30 % of the planned updates, 200 rows of single updates,
    or the end of a warmup: the beginning of any descent is a straight line.

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

import numpy as np

from surefoot.chart.numbers import rate_text
from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.ending import spacing
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.rates import rate_phases
from surefoot.diagnosis.remedies import HIGHER, LABELS, LARGER_BATCH, LONGER_HOLD, ranked
from surefoot.diagnosis.shape import Shape
from surefoot.diagnosis.trace import TRACE, Trace
from surefoot.history.columns import Column

_YOUNG = 200


def finding(trace: Trace) -> Finding | None:
    """Return the finding where the main loss fell little and in a straight line."""
    shape = trace.main
    if shape is None or len(shape) < 10 or not shape.fresh or _young(trace, shape):
        return None
    fall = shape.start - shape.end
    if not _small_but_real(shape, fall) or shape.smooth.max() > shape.start + 0.02 * abs(shape.start) + shape.noise:
        return None
    way = _way(trace, shape)
    half = float(way[int(np.argmax(shape.smooth <= shape.start - fall / 2))])
    late = (float(np.median(shape.value[(way >= 0.7) & (way <= 0.8)])) - shape.end) / fall if _dense(way) else 1.0
    if half < 0.33 or late < 0.12 or _alone(trace, shape, fall):
        return None
    return Finding(
        *("SF201", "too slow", int(shape.step[0]), "warning", 0.7),
        f"The loss falls from {rate_text(shape.start)} only to {rate_text(shape.end)}, and half of that takes "
        f"{half:.0%} of the way (usual: under 20 %): a straight line.",
        {"start": shape.start, "end": shape.end, "half": half, "late": late},
        ranked((HIGHER, LONGER_HOLD, LARGER_BATCH, LABELS)),
    )


def _young(trace: Trace, shape: Shape) -> bool:
    """Say whether the run has only begun: in a warmup that climbs still any descent is a line too."""
    rates, total = rate_phases(trace), trace.number("total")
    climbing = rates.known and rates.end_factor >= 0.999 and float(rates.rate[0]) < 0.9 * rates.peak
    begun = total is not None and float(shape.step[-1]) < 0.3 * total
    single = trace.text("unit") != "epoch" and spacing(trace) <= 1.0 and len(shape) < _YOUNG
    return (climbing and rates.warmup_end is None) or begun or single


def _alone(trace: Trace, shape: Shape, fall: float) -> bool:
    """Say whether evaluations do not fall with the training loss: what is learnt then would not be learnt faster."""
    judged = trace.val_loss
    return judged is not None and judged is not shape and judged.start - judged.end < 0.3 * fall


def _small_but_real(shape: Shape, fall: float) -> bool:
    return 6.0 * shape.noise / math.sqrt(shape.tail) < fall < 0.4 * abs(shape.start)


def _way(trace: Trace, shape: Shape) -> Column:
    """Return how far the run had come at each row, from 0 to 1: by the sum of its rates, else by its steps."""
    rates = trace["lr"].finite
    apart = np.diff(shape.step, prepend=shape.step[:1])
    if len(rates) >= 2 and rates.total.min() >= 0:
        apart = apart * np.interp(shape.step, rates.step, rates.mean)
    total = float(apart.sum())
    return np.cumsum(apart) / total if total > 0 else np.linspace(0.0, 1.0, len(shape))


def _dense(way: Column) -> bool:
    return bool(np.any((way >= 0.7) & (way <= 0.8)))


DETECTOR = Detector("SF201", "too slow", TRACE, finding)
