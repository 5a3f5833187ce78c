"""A logged rate cut into its rises and falls, each fitted by the simplest bend within the tolerance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from surefoot.schedule.recognition.bend import TO_ZERO, Array, Bend, Trial, levelled, refined

SHAPES = ("linear", "cosine", "1-sqrt", "1-square", "root", "half-life", "rex", "mirror-cosine", "exponential", TO_ZERO)
NICE_FLOORS = (0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25)
# A piece of one of these is another of the same shape, so a cut-off run looks like one with a floor.
SELF_SIMILAR = {"linear", "1-sqrt", "1-square"}
_FLOORED = 1
_SAMPLES = 120


@dataclass(slots=True)
class Work:
    """How many searches are left."""

    left: int = 0

    def spend(self, searches: int) -> bool:
        """Take ``searches`` off; whether there were as many."""
        self.left -= searches
        return self.left >= 0


@dataclass(frozen=True, slots=True)
class Log:
    """Samples of a rate as shares of the highest: times ``t``, values ``y``, and what the rounding may hide.

    ``work`` is shared by the pieces of a log.
    """

    t: Array
    y: Array
    slack: float
    tolerance: float
    work: Work = field(default_factory=Work)

    @property
    def gap(self) -> float:
        """The usual distance between two samples, in updates."""
        return float(np.median(np.diff(self.t))) if len(self.t) > 1 else 1.0

    def error(self, fitted: Array) -> float:
        """Return the largest error, relative to the value, or to a thousandth of the highest where that is more."""
        away = np.maximum(np.abs(fitted - self.y) - self.slack, 0.0)
        return float(np.max(away / np.maximum(self.y, 1e-3)))

    def fits(self, bend: Bend) -> bool:
        """Whether the bend is within the tolerance."""
        return self.error(bend.at(self.t)) <= self.tolerance

    def cut(self, first: int, last: int) -> Log:
        """Return the samples ``first`` to ``last`` - 1."""
        return replace(self, t=self.t[first:last], y=self.y[first:last])

    def shifted(self, updates: int) -> Log:
        """Return the samples ``updates`` later."""
        return replace(self, t=self.t + updates)

    def working(self, searches: int) -> Log:
        """Return the log with so many searches to spend."""
        return replace(self, work=Work(searches))

    def thinned(self) -> Log:
        """Return at most a few hundred of the samples, ends included."""
        if len(self.t) <= _SAMPLES:
            return self
        keep = np.unique(np.linspace(0, len(self.t) - 1, _SAMPLES).astype(int))
        return replace(self, t=self.t[keep], y=self.y[keep])


def turning_points(log: Log) -> list[int]:
    """Return the samples where the rate turns, first and last included; wiggles below the threshold are none."""
    threshold = 2e-3 + 2 * log.slack
    found, low, high, way = [0], 0, 0, 0
    for k, value in enumerate(log.y):
        if value < log.y[low]:
            low = k
        if value > log.y[high]:
            high = k
        if way >= 0 and value < log.y[high] - threshold:
            if way > 0:
                found.append(high)
            way, low, high = -1, k, k
        elif way <= 0 and value > log.y[low] + threshold:
            if way < 0:
                found.append(_last_at(log, low, k))
            way, low, high = 1, k, k
    found = [*found, len(log.y) - 1] if found[-1] < len(log.y) - 1 else found
    return sorted({*found, *(rest for i, j in pairwise(found) if (rest := _landing(log, i, j)) is not None)})


def _landing(log: Log, i: int, j: int) -> int | None:
    """Return the last sample of a long flat stretch inside a fall, which parts it into two."""
    part = log.y[i : j + 1]
    if part[0] <= part[-1] or len(part) < 20:
        return None
    flat = np.abs(np.diff(part)) <= 1e-9
    inside = flat & (part[1:] < part[0] - 2e-3) & (part[1:] > part[-1] + 2e-3)
    ends = np.flatnonzero(inside[:-1] & ~inside[1:]) + 1
    return i + int(ends[-1]) if len(ends) == 1 and inside.sum() > 0.05 * len(part) else None


def _last_at(log: Log, low: int, before: int) -> int:
    flat = np.flatnonzero(log.y[low:before] <= log.y[low] + log.slack + 1e-9)
    return low + int(flat[-1])


def staircase(log: Log) -> list[tuple[float, float]] | None:
    """Return the (time, level) of each tread if the samples are a staircase of a few levels, else None."""
    jumps = np.flatnonzero(np.abs(np.diff(log.y)) > 2 * log.slack + 1e-6 * log.y[:-1]) + 1
    starts = [0, *map(int, jumps)]
    if len(jumps) == 0 or min(np.diff(starts)) < 2:
        return None
    return [(float(log.t[k]), float(log.y[k])) for k in starts]


def fitted(
    log: Log, begins: tuple[float, ...], ends: tuple[float, ...], line: Callable[[float], float] | None
) -> Bend | None:
    """Return the simplest bend within the tolerance, None if there is none.

    ``begins`` and ``ends`` are the times at which the bend may begin and end, most likely first; ``line`` is the
    warmup before it, where the samples are too sparse to show the peak.
    """
    few, resort = log.thinned(), None
    with np.errstate(all="ignore"):
        for k, (trials, free) in enumerate(_stages(log, begins, ends, line)):
            if free and not log.work.spend(len(trials)):
                return resort
            tried = (refined(t, few.t, few.y, free) if free else levelled(t, few.t, few.y) for t in trials)
            found = [bend for bend in tried if np.isfinite(bend.a + bend.b) and few.fits(bend) and log.fits(bend)]
            found = [bend for bend in found if k != _FLOORED or bend.shape not in SELF_SIMILAR or _nice(bend)]
            if not found:
                continue
            best = whole(min(found, key=lambda bend: round(log.error(bend.at(log.t)) / log.tolerance, 1)), log)
            # Times between two updates say that another shape or floor is meant: it goes on, with this as a resort.
            if best.begin.is_integer() and best.end.is_integer():
                return best
            resort = resort or best
    return resort


def _stages(
    log: Log, begins: tuple[float, ...], ends: tuple[float, ...], line: Callable[[float], float] | None
) -> Iterator[tuple[list[Trial], tuple[str, ...]]]:
    """Yield what to try, simplest first: everything known, an unknown floor, an unknown end, then all at once."""
    bottom, top = float(log.y[-1]), float(log.y[0])
    flat = np.abs(log.y[-3:] - bottom).max() <= log.slack + 1e-9 and len(log.y) > 3
    known = bottom if flat or bottom > top else 0.0
    tops = (None,) if line or begins[0] < log.t[0] else (top, None)
    falls = [s for s in SHAPES if s != "exponential" or log.y.min() > 0]

    def trials(b: float | None, lengths: tuple[float, ...] = (1.0,), power: float | None = None) -> list[Trial]:
        names = falls if power is None else ["polynomial"]
        searching = len(lengths) > 1
        return [
            Trial(shape, begin, (end - begin) * k, a, b, power, line)
            for shape in names for begin in begins for end in (ends[:1] if searching else ends) for k in lengths
            for a in (tops[:1] if searching else tops)
            if end > begin and (shape != "exponential" or b is None or b > 0) and (shape != TO_ZERO or b == 0)
        ]  # fmt: skip

    longer = (1.0, 2.0, 5.0)
    first: tuple[str, ...] = ("begin",) if line else ()
    yield trials(known), first
    yield trials(None), first
    for power in (2.0, 0.7):
        yield trials(known, power=power), (*first, "power")
    yield trials(known, longer), (*first, "length")
    yield trials(known), ("begin",)
    yield trials(None, longer), (*first, "length")
    for power in (2.0, 0.7):
        yield trials(known, longer, power), (*first, "length", "power")
        yield trials(None, power=power), (*first, "power")
    yield trials(known, longer), ("begin", "length")
    yield trials(None, longer), ("begin", "length")
    if log.gap > 1:
        yield [replace(trial, a=None) for trial in trials(None, longer)], ("begin", "length")


def _nice(bend: Bend) -> bool:
    """Whether the floor that is reached is one that people choose; else the run was cut off."""
    return bend.b >= bend.a or any(abs(bend.b - nice * bend.a) < 5e-3 * nice * bend.a for nice in NICE_FLOORS)


def whole(bend: Bend, log: Log) -> Bend:
    """Return the bend with times in whole updates and a floor and a power of few digits, where that fits as well."""
    begin, end = round(bend.begin), round(bend.end)
    best = bend
    tries = [replace(bend, begin=float(begin), length=float(max(end - begin, 1)))]
    if bend.power is not None:
        tries += [replace(tries[0], power=round(bend.power, digits)) for digits in (3, 2, 1)]
    for candidate in tries:
        if log.fits(candidate):
            best = candidate
    if best.b >= best.a:
        return best
    floors = [float(f"{best.b / best.a:.{digits}g}") * best.a for digits in (1, 2, 3, 4)]
    for level in (0.0, *floors):
        if (level > 0 or best.shape != "exponential") and log.fits(replace(best, b=level)):
            return replace(best, b=level)
    return best
