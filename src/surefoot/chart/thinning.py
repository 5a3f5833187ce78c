"""Many points made few, without hiding the lowest, the highest or how they spread."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
DRAWN = 600
"""Points up to which all are drawn."""
_BINS = 150


def thinned(x: Array, y: Array, drawn: int = DRAWN) -> tuple[Array, Array]:
    """Return the points (x > 0, y), by rising x: all of up to ``drawn``, else about as many.

    Of more, the lowest and the highest of each of 150 equal steps of log x, and every k-th in the order they have.

    >>> x, y = thinned(np.geomspace(1, 10, 100_000), np.arange(100_000.0))
    >>> len(x) < 700, float(y.min()), float(y.max())
    (True, 0.0, 99999.0)
    """
    if len(x) > drawn:
        place = _places(x, _BINS)
        order = np.argsort(y, kind="stable")
        lowest = order[np.unique(place[order], return_index=True)[1]]
        highest = order[::-1][np.unique(place[order[::-1]], return_index=True)[1]]
        kept = np.unique(np.concatenate([lowest, highest, np.arange(0, len(x), -(-len(x) // (drawn - 2 * _BINS)))]))
        x, y = x[kept], y[kept]
    order = np.lexsort((y, x))
    return x[order], y[order]


def binned(x: Array, y: Array, bins: int) -> tuple[Array, Array]:
    """Return the points, by rising x; of more than ``bins`` the means of those that share a step of log x.

    A step in which any y is NaN is NaN.
    """
    if len(x) <= bins:
        return x, y
    place = _places(x, bins)
    count = np.bincount(place, minlength=bins)
    there = count > 0
    logs, sums = np.bincount(place, np.log(x), bins), np.bincount(place, y, bins)
    return np.exp(logs[there] / count[there]), sums[there] / count[there]


def _places(x: Array, bins: int) -> NDArray[np.int64]:
    logs = np.log(x)
    low, high = float(logs.min()), float(logs.max())
    return np.minimum((logs - low) / max(high - low, 1e-12) * bins, bins - 1).astype(np.int64)
