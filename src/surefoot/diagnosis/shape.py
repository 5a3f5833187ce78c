"""Shape: what is read off one column of losses before any verdict: where it began, its best, its end, its noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from surefoot.diagnosis.robust import centred_median, noise
from surefoot.diagnosis.series import Series
from surefoot.history.columns import Column

LEAST = 3
"""Fewer finite values than this have no shape."""


@dataclass(frozen=True, eq=False)
class Shape:
    """The values of a series in order: ``step`` and ``value``, shape [n], and ``high`` of each (that of its block).

    ``fresh`` says that the first value is near the loss at initialisation: the log begins with the run.
    """

    step: Column
    value: Column
    high: Column
    fresh: bool

    def __len__(self) -> int:
        return len(self.value)

    @cached_property
    def tail(self) -> int:
        """How many values stand for the end: 5 % of them, between 3 and 51, at most a third."""
        n = len(self)
        return max(1, min(max(n // 20, 3), 51, n // 3))

    @cached_property
    def smooth(self) -> Column:
        """The centred median over a window of 2 % of the values (3 to 51)."""
        return centred_median(self.value, self.window)

    @cached_property
    def window(self) -> int:
        """How many values are smoothed over."""
        return min(max(len(self) // 50, 3), 51) | 1 if len(self) > 4 else 1

    @cached_property
    def still(self) -> float:
        """How far smoothed noise alone spreads, from its 5th to its 95th percentile, and a third more.

        The median of w values has 1.25 / sqrt(w) of their standard deviation, and 3.3 of those lie between the two.
        """
        return 4.4 * 1.25 * self.noise / math.sqrt(self.window)

    @cached_property
    def start(self) -> float:
        """The level at the first row: the loss at initialisation where the log is ``fresh``."""
        return float(self.value[0])

    @cached_property
    def end(self) -> float:
        """The level at the end, a median."""
        return float(np.median(self.value[-self.tail :]))

    @cached_property
    def best_at(self) -> int:
        """The index of the lowest smoothed value."""
        return int(np.argmin(self.smooth))

    @cached_property
    def best(self) -> float:
        """The lowest smoothed value."""
        return float(self.smooth[self.best_at])

    @cached_property
    def drop(self) -> float:
        """How far the loss fell at best from its start."""
        return max(self.start - self.best, 0.0)

    @cached_property
    def noise(self) -> float:
        """The standard deviation of the noise, over the whole run."""
        return noise(self.value)

    def noise_near(self, at: int) -> float:
        """Return the standard deviation of the noise over the tenth of the run (at least 20 values) before ``at``."""
        width = max(20, len(self) // 10)
        return noise(self.value[max(0, at - width) : max(at, 3) + 1])

    def part(self, start: float, stop: float = 1.0) -> slice:
        """Return the rows between two fractions of the run's steps: rows may lie closer at the beginning."""
        first, last = self.step[0], self.step[-1]
        a, b = (int(np.searchsorted(self.step, first + f * (last - first))) for f in (start, stop))
        return slice(min(a, len(self) - 1), len(self) if stop >= 1.0 else max(b, a + 1))

    def spread(self, start: float, stop: float = 1.0) -> float:
        """Return how far the smoothed values spread (5th to 95th percentile) between two fractions of the steps."""
        low, high = np.percentile(self.smooth[self.part(start, stop)], (5, 95))
        return float(high - low)

    def level(self, start: float, stop: float = 1.0) -> float:
        """Return the median between two fractions of the steps."""
        return float(np.median(self.value[self.part(start, stop)]))

    def reached(self, level: float) -> float:
        """Return the fraction of the run's steps after which the smoothed loss first is at or below ``level``."""
        below = np.flatnonzero(self.smooth <= level)
        if not len(below):
            return 1.0
        span = self.step[-1] - self.step[0]
        return float((self.step[below[0]] - self.step[0]) / span) if span > 0 else 1.0


def shape_of(series: Series) -> Shape | None:
    """Return the shape of a series, None where it has fewer than three finite values."""
    points = series.finite
    if len(points) < LEAST:
        return None
    first, last = float(points.step[0]), float(points.end[-1])
    gap = float(points.step[1] - points.step[0])
    fresh = first <= max(0.02 * last, 1.0, gap)
    return Shape(points.step, points.mean, points.high, fresh)
