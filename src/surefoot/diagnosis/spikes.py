"""Spikes: the excursions that came back, those that matter told from those that belong to the batches."""

from __future__ import annotations

import numpy as np

from surefoot.diagnosis.excursions import Excursion
from surefoot.diagnosis.shape import Shape
from surefoot.diagnosis.trace import Trace

EARLY = 0.05
"""Excursions within the first twentieth of the steps belong to the first descent."""


def spikes(trace: Trace) -> tuple[Excursion, ...]:
    """Return the excursions of the main loss that are grave, came back, lie after the first descent, and are real.

    Of a single high row the next evaluation must have noticed something too: else it was the batch, not the model.
    """
    shape = trace.main
    if shape is None:
        return ()
    return tuple(one for one in trace.excursions if one.stop is not None and one.grave and real(one, shape, trace))


def real(one: Excursion, shape: Shape, trace: Trace) -> bool:
    """Say whether an excursion lies after the first descent and is not the batch's own."""
    span = float(shape.step[-1] - shape.step[0])
    late = not shape.fresh or shape.step[one.start] - shape.step[0] > EARLY * span
    return bool(late) and (_rows_out(one, len(shape)) > 2 or _noticed(one, shape, trace))


def _rows_out(one: Excursion, rows: int) -> int:
    return (rows if one.stop is None else one.stop) - one.start


def _noticed(one: Excursion, shape: Shape, trace: Trace) -> bool:
    judged = trace.val_loss
    if judged is None or judged is shape:
        return True
    begin, end = shape.step[one.start], shape.step[min(one.stop or len(shape) - 1, len(shape) - 1)]
    last = int(np.searchsorted(judged.step, end, side="right")) + 1
    first = int(np.searchsorted(judged.step, begin))
    before = judged.value[max(first - 5, 0) : first]
    during = judged.value[first : max(last, first + 1)]
    if not len(before) or not len(during):
        return False
    return bool(during.max() > np.median(before) + max(5.0 * judged.noise, 0.1 * abs(float(np.median(before)))))
