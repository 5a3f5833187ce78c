"""Robust statistics: what a few wild values must not move."""

from __future__ import annotations

import numpy as np

from surefoot.history.columns import Column

SIGMA = 1.4826
"""Standard deviation over median absolute deviation of a normal distribution."""
_PAIRS = 256


def scale(values: Column) -> float:
    """Return 1.4826 times the median absolute deviation from the median; 0.0 for fewer than two values.

    >>> scale(np.array([1.0, 2.0, 3.0, 4.0, 1000.0]))
    1.4826
    """
    if len(values) < 2:
        return 0.0
    return float(SIGMA * np.median(np.abs(values - np.median(values))))


def noise(values: Column) -> float:
    """Return the standard deviation of the noise around a slow trend, from the differences of neighbours.

    sigma = 1.4826 median|x_i - x_(i-1)| / sqrt(2), or, from five values on, 1.4826 median|x_(i-1) - 2 x_i + x_(i+1)| /
    sqrt(6) if that is less: a trend cancels, and a few jumps do not count. 0.0 for fewer than three values.

    >>> noise(np.arange(100.0)), noise(np.zeros(10))
    (0.0, 0.0)
    """
    if len(values) < 3:
        return 0.0
    first = float(np.median(np.abs(np.diff(values)))) / np.sqrt(2.0)
    if len(values) < 5:
        return float(SIGMA * first)
    second = float(np.median(np.abs(np.diff(values, 2)))) / np.sqrt(6.0)
    return float(SIGMA * min(first, second))


def slope(x: Column, y: Column) -> float:
    """Return the Theil-Sen slope of y over x: the median of the slopes of all pairs, of at most 256 points.

    >>> slope(np.arange(9.0), np.array([0, 2, 4, 6, 800, 10, 12, 14, 16.0]))
    2.0
    """
    if len(x) > _PAIRS:
        kept = np.linspace(0, len(x) - 1, _PAIRS).astype(int)
        x, y = x[kept], y[kept]
    i, j = np.triu_indices(len(x), 1)
    apart = x[j] - x[i]
    steep = (y[j] - y[i])[apart > 0] / apart[apart > 0]
    return float(np.median(steep)) if len(steep) else 0.0


def trailing_median(values: Column, window: int, hop: int = 1) -> Column:
    """Return, for each value, the median of the ``window`` values up to it; fewer at the beginning.

    Beyond the first window it is taken anew every ``hop`` values and kept in between, at a hop-th of the work.

    >>> trailing_median(np.array([1.0, 2.0, 9.0, 2.0, 3.0]), 3).tolist()
    [1.0, 1.5, 2.0, 2.0, 3.0]
    """
    if len(values) <= 1 or window <= 1:
        return values.astype(np.float64)
    width = min(window, len(values))
    ahead = [float(np.median(values[: k + 1])) for k in range(width - 1)]
    seen = np.lib.stride_tricks.sliding_window_view(values, width)[::hop]
    full = np.repeat(np.median(seen, axis=1), hop)[: len(values) - width + 1]
    return np.concatenate([np.array(ahead), full])


def centred_median(values: Column, window: int) -> Column:
    """Return, for each value, the median of the ``window`` (odd) values around it; fewer at both ends.

    >>> centred_median(np.array([1.0, 1.0, 9.0, 1.0, 1.0]), 3).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0]
    """
    half = min(window // 2, (len(values) - 1) // 2)
    if half < 1:
        return values.astype(np.float64)
    whole = np.median(np.lib.stride_tricks.sliding_window_view(values, 2 * half + 1), axis=1)
    first = [float(np.median(values[: k + half + 1])) for k in range(half)]
    last = [float(np.median(values[len(values) - 1 - k - half :])) for k in reversed(range(half))]
    return np.concatenate([np.array(first), whole, np.array(last)])
