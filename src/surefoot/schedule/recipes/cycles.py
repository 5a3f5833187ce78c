"""Recipes that come back to the peak: cycles and warm restarts."""

from __future__ import annotations

import math
from itertools import accumulate, count, pairwise
from typing import Unpack

import numpy as np

from surefoot.errors import ArgumentError
from surefoot.schedule.core import Schedule
from surefoot.schedule.formula import share
from surefoot.schedule.lengths import LengthLike
from surefoot.schedule.phase import Phase, number, ramp
from surefoot.schedule.recipes.frame import Common, Frame, Warmup, frame

_MOST = 10_000
_STEEPEST = 1e3


def cyclic(
    peak: float,
    *,
    total: LengthLike | None = None,
    rise: LengthLike = 0.125,
    fall: LengthLike | None = None,
    mode: str = "triangular",
    gamma: float = 1.0,
    warmup: Warmup = 0,
    floor: float = 0.0,
    **common: Unpack[Common],
) -> Schedule:
    """Return triangles between the floor and the peak: ``floor + (1 - floor) * h(t) * amplitude``.

    h rises from 0 to 1 over ``rise`` updates and falls over ``fall`` (the same unless given); the amplitude is 1
    ("triangular"), halves each cycle ("triangular2") or is ``gamma^t`` ("exp_range", gamma in (0, 1]). A cycle rises
    by itself; a ``warmup`` takes the place of the first rise. ``total`` None repeats for ever. Source: Cyclical
    Learning Rates, arXiv 1506.01186 (2015).

    >>> cyclic(1.0, rise=2, mode="triangular2", floor=0.1).array(0, 11).round(4).tolist()
    [0.1, 0.55, 1.0, 0.55, 0.1, 0.325, 0.55, 0.325, 0.1, 0.2125, 0.325]
    """
    if mode != "exp_range" and gamma != 1.0:
        raise ArgumentError(f'gamma={gamma!r} belongs to mode="exp_range", not to mode={mode!r}.')
    found = frame(peak, total=total, warmup=warmup, floor=floor, open_end=True, **common)
    up = found.steps(rise, "rise")
    down = up if fall is None else found.steps(fall, "fall", start=found.begin + up)
    skipped = up if found.begin else 0
    end = None if found.left is None else found.left + skipped
    main = ramp(found.floor, 1.0, end, "cyclic", rise=up, fall=down, mode=mode, gamma=gamma).part(skipped, end)
    return Schedule(found.peak, (found.warmup.times(float(main.at(0.0))) if found.begin else found.warmup, main))


def restarts(
    peak: float,
    *,
    total: LengthLike,
    cycles: int | None = None,
    period: LengthLike | None = None,
    growth: float = 2.0,
    shrink: float = 1.0,
    shape: str = "cosine",
    warmup: Warmup = 0,
    floor: float = 0.0,
    **common: Unpack[Common],
) -> Schedule:
    """Return falls to the floor, each followed by a restart at the peak times ``shrink``, ``growth`` times as long.

    Cycle k falls from ``peak * shrink^k`` over ``period * growth^k`` updates along ``shape``; its floor is no update
    but the end that the restart cuts off. Either ``cycles`` (3 unless given, fewer in fewer updates) fill the total,
    or the first lasts ``period`` and the total may cut the last one short. ``growth`` >= 1, ``shrink`` in (0, 1];
    boundaries are rounded by the one rule. Source: SGDR, arXiv 1608.03983 (2016).

    >>> restarts(1.0, total=10, period=3, growth=2).array().round(3).tolist()
    [1.0, 0.75, 0.25, 1.0, 0.933, 0.75, 0.5, 0.25, 0.067, 1.0]
    """
    if not 1.0 <= number(growth, "growth") <= _STEEPEST:
        raise ArgumentError(f"growth={growth!r} must be a number from 1 to {_STEEPEST:g}: periods may not shrink.")
    share(shrink, "shrink")
    found = frame(peak, total=total, warmup=warmup, floor=floor, **common)
    if period is None:
        lengths = _filling(found, cycles, growth)
    elif cycles is None:
        lengths = _growing(found, found.steps(period, "period"), growth)
    else:
        raise ArgumentError(
            f"cycles={cycles!r} and period={period!r} both set the length of a cycle: pass one of them."
        )
    return found.schedule(*_falls(found, lengths, shrink, shape))


def _filling(found: Frame, given: int | None, growth: float) -> list[int]:
    left = found.left or 0
    cycles = min(3, max(left, 1)) if given is None else given
    if isinstance(cycles, bool) or not isinstance(cycles, (int, np.integer)) or not 1 <= cycles <= max(left, 1):
        raise ArgumentError(f"cycles={cycles!r} must be an int from 1 to {left}, the updates that they share.")
    sums = [0.0, *accumulate(growth**k for k in range(cycles))]
    marks = [math.floor(left * s / sums[-1] + 0.5) for s in sums]
    return [b - a for a, b in pairwise(marks)]


def _growing(found: Frame, period: int, growth: float) -> list[int]:
    left = found.left or 0
    if period < 1 or left / period > _MOST:
        raise ArgumentError(f"period={period} must be at least 1 update, and at most {_MOST} of them fit in a plan.")
    lengths: list[int] = []
    begin, end, exact = 0, 0, 0.0
    for k in count():
        exact += period * growth**k
        begin, end = end, math.floor(exact + 0.5)
        lengths.append(end - begin)
        if end >= left:
            return lengths
    return lengths


def _falls(found: Frame, lengths: list[int], shrink: float, shape: str) -> list[Phase]:
    left, phases = found.left or 0, []
    for k, length in enumerate(lengths):
        top = shrink**k
        if top < found.floor:
            raise ArgumentError(
                f"shrink={shrink!r} takes cycle {k} to {top:g} of the peak, under the floor {found.floor:g}."
            )
        whole = ramp(top, found.floor, length, shape)
        phases.append(whole if length <= left else whole.part(0, left))
        left -= length
    return phases
