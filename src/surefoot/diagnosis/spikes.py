"""Spikes: the excursions of a loss, those that matter told from those that belong to the batches."""

from __future__ import annotations

import math

import numpy as np

from surefoot.diagnosis.excursions import Excursion
from surefoot.diagnosis.rates import rate_phases
from surefoot.diagnosis.robust import noise
from surefoot.diagnosis.shape import Shape
from surefoot.diagnosis.trace import Trace

EARLY = 0.05
"""Excursions within the first twentieth of the steps belong to the first descent."""
SOON = 0.03
"""A jump of the loss this soon after a rise of the rate, as a share of the steps, follows from it."""


def spikes(trace: Trace) -> tuple[Excursion, ...]:
    """Return the excursions of the main loss that are grave, after the first descent, real, and not planned (SF108).

    Evaluations during one must have noticed it too: else it was the batches, not the model. Of a single high row in a
    log with evaluations none of which fell into it, nobody can say, and it is not counted.
    """
    shape = trace.main
    if shape is None:
        return ()
    rises = rate_phases(trace).rises
    found = (one for one in trace.excursions if one.grave and real(one, shape, trace))
    return tuple(one for one in found if rise_before(one, shape, rises) is None)


def rise_before(one: Excursion, shape: Shape, rises: tuple[float, ...]) -> float | None:
    """Return the step of the rise of the rate that an excursion followed within 3 % of the steps: a planned bump."""
    soon = SOON * float(shape.step[-1] - shape.step[0])
    # The row that holds the jump may be logged with the rate from before the rise.
    end = shape.step[min(one.start + 1, len(shape) - 1)]
    near = [rise for rise in rises if rise <= end and shape.step[one.start] - rise <= soon]
    return near[-1] if near else None


def real(one: Excursion, shape: Shape, trace: Trace) -> bool:
    """Say whether an excursion lies after the first descent and is not the batches' own."""
    span = float(shape.step[-1] - shape.step[0])
    late = not shape.fresh or shape.step[one.start] - shape.step[0] > EARLY * span
    return bool(late) and _stands_out(one, shape) and _noticed(one, shape, trace)


def _stands_out(one: Excursion, shape: Shape) -> bool:
    """Say whether up to five high rows are also far out in logarithms: the noise of small batches has long tails."""
    last = len(shape) if one.stop is None else one.stop
    before = shape.value[max(one.start - 100, 0) : one.start]
    if last - one.start > 5 or one.base <= 0 or len(before) < 3 or before.min() <= 0:
        return True
    return math.log(one.peak / one.base) > 5.0 * noise(np.log(before))


def _noticed(one: Excursion, shape: Shape, trace: Trace) -> bool:
    judged = trace.val_loss
    if judged is None or judged is shape:
        return True
    last = len(shape) - 1 if one.stop is None else one.stop
    first, stop = np.searchsorted(judged.step, shape.step[[one.start, min(last, len(shape) - 1)]])
    before, during = judged.value[max(first - 5, 0) : first], judged.value[first:stop]
    if first >= stop or not len(before):
        return last - one.start > 2
    # The last one before, not their mean: evaluations may fall by decades.
    usual = min(float(np.median(before)), float(before[-1]))
    return bool(during.max() > usual + max(min(5.0 * judged.noise, 0.5 * abs(usual)), 0.1 * abs(usual)))
