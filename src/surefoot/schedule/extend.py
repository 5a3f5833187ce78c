"""Making a run longer while it runs: the policies, and the jump each makes before it is made.

- ``lengthen``: the hold before the decay (or the formula of an open shape) goes on; nothing jumps before the decay.
- ``stretch``: the decay is re-timed over the longer run; inside the decay the rate jumps up.
- ``continue``: from the rate of now, a fresh decay of the same shape to the same end; no jump. Within the warmup, that
  is finished first.
- ``rewarm``: from the rate of now, a linear rise to the level of before the decay, then the decay again; no jump.
- ``hold``: the rate of now to the end; no jump. At the very start of a warmup, where it is 0, that is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from surefoot.errors import ArgumentError
from surefoot.schedule import facts
from surefoot.schedule.phase import Phase, hold, ramp
from surefoot.schedule.slices import after, before, inside, sped

if TYPE_CHECKING:
    from surefoot.schedule.algebra import Algebra

    S = TypeVar("S", bound=Algebra)
else:
    S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Extension(Generic[S]):
    """What extending would do: the longer ``schedule``, and the rate ``before`` and ``after`` at step ``at``.

    ``policy`` is the way it was made, ``why`` one sentence.
    """

    schedule: S
    policy: str
    at: int
    before: float
    after: float
    why: str

    @property
    def jump(self) -> float:
        """The change of the rate at step ``at`` (0 where the rate goes on as it was)."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class _Case:
    """One run to extend: ``at`` is where it stands, ``total`` how long it was, ``longer`` how long it gets."""

    schedule: Algebra
    at: int
    total: int
    longer: int

    @property
    def now(self) -> float:
        """The factor at ``at``."""
        return factor(self.schedule, self.at)


def extension(schedule: S, steps: int, at: int | None, policy: str | None) -> Extension[S]:
    """Return the extension by ``steps`` under ``policy``; see ``Schedule.extend``."""
    steps = inside(steps, None, "steps")
    total = schedule.total
    if total is None:
        here = inside(0 if at is None else at, None)
        rate = schedule(here)
        return Extension(schedule, "lengthen", here, rate, rate, "the plan is open: it goes on for ever as it is")
    at = None if at is None else inside(at, total)
    if policy is None:
        policy = "lengthen" if can_lengthen(schedule) else _refuse(schedule, steps, at)
    if policy not in _POLICIES:
        raise ArgumentError(f"policy={policy!r} is unknown: use one of {', '.join(_POLICIES)}.")
    if policy == "hold" and at is not None and _unrisen(schedule, at):
        raise ArgumentError(
            f"policy='hold' at={at} would hold the rate 0, which is where the warmup of "
            f"{facts.warmup_steps(schedule)} updates begins: use 'continue', or a later at."
        )
    return _extended(schedule, steps, at, policy)


def _extended(schedule: S, steps: int, at: int | None, policy: str) -> Extension[S]:
    total = schedule.total or 0
    make, default, text = _POLICIES[policy]
    here = default(schedule) if at is None else at
    phases = make(_Case(schedule, here, total, total + steps))
    longer = replace(schedule, phases=phases)
    return Extension(longer, policy, here, schedule(here), longer(here), text)


def _unrisen(schedule: Algebra, at: int) -> bool:
    return at < facts.warmup_steps(schedule) and factor(schedule, at) == 0.0


def _refuse(schedule: Algebra, steps: int, at: int | None) -> str:
    told = []
    for policy in _POLICIES:
        dead = policy == "hold" and at is not None and _unrisen(schedule, at)
        if policy != "lengthen" and not dead:
            found = _extended(schedule, steps, at, policy)
            jump = "no jump" if found.before == found.after else f"{found.before:.3g} -> {found.after:.3g}"
            told.append(f"{policy!r} ({found.why}; at step {found.at}: {jump})")
    raise ArgumentError(f"policy=None needs a hold to lengthen, and this schedule has none: use {', '.join(told)}.")


def can_lengthen(schedule: Algebra) -> bool:
    """Return whether the schedule can go on without a policy: it has a hold, or the formula of an open shape."""
    return facts.held_index(schedule) is not None or _goes_on(schedule)


