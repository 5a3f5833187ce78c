"""Schedules that the user brings: a table of points, or a function of the step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from surefoot.errors import ArgumentError
from surefoot.schedule.core import Schedule
from surefoot.schedule.lengths import Clock, LengthLike
from surefoot.schedule.phase import ramp, rate
from surefoot.schedule.recipes.frame import factor_of, whole_steps
from surefoot.schedule.tables import imported


def from_points(
    points: Sequence[tuple[LengthLike, float]],
    *,
    total: LengthLike | None = None,
    interpolation: str = "linear",
    clock: Clock | None = None,
) -> Schedule:
    """Return the schedule through ``points`` = (step, rate) pairs, rising from step 0; its peak is the highest rate.

    ``interpolation``: "linear", "log" (geometric, rates > 0), "cosine" (half a cosine between two points) or "step"
    (a rate holds until the next point). The table is never extrapolated: the last point is the end of the plan
    (``schedule(total)``), or its last update if ``total`` is one more.

    >>> from_points([(0, 0.0), (2, 1.0), (4, 0.25)]).array().tolist()
    [0.0, 0.5, 1.0, 0.625]
    """
    points = _pairs(points)
    if not points:
        raise ArgumentError("points=() is empty: a table needs at least one (step, rate).")
    ticks = clock or Clock()
    whole = whole_steps(total, ticks, open_end=True)
    at = [ticks.steps(step, total=whole, name=f"points[{k}]") for k, (step, _) in enumerate(points)]
    rates = [rate(value, f"points[{k}]") for k, (_, value) in enumerate(points)]
    peak, end = max(rates), max(at)
    if whole is not None and not end <= whole <= end + 1:
        raise ArgumentError(f"total={whole} but the last point is at step {end}: a table is never extrapolated.")
    if max(whole or 0, end) == 0:
        raise ArgumentError("points: one point at step 0 is no table; use constant(...), or pass total=1.")
    factors = tuple(factor_of(value, peak) for value in rates)
    steps = tuple(float(step) for step in at)
    phase = ramp(
        factors[0], factors[-1], whole or end, "points", at=steps, factors=factors, interpolation=interpolation
    )
    return Schedule(peak, (phase,))


def from_function(
    peak: float,
    function: str | Callable[[int], float],
    *,
    total: LengthLike | None = None,
    clock: Clock | None = None,
) -> Schedule:
    """Return ``peak * function(t)``: the function of the step returns a factor of the peak, in [0, 1].

    ``function`` is "module:function", or a function that can be imported by that name: the name is what a schedule
    stores, and only evaluating it imports it. ``total`` None leaves the plan open. Raises ArgumentError for what
    cannot be imported here, and later for a value outside [0, 1].

    >>> from_function(0.1, "math:exp", total=1)(0)
    0.1
    """
    name = function if isinstance(function, str) else _name(function)
    imported(name)
    whole = whole_steps(total, clock or Clock(), open_end=True)
    return Schedule(peak, (ramp(1.0, 0.0, whole, "call", function=name),))


def _pairs(points: Sequence[tuple[LengthLike, float]]) -> list[tuple[LengthLike, float]]:
    try:
        return [(step, value) for step, value in points]
    except (TypeError, ValueError):
        raise ArgumentError(
            f"points={points!r:.80} must be pairs of (step, rate), such as [(0, 0.0), (100, 0.1)]."
        ) from None


def _name(function: Callable[[int], float]) -> str:
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", "<nameless>")
    if not module or module == "__main__" or "<" in name:
        raise ArgumentError(
            f"function={function!r} has no name to import it by: define it at the top of a module, "
            'or tabulate it with from_points(..., interpolation="step").'
        )
    return f"{module}:{name}"
