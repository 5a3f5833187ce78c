"""Spikes: the excursions of a loss, those that matter told from those that belong to the batches."""

from __future__ import annotations

import numpy as np

from surefoot.diagnosis.excursions import Excursion
from surefoot.diagnosis.shape import Shape
from surefoot.diagnosis.trace import Trace

EARLY = 0.05
"""Excursions within the first twentieth of the steps belong to the first descent."""


def spikes(trace: Trace) -> tuple[Excursion, ...]:
    """Return the excursions of the main loss that are grave, lie after the first descent, and are real.

    Evaluations during one must have noticed it too: else it was the batches, not the model. Of a single high row in a
    log with evaluations none of which fell into it, nobody can say, and it is not counted.
    """
    shape = trace.main
    if shape is None:
        return ()
    return tuple(one for one in trace.excursions if one.grave and real(one, shape, trace))


def real(one: Excursion, shape: Shape, trace: Trace) -> bool:
    """Say whether an excursion lies after the first descent and is not the batches' own."""
    span = float(shape.step[-1] - shape.step[0])
    late = not shape.fresh or shape.step[one.start] - shape.step[0] > EARLY * span
    return bool(late) and _noticed(one, shape, trace)


def _noticed(one: Excursion, shape: Shape, trace: Trace) -> bool:
    judged = trace.val_loss
    if judged is None or judged is shape:
        return True
    last = len(shape) - 1 if one.stop is None else one.stop
    first, stop = np.searchsorted(judged.step, shape.step[[one.start, min(last, len(shape) - 1)]])
    before, during = judged.value[max(first - 5, 0) : first], judged.value[first : max(stop, first + 1)]
    if first == stop or not len(before):
        return last - one.start > 2 and not len(during)
    usual = float(np.median(before))
    return bool(during.max() > usual + max(5.0 * judged.noise, 0.1 * abs(usual)))