def _goes_on(schedule: Algebra) -> bool:
    last = schedule.phases[-1]
    return not facts.is_hold(last) and facts.endless(last)


def factor(schedule: Algebra, step: int) -> float:
    """Return the factor of the peak at ``step``, the end's past the end."""
    rest = after(schedule, step)
    return facts.first_factor(rest[0]) if rest else facts.end_factor(schedule)


def _lengthen(case: _Case) -> tuple[Phase, ...]:
    phases, steps = list(case.schedule.phases), case.longer - case.total
    k = len(phases) - 1 if _goes_on(case.schedule) else facts.held_index(case.schedule)
    if k is None:
        raise ArgumentError("policy='lengthen' needs a hold before the decay, and this schedule has none.")
    length = phases[k].steps or 0
    phases[k] = replace(phases[k], length=length + steps)
    return _kept(case, tuple(phases), case.schedule.starts[k] + length)


def _stretch(case: _Case) -> tuple[Phase, ...]:
    start = facts.decay_start(case.schedule)
    start = case.schedule.starts[-1] if start is None else start
    phases = before(case.schedule, start) + sped(after(case.schedule, start), case.longer - start)
    return _kept(case, phases, start)


def _continue(case: _Case) -> tuple[Phase, ...]:
    # Within the warmup the rate of now is not one to stay at: the warmup is finished first.
    at = max(case.at, facts.warmup_steps(case.schedule))
    return before(case.schedule, at) + _decay(case, factor(case.schedule, at), case.longer - at)


def _hold(case: _Case) -> tuple[Phase, ...]:
    return (*before(case.schedule, case.at), hold(case.longer - case.at, case.now))


def _rewarm(case: _Case) -> tuple[Phase, ...]:
    rest = case.longer - case.at
    start = facts.decay_start(case.schedule)
    level = facts.top(case.schedule) if start is None else factor(case.schedule, start)
    rise = min(facts.warmup_steps(case.schedule) or -(-rest // 100), rest // 2)
    return (*before(case.schedule, case.at), ramp(case.now, level, rise), *_decay(case, level, rest - rise))


def _decay(case: _Case, level: float, length: int) -> tuple[Phase, ...]:
    """Return a fresh decay of the last decay's shape; one tied to its steps (a table) becomes linear."""
    end = facts.end_factor(case.schedule)
    if level <= end:
        return (hold(length, level),)
    model = next((phase for phase in reversed(case.schedule.phases) if facts.falls(phase)), None)
    if model is None or model.window or model.gain != 1.0 or model.formula.open or not _ends(model, end):
        return (ramp(level, end, length),)
    return (replace(model, start=level, stop=end, length=length),)


def _ends(model: Phase, end: float) -> bool:
    """Whether start and stop of the model's shape are the values of its two ends (a table has its own)."""
    trials = [replace(model, start=start, stop=end) for start in (1.0, (1.0 + end) / 2)]
    return all(facts.first_factor(trial) == trial.start and trial.end == trial.stop for trial in trials)


def _kept(case: _Case, phases: tuple[Phase, ...], change: int) -> tuple[Phase, ...]:
    """Return the new phases, which differ from step ``change`` on; what was applied before ``at`` stays."""
    if case.at <= change:
        return phases
    return before(case.schedule, case.at) + after(replace(case.schedule, phases=phases), case.at)


def _decay_or_end(schedule: Algebra) -> int:
    start = facts.decay_start(schedule)
    return (schedule.total or 0) if start is None else start


def _end(schedule: Algebra) -> int:
    return schedule.total or 0


_POLICIES: dict[str, tuple[Callable[[_Case], tuple[Phase, ...]], Callable[[Algebra], int], str]] = {
    "lengthen": (_lengthen, _decay_or_end, "the hold, or the formula of an open shape, goes on"),
    "stretch": (_stretch, _decay_or_end, "the decay re-timed over the longer run"),
    "continue": (_continue, _end, "a fresh decay from the rate of now"),
    "rewarm": (_rewarm, _end, "back up to the level before the decay, then the decay again"),
    "hold": (_hold, _end, "the rate of now to the end"),
}
