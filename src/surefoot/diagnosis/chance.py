"""Chance: the loss of a model that has learnt nothing: the entropy of the labels, seen in the log or well known."""

from __future__ import annotations

import math

import numpy as np

from surefoot.diagnosis.blocks import Blocks
from surefoot.diagnosis.shape import Shape
from surefoot.diagnosis.trace import Trace

USUAL = (
    2,
    3,
    4,
    5,
    6,
    8,
    10,
    20,
    50,
    100,
    200,
    256,
    365,
    1000,
    10_000,
    21_841,
    30_522,
    32_000,
    50_257,
    50_265,
    50_304,
    128_256,
)
"""Numbers of classes and sizes of vocabularies that are so common that ln of one is no coincidence."""
NEAR = 0.01
_ACCURACIES = ("val_accuracy", "test_accuracy", "accuracy", "train_accuracy", "val_acc", "test_acc", "train_acc")


def classes_of(trace: Trace) -> float | None:
    """Return the number of classes: what the log says, or 1 / accuracy where an accuracy never left one level 1/n."""
    said = trace.number("classes") or trace.number("vocabulary")
    if said is not None and said >= 2:
        return said
    points = _accuracy(trace)
    if points is None:
        return None
    return _from_accuracy(float(np.median(points.mean)), float(np.percentile(points.mean, 95)))


def _accuracy(trace: Trace) -> Blocks | None:
    found = (trace[name].finite for name in _ACCURACIES)
    return next((points for points in found if len(points) >= 5), None)


def _from_accuracy(middle: float, high: float) -> float | None:
    share = middle / 100.0 if high > 1.0 else middle
    if not 1e-9 < share <= 0.6 or high > 1.5 * middle:
        return None
    count = round(1.0 / share)
    return float(count) if abs(share * count - 1.0) < 0.1 else None


def at_chance(level: float, trace: Trace, shape: Shape) -> float | None:
    """Return the number of classes whose ln the level is at (within 1 %), or above where accuracy says so; or None."""
    known = classes_of(trace)
    if known is not None:
        # An accuracy that never left 1/n is chance itself, however high the loss stands above ln n.
        return known if level >= (1.0 - NEAR) * math.log(known) else None
    if shape.spread(0.5) > NEAR * level or _accuracy(trace) is not None:
        return None
    near = [n for n in USUAL if abs(level / math.log(n) - 1.0) < NEAR / 2]
    return float(min(near, key=lambda n: abs(level - math.log(n)))) if near else None
