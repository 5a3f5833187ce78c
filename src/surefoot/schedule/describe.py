"""A schedule in one readable line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from surefoot.schedule.facts import first_factor, is_hold, rises
from surefoot.schedule.phase import Phase

if TYPE_CHECKING:
    from surefoot.schedule.algebra import Algebra

_SHOWN = 6


def describe(schedule: Algebra) -> str:
    """Return one line: what each phase does, the number of updates, and the rate of the last one.

    >>> from surefoot.schedule.core import Schedule
    >>> from surefoot.schedule.phase import hold, ramp
    >>> describe(Schedule(3e-4, (ramp(0, 1, 500), hold(7_500), ramp(1, 0, 2_000, "1-sqrt"))))
    'warmup 500 steps to 3e-4, hold 7500, 1-sqrt decay over 2000 to 0; 10000 updates, the last at 7.5e-8'
    """
    told, level = [], None
    for k, phase in enumerate(schedule.phases):
        told.append(_phase(phase, schedule.peak, level, first=k == 0))
        level = phase.end
    if len(told) > _SHOWN:
        told[_SHOWN - 2 : -1] = [f"{len(told) - _SHOWN + 1} more phases"]
    return f"{', '.join(told)}; {_end(schedule)}"


def text(rate: float) -> str:
    """Return a rate with three digits, as people write it.

    >>> text(3e-4), text(0.02), text(0.0)
    ('3e-4', '0.02', '0')
    """
    if rate == 0 or 1e-3 <= abs(rate) < 1e4:
        return f"{rate:.3g}"
    digits, _, power = f"{rate:.2e}".partition("e")
    return f"{digits.rstrip('0').rstrip('.')}e{int(power)}"


def _phase(phase: Phase, peak: float, level: float | None, *, first: bool) -> str:
    begin, end, n = first_factor(phase), phase.end, phase.steps
    jump = "" if begin == level else f" from {text(peak * begin)}"
    piece = f", part of {phase.window[3] or 'an open phase'}" if phase.window else ""
    if is_hold(phase):
        at = "" if begin == level else f" at {text(peak * begin)}"
        return f"hold {n or 'for ever'}{at}"
    if n is None:
        return f"{phase.shape}{jump} for ever{piece}"
    if rises(phase) and first:
        start, shape = "" if begin == 0 else jump, "" if phase.shape == "linear" else f"{phase.shape} "
        return f"{shape}warmup {n} steps{start} to {text(peak * end)}{piece}"
    return f"{phase.shape} {_kind(begin, end)}{jump} over {n} to {text(peak * end)}{piece}"


def _kind(begin: float, end: float) -> str:
    if end > begin:
        return "rise"
    return "decay" if end < begin else "curve"


def _end(schedule: Algebra) -> str:
    if schedule.total is None:
        return "open, no last update"
    plural = "" if schedule.total == 1 else "s"
    return f"{schedule.total} update{plural}, the last at {text(schedule(schedule.total - 1))}"
