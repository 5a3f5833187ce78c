"""The edits behind the schedule's methods: joining, floors, a second warmup."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from surefoot.errors import ArgumentError
from surefoot.schedule import facts
from surefoot.schedule.extend import factor
from surefoot.schedule.phase import Phase, number, ramp, rate
from surefoot.schedule.slices import after, before, closed, inside

if TYPE_CHECKING:
    from surefoot.schedule.algebra import Algebra

    S = TypeVar("S", bound=Algebra)
else:
    S = TypeVar("S")


def joined(one: S, other: S) -> S:
    """Return ``one`` followed by ``other``, on the higher of the two peaks."""
    closed(one, "followed by another")
    if not isinstance(getattr(other, "phases", None), tuple):
        raise ArgumentError(f"other={other!r} must be a Schedule: make one of a phase with Schedule(peak, (phase,)).")
    peak = max(one.peak, other.peak)
    return replace(one, peak=peak, phases=_on(one, peak) + _on(other, peak))


def _on(schedule: Algebra, peak: float) -> tuple[Phase, ...]:
    k = schedule.peak / peak if peak > 0 else 1.0
    return tuple(phase.times(k) for phase in schedule.phases)


def floored(schedule: S, floor: float | None, floor_lr: float | None) -> S:
    """Return the schedule whose updates after the warmup are moved, level for level, to end at the floor."""
    target = _floor(schedule.peak, floor, floor_lr)
    old, level = facts.floor_of(schedule), facts.top(schedule)
    if old >= level:
        raise ArgumentError("this schedule never falls below its peak, so it has no floor to move.")
    if target > level:
        raise ArgumentError(f"floor={target!r} must not be above the highest factor {level!r}.")
    warmup = facts.warmup_steps(schedule)
    phases = tuple(
        phase if begin < warmup else _moved(phase, old, level, target)
        for begin, phase in zip(schedule.starts, schedule.phases, strict=True)
    )
    found = replace(schedule, phases=phases)
    if abs(facts.floor_of(found) - target) > 1e-9:
        raise ArgumentError("the floor of this schedule is not a number it holds (an open shape, a table): rebuild it.")
    return found


def _floor(peak: float, floor: float | None, floor_lr: float | None) -> float:
    if (floor is None) == (floor_lr is None):
        raise ArgumentError(f"floor={floor!r} and floor_lr={floor_lr!r}: give exactly one of the two.")
    if floor_lr is not None:
        if rate(floor_lr, "floor_lr") > peak:
            raise ArgumentError(f"floor_lr={floor_lr!r} must not be above the peak {peak!r}.")
        return floor_lr / peak if peak > 0 else 0.0
    if not 0.0 <= number(floor, "floor") <= 1.0:
        raise ArgumentError(f"floor={floor!r} is a fraction of the peak and must lie in [0, 1]; or use floor_lr=.")
    return float(floor or 0.0)


def _moved(phase: Phase, old: float, level: float, target: float) -> Phase:
    def move(x: float) -> float:
        if x in {old, level}:
            return target if x == old else level
        return min(level, max(0.0, target + (level - target) * (x - old) / (level - old)))

    return replace(phase, start=move(phase.start), stop=move(phase.stop))


def rewarmed(schedule: S, at: int, steps: int) -> S:
    """Return the schedule with a rise from 0 at step ``at`` to where it is ``steps`` later."""
    at, steps = inside(at, schedule.total), inside(steps, None, "steps")
    if schedule.total is not None and at + steps > schedule.total:
        raise ArgumentError(
            f"steps={steps} from at={at} runs past the total {schedule.total}: rewarm over at most "
            f"{schedule.total - at} updates, or extend first."
        )
    rise = ramp(0.0, factor(schedule, at + steps), steps)
    return replace(schedule, phases=(*before(schedule, at), rise, *after(schedule, at + steps)))
