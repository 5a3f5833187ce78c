"""Course: the rates of a run's updates in units of their peak, and the sums of them that loss-curve laws need."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.errors import ArgumentError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_PART = 256
IDLE = 1e-4
"""Below this share of the peak an update moves no weight worth counting. Chosen here: no source."""


@dataclass(frozen=True, eq=False)
class Course:
    """The rates of updates 0..T-1: ``peak`` times ``shares`` (float64 [T], at most 1, or near it: see ``at``).

    An update of (almost) no rate changes no loss, but a law that counts updates would let it help: Tissue's area grows
    while zero-rate steps are appended. Such updates are left out of every sum (see ``IDLE``); ``active`` is, float64
    [T + 1], the number of counted updates before each step, and ``area`` the sum of the shares before it.

    >>> course = Course.of([1.0, 1.0, 0.5, 0.0])
    >>> course.area.tolist(), course.active.tolist()
    ([0.0, 1.0, 2.0, 2.5, 2.5], [0.0, 1.0, 2.0, 3.0, 3.0])
    """

    peak: float
    shares: Floats
    active: Floats = field(init=False)
    area: Floats = field(init=False)

    def __post_init__(self) -> None:
        counted = self.shares > IDLE
        object.__setattr__(self, "active", _before(counted.astype(np.float64)))
        object.__setattr__(self, "area", _before(np.where(counted, self.shares, 0.0)))

    @classmethod
    def of(cls, rates: ArrayLike, name: str = "rates") -> Course:
        """Return the course of ``rates`` [per update]; ArgumentError unless finite, >= 0 and not all 0."""
        values = np.asarray(rates, dtype=np.float64)
        if values.ndim != 1 or not len(values) or not np.isfinite(values).all() or values.min() < 0:
            raise ArgumentError(f"{name} must be at least one finite rate >= 0 for each update.")
        peak = float(values.max())
        if peak <= 0:
            raise ArgumentError(f"{name} are all 0: nothing is learnt at a rate of 0.")
        return cls(peak, values / peak)

    def at(self, peak: float) -> Course:
        """Return the same rates in units of another ``peak``, so that courses with nearly one peak share a unit."""
        return Course(peak, self.shares * (self.peak / peak))

    @property
    def total(self) -> int:
        """The number of updates."""
        return len(self.shares)

    @property
    def idle_end(self) -> int:
        """The updates at the end whose rate is (almost) 0."""
        return self.total - 1 - int(np.flatnonzero(self.shares > IDLE)[-1])

    @property
    def warm(self) -> int:
        """The updates before the rate first reaches its peak."""
        return int(np.argmax(self.shares >= (1 - 1e-3) * self.shares.max()))

    @property
    def falls(self) -> bool:
        """Whether the rate goes down by more than a hundredth of the peak after the warmup."""
        after = self.shares[self.warm :]
        return bool(after[after > IDLE].min() < (1 - 1e-2) * after.max())


@dataclass(frozen=True, eq=False)
class Sums:
    """What a law needs to know of a course at its ``n`` output steps, the falls of the rate in ``b`` blocks.

    ``area`` [n]: the sum of the shares so far. ``mass`` [b]: how much of the peak each block falls (below 0 where the
    rate rises again). ``level`` [b]: the log of the share after the fall. ``count`` [n, b]: the updates since the fall,
    and ``since`` [n, b]: the sum of the shares since, both 0 where the fall is yet to come.
    """

    area: Floats
    mass: Floats
    level: Floats
    count: Floats
    since: Floats


def sums(course: Course, steps: Ints, blocks: int | None = 512, *, warmed: bool = False) -> Sums:
    """Return the sums at ``steps`` (int [n], updates done), the falls gathered in about ``blocks`` blocks.

    What the rate moves before it first goes down is the warmup, which is not let into the sums unless ``warmed``. A
    block holds falls of one sign, no more than 1/blocks of all that the rate moves (or one update), and no output step
    lies inside one, so a step down is exact and a smooth decay is a sum of midpoints; None makes each fall a block.
    """
    counted = np.flatnonzero(course.shares > IDLE)
    shares = course.shares[counted]
    fall = -np.diff(shares, prepend=0.0 if warmed else shares[0])
    done = course.active[steps]
    down = np.flatnonzero(fall > 0)
    first = 0 if warmed else down[0] if len(down) else len(fall)
    k = first + np.flatnonzero(fall[first:])
    if not len(k):
        nothing = np.zeros((len(steps), 0))
        return Sums(course.area[steps], np.zeros(0), np.zeros(0), nothing, nothing)
    drop = fall[k]
    starts = _starts(k, drop, done, blocks)
    size = np.abs(drop)
    weight = np.add.reduceat(size, starts)
    before = course.area[counted][k]

    def centre(values: Floats) -> Floats:
        return np.add.reduceat(size * values, starts) / weight

    come = done[:, None] > k[starts][None, :]
    count = np.where(come, done[:, None] - centre(k.astype(np.float64))[None, :], 0.0)
    since = np.where(come, course.area[steps][:, None] - centre(before)[None, :], 0.0)
    return Sums(course.area[steps], np.add.reduceat(drop, starts), centre(np.log(shares[k])), count, since)


def parts(steps: Ints) -> list[Ints]:
    """Return ``steps`` in parts of a few hundred, so that sums over many steps and falls fit into memory."""
    return np.array_split(steps, max(math.ceil(len(steps) / _PART), 1))


def thinned(first: int, last: int, points: int) -> Ints:
    """Return at most ``points`` steps from ``first`` to ``last``, evenly spaced in the log of the step, ends included.

    >>> thinned(1, 1000, 4).tolist()
    [1, 10, 100, 1000]
    """
    low = math.log(max(first, 1))
    found = np.exp(np.linspace(low, math.log(max(last, 1)), max(points, 2))).round().astype(np.int64)
    return np.unique(np.clip(found, first, last))


def _starts(k: Ints, drop: Floats, done: Floats, blocks: int | None) -> Ints:
    """Return where each block begins among the falls ``k``."""
    if blocks is None:
        return np.arange(len(k))
    moved = np.cumsum(np.abs(drop))
    bins = np.ceil(moved / moved[-1] * blocks * (1 - 1e-12)).astype(np.int64)
    sign, between = drop > 0, np.searchsorted(done, k, side="right")
    fresh = (np.diff(bins) != 0) | (np.diff(sign.astype(np.int8)) != 0) | (np.diff(between) != 0)
    # A fall that fills a block by itself shares it with nothing before it.
    fresh |= np.abs(drop[1:]) > moved[-1] / blocks
    return np.concatenate(([0], np.flatnonzero(fresh) + 1)).astype(np.int64)


def _before(values: Floats) -> Floats:
    return np.concatenate(([0.0], np.cumsum(values)))
