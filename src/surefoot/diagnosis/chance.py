"""Chance: the loss of a model that has learnt nothing: the entropy of the labels, seen in the log or well known."""

from __future__ import annotations

import math

import numpy as np

from surefoot.diagnosis.blocks import Blocks
from surefoot.diagnosis.shape import Shape
from surefoot.diagnosis.trace import Trace
from surefoot.history.columns import Column

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


def classes_of(trace: Trace, level: float) -> float | None:
    """Return the number of classes: what the log says, or about 1 / accuracy where an accuracy never left one level.

    An accuracy of chance is 1/n only about (classes are unequal, samples few): of the n within 12 % of it, the one
    whose ln is nearest to the loss's ``level`` is meant.
    """
    said = trace.number("classes") or trace.number("vocabulary")
    if said is not None and said >= 2:
        return said
    points = _accuracy(trace)
    return None if points is None else _from_accuracy(points.mean, level)


def _accuracy(trace: Trace) -> Blocks | None:
    found = (trace[name].finite for name in _ACCURACIES)
    return next((points for points in found if len(points) >= 5), None)


def _from_accuracy(values: Column, level: float) -> float | None:
    middle = float(np.median(values))
    share = middle / 100.0 if values.max() > 1.0 else middle
    left = values.min() < 0.5 * middle or float(np.percentile(values, 95)) > 1.5 * middle
    if left or not 1e-9 < share <= 0.6:
        return None
    near = [n for n in range(max(int(0.88 / share), 2), math.ceil(1.12 / share) + 1) if abs(share * n - 1.0) < 0.12]
    return float(min(near, key=lambda n: abs(level - math.log(n)))) if near else None


def at_chance(level: float, trace: Trace, shape: Shape) -> float | None:
    """Return the number of classes whose ln the level is at (within 1 %), or above where accuracy says so; or None."""
    known = classes_of(trace, level)
    if known is not None:
        # A model that is wrong and sure of it stands somewhat above ln n.
        return known if (1.0 - NEAR) * math.log(known) <= level <= 1.15 * math.log(known) else None
    if shape.spread(0.5) > NEAR * level or _accuracy(trace) is not None:
        return None
    near = [n for n in USUAL if abs(level / math.log(n) - 1.0) < NEAR / 2]
    return float(min(near, key=lambda n: abs(level - math.log(n)))) if near else None
