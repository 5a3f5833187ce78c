"""From fitted bends to the phases of a plan, with a name for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from surefoot.schedule.phase import Phase, hold, ramp
from surefoot.schedule.recognition.bend import NAMES, Bend
from surefoot.schedule.recognition.legs import Log, fitted, turning_points, whole
from surefoot.schedule.recognition.plan import Plan
from surefoot.schedule.recognition.polyline import points
from surefoot.schedule.recognition.stairs import stairs, warm_stairs
from surefoot.schedule.recognition.tails import open_tail
from surefoot.schedule.recognition.waves import waves

_MOST_LEGS = 400
# Searches that one log may cost, a few milliseconds each: beyond them it is a table.
_WORK = 350
Line = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class _Leg:
    """A bend that is followed until time ``stop`` (None: to its own end)."""

    bend: Bend
    stop: float | None
    tail: tuple[str, float] | None = None


def plans(log: Log) -> Iterator[Plan | None]:
    """Yield the plans worth checking, simplest first."""
    last = int(log.t[-1]) + 1
    level = float(np.median(log.y))
    yield Plan(level, (hold(last),), "constant")
    yield stairs(log)
    yield warm_stairs(log)
    turns = turning_points(log)
    cheap, whole = log.working(0), log.t[0] == 0 and log.gap == 1
    if whole:
        yield _bent(cheap, turns)
    yield from waves(cheap, turns)
    if whole:
        yield from _counted_from_one(cheap.shifted(1), turns)
    yield _bent(log.working(_WORK), turns)


def _counted_from_one(log: Log, turns: list[int]) -> Iterator[Plan | None]:
    plan = _bent(log, turns)
    if plan is not None and plan.complete:
        found = plan.later(1)
        short = int(log.t[-1]) - sum(phase.steps or 0 for phase in found.phases)
        rest = (hold(short, found.phases[-1].end),) if short > 0 else ()
        yield replace(found, phases=(*found.phases, *rest))
    yield from waves(log.shifted(-1), turns, 1)


def table(log: Log) -> Plan:
    """Return the plan that goes through the logged points, without those that lie on a line between others."""
    return Plan(1.0, (points(log),), "table")


def _bent(log: Log, turns: list[int]) -> Plan | None:
    legs = _legs(log, turns)
    if not legs:
        return None
    peak = max(max(leg.bend.a, leg.bend.b) for leg in legs)
    last, end = int(log.t[-1]) + 1, legs[-1].bend.end
    # A sparse log that ends at the very end of the fall shows the rate that is held past it, not one more update.
    on_end = (log.t[0] > 0 or log.gap > 1) and end == last - 1 and legs[-1].tail is None
    phases = _phases(legs, peak, last - 1 if on_end and legs[-1].bend.b < legs[-1].bend.a else last)
    rising = legs[-1].bend.b > legs[-1].bend.a
    reached = end <= log.t[-1] + (0.0 if rising else max(log.gap, 1.0))
    complete = legs[-1].tail is not None or reached
    return Plan(peak, phases, _name(legs, last), complete)


def _legs(log: Log, turns: list[int]) -> list[_Leg] | None:
    if len(turns) > _MOST_LEGS:
        return None
    legs: list[_Leg] = []
    begin: float | None = None if log.t[0] == 0 else 0.0
    line: Line | None = None
    for k, (i, j) in enumerate(pairwise(turns)):
        rises = log.y[j] > log.y[i]
        # Where a sparse warmup goes up to its last sample, that one says nothing about the fall.
        skip = int(line is not None and not rises and j > i + 3 and abs(line(log.t[i]) - log.y[i]) < 1e-4)
        part = log.cut(i + skip, j + 1)
        if rises and j == i + 1 and i > 0:
            begin = legs[-1].stop if legs else None
            continue
        follow = turns[k + 2] if k + 2 < len(turns) else None
        jumps = follow == j + 1 and not rises
        if rises:
            leg, line = _rise(part, begin, j == len(log.t) - 1)
        else:
            leg = _fall(part, begin, line, float(log.t[j + 1]) if jumps else None, j == len(log.t) - 1)
            line = None
        if leg is None:
            return None
        legs.append(leg)
        begin = leg.stop
    return _met(legs)


def _met(legs: list[_Leg]) -> list[_Leg]:
    """Let a warmup that ends between two samples end where the fall after it begins."""
    for k, (one, two) in enumerate(pairwise(legs)):
        if (
            one.bend.shape == "linear"
            and one.stop is None
            and two.bend.begin != one.bend.end
            and two.bend.a > one.bend.b
        ):
            legs[k] = replace(one, bend=replace(one.bend, length=two.bend.begin - one.bend.begin, b=two.bend.a))
    return legs


def _rise(part: Log, begin: float | None, last: bool) -> tuple[_Leg | None, Line | None]:
    line = _line(part)
    start = float(part.t[0]) if begin is None else begin
    if line is not None:
        slope = line(1.0) - line(0.0)
        base = max(line(start), 0.0) if begin is not None else float(part.y[0])
        reach = (float(part.y[-1]) - line(0.0)) / slope
        bend = Bend("linear", start, max(min(reach, float(part.t[-1])) - start, 1e-9), base, float(part.y[-1]))
        tidy = whole(replace(bend, a=0.0 if base < 1e-4 else base), part.cut(0, len(part.t) - 1))
        sparse = part.gap > 1 and not last
        return _Leg(tidy, None), line if sparse else None
    ends = (float(part.t[-1]),)
    begins = (float(part.t[0]),) if begin is None or begin > part.t[0] else (begin, float(part.t[0]))
    found = fitted(part, begins, ends, None)
    return (None if found is None else _Leg(found, None)), None


def _line(part: Log) -> Line | None:
    """Return the straight line through the samples of a rise but its last, which may lie beyond the top."""
    t, y = (part.t[:-1], part.y[:-1]) if len(part.t) > 2 else (part.t, part.y)
    if len(t) == 1:
        t, y = np.array([0.0, *t]), np.array([0.0, *y])
    if len(np.unique(t)) < 2:
        return None
    slope, base = np.polyfit(t, y, 1)
    if slope <= 0 or part.cut(0, len(part.t) - 1).error(base + slope * part.t[:-1]) > part.tolerance:
        return None
    return lambda time: float(base + slope * time)


def _fall(part: Log, begin: float | None, line: Line | None, jump: float | None, last: bool) -> _Leg | None:
    top = part.y[0]
    plateau = float(part.t[int(np.flatnonzero(part.y >= top - part.slack - 1e-7)[-1])])
    begins = (
        [float(part.t[0]), plateau]
        if begin is None or line or begin > part.t[0]
        else [begin, float(part.t[0]), plateau]
    )
    flat = np.flatnonzero(part.y <= part.y[-1] + part.slack + 1e-9)
    ends = [float(part.t[int(flat[0])])] if len(flat) > 2 else []
    if jump is not None:
        ends.append(jump)
    ends += [float(part.t[-1]) + 1, float(part.t[-1]) + part.gap] if last else []
    ends.append(float(part.t[-1]))
    tail = open_tail(part, line) if last and len(part.t) > 5 else None
    if tail is not None:
        bend, name, scale = tail
        return _Leg(bend, float(part.t[-1]) + 1, (name, scale))
    found = None
    if line is not None and plateau == part.t[0]:
        near = (float(part.t[0]) - 0.5 * part.gap, float(part.t[0]))
        found = fitted(part, near, tuple(dict.fromkeys(ends)), line)
    found = found or fitted(part, tuple(dict.fromkeys(begins)), tuple(dict.fromkeys(ends)), None)
    if found is None:
        return None
    stop = jump if jump is None or not part.t[-1] < found.end <= jump else found.end
    return _Leg(found, stop)


def _phases(legs: list[_Leg], peak: float, last: int) -> tuple[Phase, ...]:
    phases: list[Phase] = []
    cursor = 0
    for k, leg in enumerate(legs):
        bend = leg.bend
        begin, end = round(bend.begin), max(round(bend.end), round(bend.begin) + 1)
        a, b = min(bend.a / peak, 1.0), min(bend.b / peak, 1.0)
        stop = end if leg.stop is None else round(leg.stop)
        if k == len(legs) - 1:
            stop = last if leg.tail is not None else max(end, last)
        if begin > cursor:
            phases.append(hold(begin - cursor, a))
        body = _body(leg, a, b, end - begin)
        first, cut = max(cursor - begin, 0), min(stop, end) - begin
        if cut > first:
            phases.append(body.part(first, cut))
        if stop > end:
            phases.append(hold(stop - end, b))
        cursor = stop
    return tuple(phases)


def _body(leg: _Leg, a: float, b: float, length: int) -> Phase:
    bend = leg.bend
    if leg.tail is not None:
        name, scale = leg.tail
        return ramp(a, 0.0, length, name, timescale=scale)
    extra = {} if bend.power is None else {"power": bend.power}
    return ramp(a, b, length, NAMES.get(bend.shape, bend.shape), **extra)


def _name(legs: list[_Leg], last: int) -> str:
    first, rest = legs[0], legs[1:]
    rises = [leg.bend.b > leg.bend.a for leg in legs]
    if len(legs) == 1:
        flat = "warmup + constant" if first.bend.end < last - 1 else "rise"
        return flat if rises[0] else _kind(first, 0.0)
    if rises == [True, False]:
        if first.bend.shape == "cosine" and rest[0].bend.shape == "cosine":
            return "one-cycle"
        kind = _kind(rest[0], first.bend.end)
        return kind if kind == "wsd" else f"warmup + {kind}"
    if sum(rises) <= 1:
        falls = legs[sum(rises) :]
        again = any(b.bend.a > a.bend.b + 2e-3 for a, b in pairwise(falls))
        return f"{'warmup + ' if rises[0] else ''}{'restarts' if again else 'decays'}"
    return "cyclic"


def _kind(leg: _Leg, after: float) -> str:
    if leg.tail is not None:
        return leg.tail[0]
    if leg.bend.a == leg.bend.b:
        return "constant"
    return "wsd" if leg.bend.begin > after + 1.5 else NAMES.get(leg.bend.shape, leg.bend.shape)
