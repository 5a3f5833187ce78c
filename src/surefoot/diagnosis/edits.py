"""Edits: a remedy's change of a schedule, applied. The operations are few, and most are methods of Schedule."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

from surefoot.diagnosis.nouns import Edit
from surefoot.errors import ArgumentError
from surefoot.schedule import facts
from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import hold, ramp
from surefoot.schedule.slices import after, before, closed, inside


def applied(edit: Edit, schedule: Schedule) -> Schedule:
    """Return the schedule as ``edit`` changes it.

    Operations: ``scaled(k)`` (every rate times k), ``rewarm(at, steps)`` (a rise from 0 at an update),
    ``warmup(steps)`` (the rise at the beginning made ``steps`` long, the rates after it unchanged), ``stretch(total)``,
    ``extend(steps, policy)``, ``decay(steps)`` (the last ``steps`` fall to 0 along 1-sqrt), ``floor(floor)``
    (a fraction of the peak at which the run ends).
    An int is steps, a float a fraction of the total.

    Raises ArgumentError for an operation that does not exist, for arguments that are not its own, or for a schedule
    that it does not fit.

    >>> from surefoot import constant
    >>> applied(Edit("scaled", {"k": 0.1}), constant(1e-2, total=100))(50)
    0.001
    """
    if edit.op not in _OPS:
        raise ArgumentError(f"op={edit.op!r} is no edit: there are {', '.join(_OPS)}.")
    change = _OPS[edit.op]
    try:
        inspect.signature(change).bind(schedule, **edit.arguments)
    except TypeError as wrong:
        raise ArgumentError(f"the edit {edit.text()} has other arguments than it takes: {wrong}.") from None
    changed: Schedule = change(schedule, **edit.arguments)
    return changed


def _scaled(schedule: Schedule, k: float) -> Schedule:
    # 3e-3 times 0.1 is 0.00030000000000000003: a person reads the peak, and twelve digits are more than any rate has.
    found = schedule.scaled(k)
    return found.with_peak(float(f"{found.peak:.12g}"))


def _warmup(schedule: Schedule, steps: float) -> Schedule:
    last = None if schedule.total is None else schedule.total - 1
    count, old = inside(_steps(schedule, steps), last, "steps"), facts.warmup_steps(schedule)
    level = _factor(schedule, max(count, old))
    rise = (ramp(0.0, level, count),) if count else ()
    wait = (hold(old - count, level),) if count < old else ()
    return Schedule(schedule.peak, (*rise, *wait, *after(schedule, max(count, old))))


def _decay(schedule: Schedule, steps: float) -> Schedule:
    total = closed(schedule, "given a decay")
    at = total - inside(_steps(schedule, steps), total, "steps", least=1)
    return Schedule(schedule.peak, (*before(schedule, at), ramp(_factor(schedule, at), 0.0, total - at, "1-sqrt")))


def _rewarm(schedule: Schedule, at: float, steps: float) -> Schedule:
    return schedule.rewarm(_steps(schedule, at), _steps(schedule, steps))


def _extend(schedule: Schedule, steps: float, policy: str | None = None) -> Schedule:
    return schedule.extend(_steps(schedule, steps), policy=policy)


def _steps(schedule: Schedule, length: float) -> int:
    if isinstance(length, int):
        return length
    if not (isinstance(length, float) and math.isfinite(length)):
        raise ArgumentError(f"steps={length!r} must be an int (updates) or a float (a fraction of the total).")
    return int(length * closed(schedule, "measured in fractions of its total") + 0.5)


def _factor(schedule: Schedule, step: int) -> float:
    return min(1.0, schedule(step) / schedule.peak) if schedule.peak > 0 else 1.0


_OPS: Mapping[str, Callable[..., Any]] = {
    "scaled": _scaled,
    "rewarm": _rewarm,
    "warmup": _warmup,
    "stretch": Schedule.stretch,
    "extend": _extend,
    "decay": _decay,
    "floor": Schedule.with_floor,
}
