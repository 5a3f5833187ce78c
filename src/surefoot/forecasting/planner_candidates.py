"""The schedules a planner chooses from: fresh runs at one peak, and ways on from a run that is under way or over."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from surefoot.errors import ArgumentError
from surefoot.forecasting.bound import second_stage
from surefoot.schedule import facts
from surefoot.schedule.core import Schedule
from surefoot.schedule.extend import factor
from surefoot.schedule.phase import Phase, hold, ramp
from surefoot.schedule.recipes.decays import constant, cosine, linear
from surefoot.schedule.recipes.long import wsd

DECAYS = (0.1, 0.2, 0.4, 0.6, 0.8)
SHAPES = ("linear", "1-sqrt")
_HIGH = 0.5
_RISE = 0.01


@dataclass(frozen=True, slots=True)
class Candidate:
    """A ``schedule`` that could be run, its ``name``, and the step ``start`` at which its rates are new.

    ``start`` is 0 for a fresh run, else the step of the checkpoint it needs; ``why`` says what speaks for it, and
    ``rises`` whether the rate goes up again late in the run, which no law here has seen measured.
    """

    name: str
    schedule: Schedule
    start: int
    why: str
    rises: bool = False

    @property
    def cost(self) -> int:
        """The updates from ``start`` to the end: what is to be run."""
        return (self.schedule.total or 0) - self.start


def fresh(peak: float, total: int, warmup: int = 0) -> tuple[Candidate, ...]:
    """Return the candidates for a run of ``total`` updates from the first, all at ``peak`` after ``warmup`` updates.

    >>> [candidate.name for candidate in fresh(1e-3, 1000)][:5]
    ['constant', 'cosine to a tenth', 'cosine to 0', 'linear to 0', 'WSD, 10 % linear']
    """
    whole = {
        "constant": (constant(peak, total=total, warmup=warmup), "nothing is decided yet, and nothing gained"),
        "cosine to a tenth": (cosine(peak, total=total, warmup=warmup, floor=0.1), "the habit of many recipes"),
        "cosine to 0": (cosine(peak, total=total, warmup=warmup), "no floor left at the end"),
        "linear to 0": (linear(peak, total=total, warmup=warmup), "what the convex bound likes best"),
    }
    found = [Candidate(name, schedule, 0, why) for name, (schedule, why) in whole.items()]
    for share in DECAYS:
        steps = math.floor(share * total + 0.5)
        if 0 < steps < total - warmup:
            found += [
                Candidate(
                    f"WSD, {100 * share:.0f} % {shape}",
                    wsd(peak, total=total, warmup=warmup, decay=steps, shape=shape),
                    0,
                    "the hold can be lengthened",
                )
                for shape in SHAPES
            ]
    return tuple(found)


def onward(plan: Schedule, at: int, total: int) -> tuple[Candidate, ...]:
    """Return the ways on to ``total`` updates of a run that has applied ``at`` updates of ``plan``.

    A run at a high rate goes on with a hold and a decay, or decays at once. One that has decayed is branched off before
    its decay (the checkpoint of that step is needed), at the same rate, with a longer decay, or at the rate of the
    convex bound's second stage (see ``second_stage``); or it goes on from its end: back up and down again, or at the
    rate it has. Rates before each ``start`` are those of ``plan`` to the bit. Raises ArgumentError unless
    0 < ``at`` < ``total``.

    >>> from surefoot.schedule.recipes.long import wsd
    >>> ways = onward(wsd(1e-3, total=1000), 1000, 2000)
    >>> [(way.name, way.start) for way in ways][:2]
    [('hold on, 10 % linear', 800), ('hold on, 10 % 1-sqrt', 800)]
    """
    if isinstance(at, bool) or not isinstance(at, int) or not 0 < at < total:
        raise ArgumentError(f"at={at!r} must be an int above 0 and below total={total}: the updates done so far.")
    if plan.total is not None and at > plan.total:
        raise ArgumentError(f"at={at} is past the end of the plan, which has {plan.total} updates.")
    warmup = facts.warmup_steps(plan)
    if at < warmup or plan(at - 1) >= _HIGH * plan.peak:
        return tuple(_held(plan, min(max(at, warmup), total - 1), total))
    branch = facts.decay_start(plan)
    # Branching off where the warmup ends is a fresh run.
    before = _branched(plan, branch, total) if branch is not None and warmup < branch < at else ()
    return (*before, *_from_end(plan, at, total))


def _held(plan: Schedule, at: int, total: int) -> Iterator[Candidate]:
    """Yield a hold at the rate of step ``at`` and a decay of each length that fits, then decays that begin at once."""
    for share in DECAYS:
        steps = math.floor(share * total + 0.5)
        if 0 < steps < total - at:
            for shape in SHAPES:
                name = f"hold on, {100 * share:.0f} % {shape}"
                yield Candidate(
                    name, _ended(plan, at, total, Phase(steps, 1.0, 0.0, shape)), at, "the same rate, then a decay"
                )
    for shape in ("linear", "cosine", "1-sqrt"):
        down = _ended(plan, at, total, Phase(total - at, 1.0, 0.0, shape))
        yield Candidate(f"decay at once, {shape}", down, at, "nothing is held any longer")


def _branched(plan: Schedule, branch: int, total: int) -> Iterator[Candidate]:
    yield from _held(plan, branch, total)
    steps = math.floor(0.2 * total + 0.5)
    if not 0 < steps < total - branch:
        return
    for shape in SHAPES:
        same = _ended(plan, branch, total, Phase(steps, 1.0, 0.0, shape))
        try:
            stage = second_stage(plan, same, branch)
        except ArgumentError:
            return
        if stage < 1.0:
            lower = _ended(plan, branch, total, Phase(steps, stage, 0.0, shape))
            why = "a longer run wants a lower rate, and the past cannot be lowered (arXiv 2501.18965, 2025)"
            yield Candidate(f"second stage at {stage:.3g} of the rate, 20 % {shape}", lower, branch, why)


def _from_end(plan: Schedule, at: int, total: int) -> Iterator[Candidate]:
    now, left = factor(plan, at), total - at
    rise = max(min(math.floor(_RISE * total + 0.5), left // 2), 1)
    if left > rise:
        for shape in SHAPES:
            phases = (ramp(now, 1.0, rise), ramp(1.0, 0.0, left - rise, shape))
            why = "no old checkpoint is needed; the loss rises first"
            yield Candidate(f"back up, then {shape}", _on(plan, at, phases), at, why, rises=True)
    if now > 0.0:
        yield Candidate("stay at the rate of the end", _on(plan, at, (hold(left, now),)), at, "no jump of the loss")


def _ended(plan: Schedule, at: int, total: int, decay: Phase) -> Schedule:
    """Return ``plan`` up to ``at``, a hold, and ``decay``, both at its start times the rate of step ``at``."""
    level = decay.start * factor(plan, at)
    held = hold(total - at - (decay.steps or 0), level)
    return _on(plan, at, (held, replace(decay, start=level)))


def _on(plan: Schedule, at: int, phases: tuple[Phase, ...]) -> Schedule:
    """Return the first ``at`` updates of ``plan`` followed by ``phases``; two holds at one level become one."""
    done = plan.head(at).phases
    kept = [phase for phase in phases if phase.steps]
    last, new = done[-1], kept[0]
    if facts.is_hold(last) and facts.is_hold(new) and last.window is None and last.end == new.end:
        return replace(plan, phases=(*done[:-1], replace(last, length=(last.steps or 0) + (new.steps or 0)), *kept[1:]))
    return replace(plan, phases=(*done, *kept))
