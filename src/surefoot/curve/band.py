"""Band: the mean loss of each rate over its seeds, and how well it is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from surefoot.curve.table import Array, Groups
from surefoot.errors import ArgumentError

_MANY = 200
"""Degrees of freedom from which on an expansion about the normal law is exact to seven digits."""


@dataclass(frozen=True, slots=True)
class Band:
    """A curve with its confidence: per rate of ``lrs``, rising, over ``counts`` seeds.

    ``means``: mean loss, infinite where a run failed under any seed. ``errors``: standard error s / sqrt(n), s with
    n - 1 degrees of freedom; NaN for a single seed, or a failure. ``lows`` and ``highs``: mean -+ t s / sqrt(n), t the
    quantile of Student's law with n - 1 degrees of freedom that leaves (1 - ``level``) / 2 beyond; NaN as ``errors``.
    """

    lrs: tuple[float, ...]
    counts: tuple[int, ...]
    means: tuple[float, ...]
    errors: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    level: float = 0.9


def band_of(groups: Groups, level: float, *, paired: bool) -> Band:
    """Return the band of the trials in ``groups``; ``Curve.band`` says what its arguments mean."""
    if not 0 < level < 1:
        raise ArgumentError(f"level={level!r} must be in (0, 1): the probability that the interval holds the mean.")
    losses, counts = groups.losses, groups.counts
    if paired:
        losses = losses - _shifts(groups)
    means = groups.means(losses)
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = groups.means((losses - np.repeat(means, counts)) ** 2)
        errors = np.sqrt(squares / (counts - 1))
    errors[(counts < 2) | ~np.isfinite(means)] = math.nan
    quantiles = np.full(int(counts.max(initial=1)) + 1, math.nan)
    for n in np.unique(counts[counts > 1]).tolist():
        quantiles[n] = student(level, n - 1)
    reach = errors * quantiles[counts]
    rates, tried = tuple(groups.rates.tolist()), tuple(counts.tolist())
    known, sure, low, high = (tuple(column.tolist()) for column in (means, errors, means - reach, means + reach))
    return Band(rates, tried, known, sure, low, high, level)


def _shifts(groups: Groups) -> Array:
    """Return by how much each run's seed raises the loss, on average over the rates that ended under all seeds."""
    seen, which = np.unique(groups.seeds, return_inverse=True)
    whole = groups.counts == len(seen)
    place = groups.place
    whole[place[~np.isfinite(groups.losses)]] = False
    common = whole[place]
    if not common.any():
        return np.zeros(len(which))
    offsets = np.bincount(which[common], groups.losses[common], len(seen)) / whole.sum()
    return np.asarray((offsets - offsets.mean())[which], dtype=np.float64)


def student(level: float, freedom: int) -> float:
    """Return t with P(abs(T) < t) = ``level``, T of Student's law with ``freedom`` degrees of freedom.

    >>> round(student(0.9, 2), 4), round(student(0.95, 1000), 4)
    (2.92, 1.9623)

    Source: Handbook of Mathematical Functions, 26.7.3, 26.7.4 and 26.7.5, 1964.
    """
    if freedom > _MANY:
        z, n = NormalDist().inv_cdf(0.5 + level / 2), freedom
        return z + (z**3 + z) / (4 * n) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < level else (low, middle)
    return math.sqrt(freedom) * math.tan(low)


def _within(angle: float, freedom: int) -> float:
    """Return P(abs(T) < sqrt(freedom) tan(angle))."""
    sine, cosine, odd = math.sin(angle), math.cos(angle), freedom % 2
    term = cosine if odd else 1.0
    total = term if freedom > 1 else 0.0
    for k in range(2 + odd, freedom - 1, 2):
        term *= cosine**2 * (k - 1) / k
        total += term
    return 2 / math.pi * (angle + sine * total) if odd else sine * total
