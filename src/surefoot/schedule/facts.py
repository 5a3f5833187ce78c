"""What can be read off a schedule: where its warmup ends, where its decay begins, which hold it has, where it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from surefoot.schedule.phase import Phase

if TYPE_CHECKING:
    from surefoot.schedule.algebra import Algebra


def first_factor(phase: Phase) -> float:
    """Return the factor of the phase's first update."""
    return float(phase.at(0.0))


def is_hold(phase: Phase) -> bool:
    """Return whether every update of the phase has the same rate by definition."""
    return phase.shape == "constant"


def rises(phase: Phase) -> bool:
    """Return whether the phase ends higher than it began."""
    return phase.steps is not None and phase.end > first_factor(phase)


def falls(phase: Phase) -> bool:
    """Return whether the phase ends lower than it began (an open phase that is no hold is taken to fall)."""
    return not is_hold(phase) if phase.steps is None else phase.end < first_factor(phase)


def warmup_steps(schedule: Algebra) -> int:
    """Return the updates of the rising phases that the schedule begins with; 0 if it begins at its level.

    >>> from surefoot.schedule.core import Schedule
    >>> from surefoot.schedule.phase import hold, ramp
    >>> warmup_steps(Schedule(1.0, (ramp(0, 1, 10), hold(20), ramp(1, 0, 5))))
    10
    """
    done = 0
    for phase in schedule.phases:
        if not rises(phase):
            return done
        done += phase.steps or 0
    return done


def decay_start(schedule: Algebra) -> int | None:
    """Return the step at which the last decay begins: what follows only falls or holds; None without a decay.

    >>> from surefoot.schedule.core import Schedule
    >>> from surefoot.schedule.phase import hold, ramp
    >>> decay_start(Schedule(1.0, (ramp(0, 1, 10), hold(20), ramp(1, 0, 5))))
    30
    """
    index = decay_index(schedule)
    return None if index is None else schedule.starts[index]


def decay_index(schedule: Algebra) -> int | None:
    """Return the number of the phase that ``decay_start`` speaks of."""
    held = held_index(schedule)
    if held is not None:
        return held + 1 if held + 1 < len(schedule.phases) else None
    phases = schedule.phases
    k = len(phases)
    while k and not rises(phases[k - 1]) and (k == len(phases) or phases[k - 1].end >= first_factor(phases[k])):
        k -= 1
    while k < len(phases) and is_hold(phases[k]):
        if k + 1 < len(phases) and phases[k].end > first_factor(phases[k + 1]):
            return k + 1
        k += 1
    return k if k < len(phases) else None


def held_index(schedule: Algebra) -> int | None:
    """Return the number of the hold that an extension lengthens, None if there is none.

    It is the hold before the last decay, or a last one at the highest level; one at the floor after a decay is not.
    """
    phases = schedule.phases
    k = len(phases) - 1
    if is_hold(phases[k]):
        return k if phases[k].end >= top(schedule) else None
    while k >= 0 and falls(phases[k]):
        k -= 1
    return k if k >= 0 and is_hold(phases[k]) and phases[k].end > 0 else None


def top(schedule: Algebra) -> float:
    """Return the highest factor among the ends of the phases (1.0 where the peak is reached)."""
    return max(max(first_factor(phase), phase.end) for phase in schedule.phases)


def end_factor(schedule: Algebra) -> float:
    """Return the factor that is held past the end."""
    return schedule.phases[-1].end


def floor_of(schedule: Algebra) -> float:
    """Return the lowest factor after the warmup, as seen at the ends of the phases: the floor of the plan."""
    warmup = warmup_steps(schedule)
    later = [phase for begin, phase in zip(schedule.starts, schedule.phases, strict=True) if begin >= warmup]
    return min(map(_lowest, later), default=end_factor(schedule))


def _lowest(phase: Phase) -> float:
    # A piece of a cycle may begin and end above the base that it passes through.
    base = phase.gain * phase.start if phase.shape == "cyclic" else 1.0
    return min(first_factor(phase), phase.end, base)


def endless(phase: Phase) -> bool:
    """Return whether the phase's formula goes on past its length unchanged (constant, inverse-sqrt, ...)."""
    n = phase.steps
    if not phase.formula.open or phase.window is not None or n is None:
        return False
    i = np.linspace(0.0, n, 65)
    longer = Phase(2 * n, phase.start, phase.stop, phase.shape, phase.parameters, phase.gain)
    return np.array_equal(phase.at(i), longer.at(i))
