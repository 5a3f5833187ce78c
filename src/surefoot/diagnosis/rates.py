"""Rates: the schedule as the logged rate shows it: warmup, rises, decay, floor."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from surefoot.diagnosis.series import Series
from surefoot.diagnosis.trace import Trace
from surefoot.history.columns import Column

RISE = 1.5
"""A rate that is this many times its local minimum has risen again."""
_FALL = 1.1
_LEVEL = 0.98
_FLAT = 1e-3
_SMALL = 0.01


def _empty() -> Column:
    return np.zeros(0)


@dataclass(frozen=True, eq=False)
class RatePhases:
    """What is seen of a schedule in the rates that a run logged.

    ``known``: at least two rates were logged, one of them above 0; nothing else is meant otherwise. ``peak``: the
    highest rate. ``warmup_end``: the step that first reaches the top of the first climb within 2 %; None where the run
    begins at 0.9 of it or more, or climbs still. ``rises``: the steps at which a later rise to 1.5 times the local
    minimum begins (restarts, cycles). ``decay_start``: the last step at the top of what follows the last rise, None
    where the rate does not fall to 0.9 of it. ``floor_start``: the first step of a decayed rate's last, unchanging
    stretch, None where it changes to the end. ``end_factor``: the last rate / ``peak``. ``step``, ``rate``: the points
    that were looked at, float64 of shape [points].
    """

    known: bool = False
    peak: float = 0.0
    warmup_end: float | None = None
    rises: tuple[float, ...] = ()
    decay_start: float | None = None
    floor_start: float | None = None
    end_factor: float = 1.0
    step: Column = field(default_factory=_empty)
    rate: Column = field(default_factory=_empty)


def rate_phases(trace: Trace) -> RatePhases:
    """Return what the applied rates of a run show, the logged ones where no others are known.

    >>> from surefoot import History, Reading, cosine
    >>> from surefoot.diagnosis.trace import updated
    >>> plan = cosine(0.1, total=100, warmup=10)
    >>> found = rate_phases(updated(Trace(), History.of(Reading(t, 1.0, lr=plan(t)) for t in range(100))))
    >>> found.peak, found.warmup_end, found.decay_start, found.rises
    (0.1, 10.0, 11.0, ())
    """
    applied = trace["applied_lr"]
    return seen(applied if applied.length >= 2 else trace["lr"])


def seen(series: Series) -> RatePhases:
    """Return what a column of rates shows."""
    step, rate = points(series)
    if len(rate) > 1:
        # A rate below 0, or a step that does not rise, is a broken row of a log.
        kept = (rate >= 0) & (step > np.maximum.accumulate(np.concatenate([[-np.inf], step[:-1]])))
        step, rate = step[kept], rate[kept]
    if len(rate) < 2 or rate.max() <= 0:
        return RatePhases()
    peak = max(float(rate.max()), float(series.points.high.max()))
    top = _climbed(rate)
    rises, last = _rises(rate, top, peak)
    start, floor = _decay(rate, last)
    return RatePhases(
        True,
        peak,
        _warm(step, rate, top),
        tuple(float(step[k]) for k in rises),
        None if start is None else float(step[start]),
        None if floor is None else float(step[floor]),
        float(rate[-1]) / peak,
        step,
        rate,
    )


def points(series: Series) -> tuple[Column, Column]:
    """Return steps and values, finite and in order: exact at both ends, means of blocks between in a long log."""
    step, value = series.finite.step, series.finite.mean
    if series.width > 1:
        head, tail = series.head, series.tail
        between = (series.finite.step > head[0][-1]) & (series.finite.end < tail[0][0])
        step = np.concatenate([head[0], step[between], tail[0]])
        value = np.concatenate([head[1], value[between], tail[1]])
        good = np.isfinite(value)
        step, value = step[good], value[good]
    return step, value


def _climbed(rate: Column) -> int:
    """Return the index of the top of the first climb: the highest rate before the first fall to 1 / 1.1."""
    fallen = np.flatnonzero(rate * _FALL < np.maximum.accumulate(rate))
    return int(np.argmax(rate[: max(fallen[0], 1)] if len(fallen) else rate))


def _warm(step: Column, rate: Column, top: int) -> float | None:
    level = rate[top]
    climbing = top == len(rate) - 1 and rate[-1] > rate[-2]
    if climbing or rate[0] >= 0.9 * level:
        return None
    return float(step[np.argmax(rate >= _LEVEL * level)])


def _rises(rate: Column, top: int, peak: float) -> tuple[list[int], int]:
    """Return where each rise after the first climb begins, and the index of the top of the last."""
    rises, least, crest, rising = [], top, top, False
    values = rate.tolist()
    for k in range(top + 1, len(values)):
        value = values[k]
        if rising:
            crest = k if value > values[crest] else crest
            if value * _FALL < values[crest]:
                least, rising = k, False
        elif value <= values[least]:
            least = k
        elif value >= RISE * max(values[least], _SMALL * peak):
            rises.append(least + 1)
            crest, rising = k, True
    return rises, crest


def _decay(rate: Column, top: int) -> tuple[int | None, int | None]:
    """Return the index of the last rate at the top, and that of the first of the unchanging ones at the end."""
    level = rate[top:].max()
    if rate[-1] > 0.9 * level:
        return None, None
    start = top + int(np.flatnonzero(rate[top:] >= (1 - _FLAT) * level)[-1])
    moved = np.flatnonzero(np.abs(rate - rate[-1]) > _FLAT * max(float(rate[-1]), 1e-9 * float(level)))
    floor = int(moved[-1]) + 1
    return start, floor if floor < len(rate) - 1 else None
