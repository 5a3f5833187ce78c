"""Adaptive rates: coarse over five decades, then beside the best, and beyond the ends where it lies there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from surefoot.errors import ArgumentError
from surefoot.search.question import Question, count

COUNT = 12
"""Rates of an adaptive sweep."""
LOW, HIGH = 1e-5, 1.0
_LOWEST, _HIGHEST = 1e-9, 1e4
_COARSE = 6
_FINE = 2.0 ** (1 / 4)
"""A ratio of neighbours below which another rate between them says nothing new."""


@dataclass(frozen=True, slots=True)
class Adaptive:
    """How rates are chosen: at most ``count``, first from ``low`` to ``high``, none beyond ``lowest``, ``highest``."""

    count: int
    low: float
    high: float
    lowest: float
    highest: float

    def first(self) -> list[float]:
        """Return the coarse grid: six rates by equal ratios, fewer where fewer are allowed."""
        points = min(_COARSE, self.count)
        return [self.low * (self.high / self.low) ** (k / (points - 1)) for k in range(points)]

    def next(self, losses: Mapping[float, float]) -> list[float]:
        """Return the rates to run after those of ``losses`` (mean over seeds, infinite for a failure); [] to stop.

        Where the best lies at an end, one coarse step beyond it; else the middle (in logarithms) of the gap on either
        side of it, the wider first, as long as it is wider than a quarter of an octave.
        """
        room = self.count - len(losses)
        rates = sorted(losses)
        best = min(range(len(rates)), key=lambda k: (losses[rates[k]], k))
        step = (self.high / self.low) ** (1 / (min(_COARSE, self.count) - 1))
        if math.isinf(losses[rates[best]]):
            # Nothing ended: lower rates may.
            found = [rates[0] / step]
        elif best == 0 and rates[0] / step >= self.lowest * (1 - 1e-9):
            found = [rates[0] / step]
        elif best == len(rates) - 1 and rates[-1] * step <= self.highest * (1 + 1e-9):
            found = [rates[-1] * step]
        else:
            found = _between(rates, best)
        return [rate for rate in found if self.lowest * (1 - 1e-9) <= rate <= self.highest * (1 + 1e-9)][: max(room, 0)]


def _between(rates: list[float], best: int) -> list[float]:
    pairs = [(rates[k], rates[k + 1]) for k in (best - 1, best) if 0 <= k < len(rates) - 1]
    wide = sorted((pair for pair in pairs if pair[1] / pair[0] > _FINE), key=lambda pair: pair[0] / pair[1])
    return [math.sqrt(low * high) for low, high in wide]


def adaptive(lrs: int | None, question: Question) -> Adaptive:
    """Return how ``lrs`` rates (12 unless given) are chosen between the bounds that the question has."""
    rates = COUNT if lrs is None else count(lrs, "lrs", "how many rates are tried, or the rates themselves", least=3)
    low, high = question.low or min(LOW, (question.high or HIGH) / 10), question.high or HIGH
    if question.low is not None and question.high is None and high <= low:
        high = low * 1e3
    if not low < high:
        raise ArgumentError(f"low={question.low!r} must be below high={question.high!r}: they bound the rates.")
    return Adaptive(rates, low, high, question.low or _LOWEST, question.high or _HIGHEST)
