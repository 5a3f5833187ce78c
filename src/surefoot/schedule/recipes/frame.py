"""What every recipe checks and resolves first: the peak, the total, the warmup and the floor."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypedDict

from surefoot.errors import ArgumentError, KeywordError
from surefoot.schedule.core import Schedule
from surefoot.schedule.lengths import Clock, Length, LengthLike, parse, steps_on_ramp
from surefoot.schedule.phase import Phase, number, ramp, rate
from surefoot.schedule.recipes.calling import no_such

Warmup = LengthLike | Phase


class Common(TypedDict, total=False):
    """Keyword arguments that every recipe with a warmup and a floor takes.

    ``start`` is the factor of the first warmup update (0), ``warmup_shape`` the shape of the rise ("linear"),
    ``floor_lr`` the floor as a rate instead of a fraction of the peak, ``clock`` resolves epochs, tokens and samples.
    """

    start: float
    warmup_shape: str
    floor_lr: float | None
    clock: Clock | None


@dataclass(frozen=True, slots=True)
class Frame:
    """A checked peak and floor (a factor), the total in updates (None: open) and the warmup phase."""

    peak: float
    floor: float
    total: int | None
    warmup: Phase
    clock: Clock

    @property
    def begin(self) -> int:
        """The update at which the warmup is over."""
        return self.warmup.steps or 0

    @property
    def left(self) -> int | None:
        """The updates after the warmup; None where the plan is open."""
        return None if self.total is None else self.total - self.begin

    def steps(self, length: LengthLike, name: str, start: int | None = None) -> int:
        """Return ``length`` in updates when it begins at update ``start`` (after the warmup unless given)."""
        return self.clock.steps(length, total=self.total, start=self.begin if start is None else start, name=name)

    def ending(self, length: LengthLike, name: str) -> int:
        """Return ``length`` in updates when it ends with the plan, exact on a batch-size ramp."""
        if self.total is None:
            raise ArgumentError(f"{name}={length!r} is counted back from the end: pass total=.")
        parsed = parse(length, name)
        steps = _back(parsed, self.total, self.clock, name) if isinstance(parsed, Length) else None
        return self.steps(length, name) if steps is None else steps

    def fit(self, **lengths: int) -> None:
        """Raise ArgumentError if the warmup and the named lengths exceed the total."""
        used = {"warmup": self.begin, **lengths} if self.begin else lengths
        if self.total is not None and sum(used.values()) > self.total:
            names = " + ".join(f"{name} ({steps})" for name, steps in used.items())
            raise ArgumentError(f"{names} is more than total={self.total} updates: shorten one, or raise total.")

    def schedule(self, *phases: Phase) -> Schedule:
        """Return the schedule that warms up and then follows ``phases``."""
        return Schedule(self.peak, (self.warmup, *phases))


def frame(
    peak: float,
    *,
    total: LengthLike | None,
    warmup: Warmup = 0,
    floor: float = 0.0,
    floor_lr: float | None = None,
    start: float = 0.0,
    warmup_shape: str = "linear",
    clock: Clock | None = None,
    open_end: bool = False,
    **unknown: object,
) -> Frame:
    """Return the checked frame of a recipe, or raise ArgumentError (KeywordError in the name of the recipe called)."""
    if unknown:
        raise KeywordError(no_such(next(iter(unknown.items()))))
    top, ticks = rate(peak, "peak"), clock or Clock()
    whole = whole_steps(total, ticks, open_end=open_end)
    if isinstance(warmup, Phase) and (start != 0.0 or warmup_shape != "linear"):
        raise ArgumentError(
            f"warmup={warmup!r} is a phase: its own start and shape count, so leave start= and warmup_shape= out."
        )
    given = warmup if isinstance(warmup, Phase) else ramp(start, 1.0, parse(warmup, "warmup"), warmup_shape)
    if given.length is None:
        raise ArgumentError(f"warmup={given!r} is open (length None): a warmup needs an end.")
    length = ticks.steps(given.length, total=whole, name="warmup")
    rise = replace(given, length=length)
    found = Frame(top, floor_factor(top, floor, floor_lr), whole, rise, ticks)
    found.fit()
    return found


def whole_steps(total: LengthLike | None, clock: Clock, *, open_end: bool = False) -> int | None:
    """Return ``total`` in updates (at least 1), or None if it is None and the plan may stay open."""
    if total is None:
        if open_end:
            return None
        raise ArgumentError("total=None: this schedule has an end; pass total= in updates, epochs(...) or tokens(...).")
    if isinstance(parse(total, "total"), float):
        raise ArgumentError(f"total={total!r} is a fraction of itself: write a number of updates, such as {10_000}.")
    steps = clock.steps(total, name="total")
    if steps == 0:
        raise ArgumentError(f"total={total!r} is 0 updates: a schedule needs at least one.")
    return steps


def floor_factor(peak: float, floor: float, floor_lr: float | None) -> float:
    """Return the floor as a factor of the peak in [0, 1], from a fraction or a rate, never both."""
    if floor_lr is None:
        share = number(floor, "floor")
        if not 0.0 <= share <= 1.0:
            raise ArgumentError(
                f"floor={floor!r} is a fraction of the peak and must lie in [0, 1]; for a rate write floor_lr=."
            )
        return share
    if floor != 0.0:
        raise ArgumentError(f"floor={floor!r} and floor_lr={floor_lr!r} say the same thing twice: pass one of them.")
    low = rate(floor_lr, "floor_lr")
    if low > peak:
        raise ArgumentError(f"floor_lr={floor_lr!r} is above the peak {peak!r}: it must lie in [0, peak].")
    return factor_of(low, peak)


def factor_of(value: float, peak: float) -> float:
    """Return the factor f with ``peak * f == value``, or else the smallest with ``peak * f`` above it."""
    if value in {0.0, peak}:
        return 1.0 if value else 0.0
    f = value / peak
    near = sorted((math.nextafter(f, 0.0), f, math.nextafter(f, 1.0)))
    exact = [g for g in near if peak * g == value]
    return exact[0] if exact else next((g for g in near if peak * g >= value), 1.0)


def _back(length: Length, total: int, clock: Clock, name: str) -> int | None:
    ramps = {"tok": clock.tokens_per_step, "smp": clock.samples_per_step}
    ramp_ = ramps.get(length.unit)
    if ramp_ is None or isinstance(ramp_, (int, float)):
        return None
    whole = math.fsum(ramp_.array(0, total))
    if length.amount > whole:
        raise ArgumentError(f"{name}={length} is more than the whole run, which has {whole:g}: shorten it.")
    return total - steps_on_ramp(whole - length.amount, ramp_)
