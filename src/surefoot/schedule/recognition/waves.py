"""Columns whose few numbers follow from where they turn: triangles, equal restarts, one-cycle in three phases."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise, product

import numpy as np

from surefoot.schedule.phase import hold, ramp
from surefoot.schedule.recognition.bend import Array, fall
from surefoot.schedule.recognition.legs import Log
from surefoot.schedule.recognition.plan import Plan

_FEWEST_CYCLES, _FEWEST_SAMPLES, _MOST_PERIODS = 3, 3, 50
_CURVES = ("cosine", "linear")


def waves(log: Log, turns: list[int], shift: int = 0) -> Iterator[Plan]:
    """Yield the waves that fit some samples of the log; with ``shift`` 1 its first sample is that of update 1."""
    yield from _triangles(log, turns, shift)
    yield from _restarts(log, turns, shift)
    yield from _three_phases(log.thinned(), int(log.t[int(np.argmax(log.y))]) + shift, shift)


def _triangles(log: Log, turns: list[int], shift: int) -> Iterator[Plan]:
    if len(turns) < 4 or log.y[turns[1]] < log.y[0]:
        return
    lines = [_line(log, i, j) for i, j in pairwise(turns[:4])]
    if None in lines:
        return
    top, low = (_crossing(one, two) for one, two in pairwise(line for line in lines if line))
    few, last = log.thinned(), int(log.t[-1]) + 1 + shift
    for up, whole, mode in product(_near(top + shift), _near(low + shift), ("triangular", "triangular2")):
        if not 0 < up < whole:
            continue
        unit = ramp(0.0, 1.0, last, "cyclic", rise=up, fall=whole - up, mode=mode)
        found = _levels(few, np.asarray(unit.at(few.t + shift)))
        if found is not None and found[1] >= found[0]:
            base, height = found
            phase = ramp(base / height, 1.0, last, "cyclic", rise=up, fall=whole - up, mode=mode, gamma=1.0)
            yield Plan(height, (phase,), "cyclic").later(shift)


def _line(log: Log, i: int, j: int) -> tuple[float, float] | None:
    """Return (slope, base) of the samples between two turns; the turns themselves may lie on either side."""
    first = i if i == 0 else i + 1
    if j - first < 2:
        return None
    slope, base = np.polyfit(log.t[first:j], log.y[first:j], 1)
    return float(slope), float(base)


def _crossing(one: tuple[float, float], two: tuple[float, float]) -> float:
    return (two[1] - one[1]) / (one[0] - two[0]) if one[0] != two[0] else 0.0


def _near(time: float) -> tuple[int, ...]:
    middle = round(time) if abs(time) < 1e15 else 0
    return (middle, middle - 1, middle + 1)


def _levels(log: Log, share: Array) -> tuple[float, float] | None:
    """Return the levels at shares 0 and 1 that fit the log within its tolerance."""
    columns = np.stack([1.0 - share, share], axis=1)
    found = np.linalg.lstsq(columns, log.y, rcond=None)[0]
    if log.error(columns @ found) > log.tolerance:
        return None
    low, high = map(_tidy, found)
    return low, high


def _restarts(log: Log, turns: list[int], shift: int) -> Iterator[Plan]:
    jumps = [(log.t[i] + shift, log.t[j] + shift) for i, j in pairwise(turns) if j == i + 1 and log.y[j] > log.y[i]]
    if len(jumps) < _FEWEST_CYCLES - 1:
        return
    # Restart k is at k periods, after the last sample of the fall and not after the first one of the next.
    least = max(math.floor(before / k) + 1 for k, (before, _) in enumerate(jumps, 1))
    most = min(math.floor(after / k) for k, (_, after) in enumerate(jumps, 1))
    few, last = log.thinned(), int(log.t[-1]) + 1 + shift
    for period, shape in product(range(max(least, 1), min(most, least + _MOST_PERIODS) + 1), _CURVES):
        u = np.mod(few.t + shift, period) / period
        found = _levels(few, fall(shape, u))
        if found is not None and found[1] > found[0]:
            whole = ramp(1.0, found[0] / found[1], period, shape)
            rest = last % period
            pieces = (*[whole] * (last // period), *((whole.part(0, rest),) if rest else ()))
            yield Plan(found[1], pieces, "restarts").later(shift)


def _three_phases(log: Log, up: int, shift: int) -> Iterator[Plan]:
    s, last = log.t + shift, int(log.t[-1]) + 1 + shift
    for end, shape in product((last, last - 1), _CURVES):
        if np.count_nonzero(s < up) < _FEWEST_SAMPLES or end <= 2 * up:
            continue
        rise, down, rest = fall(shape, s / up), fall(shape, (s - up) / up), fall(shape, (s - 2 * up) / (end - 2 * up))
        first, second = s < up, s < 2 * up
        start = np.where(first, rise, np.where(second, 1.0 - down, rest))
        top = np.where(first, 1.0 - rise, np.where(second, down, 0.0))
        columns = np.stack([start, top, np.where(second, 0.0, 1.0 - rest)], axis=1)
        found = np.linalg.lstsq(columns, log.y, rcond=None)[0]
        a, peak, b = map(_tidy, found)
        if log.error(columns @ found) <= log.tolerance and b < a < peak:
            a, b = a / peak, b / peak
            legs = (ramp(a, 1.0, up, shape), ramp(1.0, a, up, shape), ramp(a, b, end - 2 * up, shape))
            yield Plan(peak, (*legs, hold(last - end, b)), "one-cycle").later(shift)


def _tidy(level: float) -> float:
    return 0.0 if level < 1e-9 else float(f"{level:.10g}")
