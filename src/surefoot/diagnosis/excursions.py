"""Excursions: where a loss leaves its band, how high it goes, and whether it comes back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from surefoot.diagnosis.robust import SIGMA, trailing_median
from surefoot.diagnosis.shape import Shape
from surefoot.history.columns import Column

OUT, BACK = 8.0, 3.0
"""Sigmas above the band at which an excursion begins, and under which it is over."""
RISE = 0.25
"""Least rise, as a share of the level, that counts as an excursion."""
MOST = 99.0
"""A rise is said to undo at most so many times the progress: of a run that made none, it undoes everything."""


@dataclass(frozen=True)
class Excursion:
    """One departure upward: rows ``start`` to ``stop`` (None: not back at the end), its highest value at ``top``.

    ``base`` and ``sigma`` are the level and the noise before it, ``peak`` its height, ``share`` the part of the whole
    drop from the start of the run to ``base`` that it undid (linear), ``log_share`` the same of the logarithms.
    """

    start: int
    top: int
    stop: int | None
    base: float
    sigma: float
    peak: float
    share: float
    log_share: float

    @property
    def grave(self) -> bool:
        """Whether it undid a tenth of the run's progress, or 3 % and a fifth of its logarithm."""
        return self.share >= 0.1 or (self.log_share >= 0.2 and self.share >= 0.03)


def excursions(shape: Shape) -> tuple[Excursion, ...]:
    """Return the excursions of a loss in their order.

    Row i leaves the band when value_i > b + max(8 sigma, 0.25 |b|, 2.5 q). b is the median of the rows before it (5 %
    of them, 5 to 51), sigma their noise from differences, q how far the highest twentieth of twice as many lay above
    their median (batches of two kinds are no spikes); in long logs the three are kept for a few rows. It is back with
    the first two neighbours under b + max(3 sigma, 0.1 |b|). While a loss is out, b and sigma stay what they were.
    """
    window = min(max(len(shape) // 20, 5), 51)
    hop = max(window // 8, 1)
    base = trailing_median(shape.value, window, hop)
    sigma = _trailing_noise(shape.value, 2 * window, hop)
    usual = 2.5 * _trailing_height(shape.value, 2 * window, hop)
    found = []
    i = 1
    while i < len(shape):
        b, s = float(base[i - 1]), float(sigma[i - 1])
        if shape.high[i] > b + max(OUT * s, RISE * abs(b), float(usual[i - 1])):
            one = _excursion(shape, i, b, s)
            found.append(one)
            if one.stop is None:
                break
            i = one.stop
        i += 1
    return tuple(found)


def _excursion(shape: Shape, start: int, base: float, sigma: float) -> Excursion:
    under = shape.value[start:] <= base + max(BACK * sigma, 0.1 * abs(base))
    twice = np.flatnonzero(under[:-1] & under[1:])
    last = len(shape) - 1
    stop = start + int(twice[0]) if len(twice) else (last if under[-1] else None)
    until = last if stop is None else max(stop, start)
    top = start + int(np.argmax(shape.high[start : until + 1]))
    peak = float(shape.high[top])
    return Excursion(start, top, stop, base, sigma, peak, *shares(peak, base, shape))


def shares(level: float, base: float, shape: Shape) -> tuple[float, float]:
    """Return which part of the drop from the run's start to ``base`` the rise to ``level`` undid: linear, and in logs.

    A log that begins in the middle of a run shows no start: there a rise by half counts as a fifth of the drop.
    """
    if not shape.fresh:
        by = (level - base) / (2.5 * abs(base)) if base else 0.0
        return by, by
    if shape.start <= base:
        return MOST, MOST
    share = min((level - base) / (shape.start - base), MOST)
    if min(level, base) <= 0:
        return share, share
    return share, min(math.log(level / base) / math.log(shape.start / base), MOST)


def _trailing_noise(values: Column, window: int, hop: int) -> Column:
    steps = np.abs(np.diff(values, prepend=values[:1]))
    steps[0] = steps[1] if len(steps) > 1 else 0.0
    return trailing_median(steps, window, hop) * (SIGMA / math.sqrt(2.0))


def _trailing_height(values: Column, window: int, hop: int) -> Column:
    """Return how far the highest twentieth of the ``window`` values up to each lies above their median; 0 before 10."""
    if len(values) < 10:
        return np.zeros(len(values))
    width = min(window, len(values))
    seen = np.lib.stride_tricks.sliding_window_view(values, width)[::hop]
    middle, high = np.percentile(seen, (50, 95), axis=1)
    return np.concatenate([np.zeros(width - 1), np.repeat(high - middle, hop)[: len(values) - width + 1]])
