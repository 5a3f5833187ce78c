"""Schedule(peak, phases): a learning rate as a pure function of the step, and at the same time data."""

from __future__ import annotations

import operator
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.chart.nouns import schedule_chart
from surefoot.errors import ArgumentError, PositionError
from surefoot.schedule.algebra import Algebra
from surefoot.schedule.lengths import Clock, LengthLike, parse
from surefoot.schedule.phase import Phase, rate
from surefoot.svg import svg

# Updates that are worked out at once: what a shape needs on the way then stays in the processor's cache.
_BLOCK = 1 << 14


@dataclass(frozen=True, init=False, repr=False)
class Schedule(Algebra):
    """``schedule(t) = peak * factor(t)``: the rate of update ``t``, counted from 0.

    ``peak`` is the highest rate (>= 0), ``phases`` follow one another; a phase of n steps is sampled at i/n,
    i = 0..n-1. Past the end the last phase's end value is held. ``total`` and ``clock`` resolve lengths that are
    not steps. Raises ArgumentError for a bad peak, factor or length.

    >>> from surefoot.schedule.phase import hold, ramp
    >>> schedule = Schedule(3e-4, (ramp(0, 1, 500), hold(7_500), ramp(1, 0, 2_000, "cosine")))
    >>> schedule(250), schedule.total
    (0.00015, 10000)
    """

    peak: float
    phases: tuple[Phase, ...]
    _starts: tuple[int, ...] = field(init=False, compare=False)

    def __init__(
        self,
        peak: float,
        phases: tuple[Phase, ...],
        *,
        total: LengthLike | None = None,
        clock: Clock | None = None,
    ) -> None:
        object.__setattr__(self, "peak", rate(peak, "peak"))
        object.__setattr__(self, "phases", _resolved(_tuple(phases), total, clock or Clock()))
        lengths = [phase.steps for phase in self.phases if phase.steps is not None]
        object.__setattr__(self, "_starts", tuple(accumulate(lengths, initial=0)))

    @property
    def total(self) -> int | None:
        """The number of updates, None where the plan is open."""
        return None if self.phases[-1].length is None else self._starts[-1]

    @property
    def starts(self) -> tuple[int, ...]:
        """The step at which each phase begins."""
        return self._starts[: len(self.phases)]

    def __call__(self, step: int, *, strict: bool = False) -> float:
        """Return the rate of update ``step``; past the end the last value, or PositionError if ``strict``."""
        t = step if type(step) is int and step >= 0 else _position(step)
        k = bisect_right(self._starts, t) - 1
        if k < len(self.phases):
            return float(self.peak * self.phases[k].at(float(t - self._starts[k])))
        if strict:
            last = self._starts[-1] - 1
            raise PositionError(f"step={t} is past the end: the schedule has updates 0 to {last}; extend it.")
        return self.peak * self.phases[-1].end

    def array(self, start: int = 0, stop: int | None = None) -> NDArray[np.float64]:
        """Return the rates of updates ``start`` to ``stop`` - 1 as float64; ``stop`` is the total unless given."""
        first = _position(start, "start")
        last = _position(self._last(stop), "stop")
        rates = np.full(max(last - first, 0), self.peak * self.phases[-1].end)
        for begin, phase in zip(self.starts, self.phases, strict=True):
            end = last if phase.steps is None else begin + phase.steps
            for a in range(max(first, begin), min(last, end), _BLOCK):
                b = min(a + _BLOCK, last, end)
                rates[a - first : b - first] = self.peak * phase.at(np.arange(a - begin, b - begin, dtype=np.float64))
        return rates

    def _last(self, stop: int | None) -> int:
        if stop is not None:
            return stop
        if self.total is None:
            raise ArgumentError("stop=None needs a schedule with an end; this one is open: pass stop=.")
        return self.total

    def _repr_html_(self) -> str:
        return svg(schedule_chart(self))

    def __repr__(self) -> str:
        comma = "," if len(self.phases) == 1 else ""
        return f"Schedule({self.peak!r}, ({', '.join(map(repr, self.phases))}{comma}))"


def _tuple(phases: Any) -> Any:
    return tuple(phases) if isinstance(phases, Iterable) else phases


def _resolved(phases: tuple[Phase, ...], total: LengthLike | None, clock: Clock) -> tuple[Phase, ...]:
    if not isinstance(phases, tuple) or not phases or not all(isinstance(phase, Phase) for phase in phases):
        raise ArgumentError(f"phases={phases!r} must be a tuple of at least one ramp(...) or hold(...).")
    whole = None if total is None else clock.steps(total, name="total")
    done: list[Phase] = []
    step = 0
    for k, phase in enumerate(phases):
        if phase.length is None and k < len(phases) - 1:
            raise ArgumentError(f"phases[{k}] is open (length None) and only the last phase may be.")
        name = f"phases[{k}].length"
        length = None if phase.length is None else clock.steps(phase.length, total=whole, start=step, name=name)
        step += length or 0
        if length != 0:
            done.append(replace(phase, length=length))
    return _fitted(done, phases, step, whole)


def _fitted(done: list[Phase], phases: tuple[Phase, ...], step: int, whole: int | None) -> tuple[Phase, ...]:
    if not done:
        raise ArgumentError("total=0: a schedule needs at least one update.")
    if whole is None or done[-1].length is None or step == whole:
        return tuple(done)
    # Fractions are rounded one by one, so a plan of thirds may miss its total by a step: the last one gives way.
    if abs(whole - step) <= len(phases) and all(isinstance(parse(p.length), float) for p in phases if p.length):
        last = done[-1]
        return (*done[:-1], replace(last, length=(last.steps or 0) + whole - step))
    raise ArgumentError(f"total={whole} but the phases take {step} steps: make them add up, or leave total out.")


def _position(step: Any, name: str = "step") -> int:
    try:
        position = operator.index(step)
    except TypeError:
        position = None
    if position is None or isinstance(step, bool):
        raise ArgumentError(f"{name}={step!r} must be an int: the number of updates done before.")
    if position < 0:
        raise PositionError(f"{name}={position} is negative: updates are counted from 0.")
    return position
