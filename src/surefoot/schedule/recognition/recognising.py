"""Recognising a recipe in a logged column of rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from surefoot.errors import ArgumentError
from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import number
from surefoot.schedule.recognition.assemble import plans, table
from surefoot.schedule.recognition.legs import Log
from surefoot.schedule.recognition.plan import Plan


@dataclass(frozen=True, slots=True)
class Recognition:
    """A schedule found in a log, with its evidence.

    ``recipe`` names it ("constant", "warmup + cosine", "wsd", "step", "restarts", "one-cycle", "cyclic", "table", ...),
    ``error`` is the largest relative error over the samples, ``complete`` whether the log reaches the end of the
    plan; if not, the total is an estimate. ``why`` is one sentence.
    """

    schedule: Schedule
    recipe: str
    error: float
    complete: bool
    why: str


def recognise(lrs: Sequence[float], steps: Sequence[int] | None = None, *, tolerance: float = 2e-4) -> Recognition:
    """Return the simplest recipe whose rates are the logged ``lrs`` within ``tolerance`` (relative).

    ``steps`` [updates, rising from >= 0] are the updates the rates belong to, 0, 1, 2, ... unless given; a log may be
    sparse, rounded (float32, a few decimals), shifted by one, or cut off before the end of the plan. What no recipe
    fits becomes a table of points; so does, whatever it was, the bend of a power law, a cycle whose height decays by
    gamma^t, and a log of many bends that each need a search of their own. Values that are no numbers are left out.
    Raises ArgumentError if nothing is left, if all rates are 0, or for rates below 0 and steps that do not rise.

    >>> found = recognise([0.0, 0.5, 1.0, 0.75, 0.5, 0.25])
    >>> found.recipe, found.schedule
    ('warmup + linear', Schedule(1.0, (ramp(0.0, 1.0, 2), ramp(1.0, 0.0, 4))))
    """
    if not 0.0 < number(tolerance, "tolerance") < 1.0:
        raise ArgumentError(f"tolerance={tolerance!r} is a relative error and must lie in (0, 1).")
    t, y = _read(lrs, steps)
    top = float(y.max())
    log = Log(t, y / top, _slack(y) / top, tolerance)
    for plan in plans(log):
        found = _found(plan, log, y, top)
        if found is not None and found.error <= tolerance:
            return found
    found = _found(table(log), log, y, top)
    if found is None:
        raise ArgumentError("these rates could not be made a table.")
    return found


def _read(lrs: Any, steps: Any) -> tuple[Any, Any]:
    try:
        y = np.array([float("nan") if x is None else float(x) for x in lrs])
        t = np.arange(len(y), dtype=np.float64) if steps is None else np.array([float(x) for x in steps])
    except (TypeError, ValueError) as wrong:
        raise ArgumentError(f"lrs and steps must be columns of numbers: {wrong}.") from None
    if len(t) != len(y):
        raise ArgumentError(f"steps has {len(t)} values but lrs has {len(y)}: give one step to each rate.")
    keep = np.isfinite(y)
    t, y = t[keep], y[keep]
    if len(y) == 0:
        raise ArgumentError("lrs holds no numbers: a rate must be logged before it can be recognised.")
    if y.min() < 0:
        raise ArgumentError(f"lrs holds {float(y.min())!r}: a rate must be >= 0.")
    if y.max() == 0:
        raise ArgumentError("lrs is 0 throughout: such a column holds no schedule.")
    if t[0] < 0 or np.any(np.diff(t) <= 0) or np.any(t != np.floor(t)):
        raise ArgumentError("steps must be whole numbers of updates >= 0, each above the one before.")
    return t, y


def _slack(y: Any) -> float:
    """Half a unit of the last decimal that the log was written with; 0 if it was written in full."""
    some = y[:2000]
    for digits in range(3, 12):
        if np.array_equal(np.round(some, digits), some):
            return 0.5 * 10.0**-digits
    return 0.0


def _found(plan: Plan | None, log: Log, y: Any, top: float) -> Recognition | None:
    if plan is None:
        return None
    try:
        schedule = Schedule(_tidy(top * plan.peak), plan.phases)
    except ArgumentError:
        return None
    rates = _rates(schedule, log.t)
    error = float(np.max(np.maximum(np.abs(rates - y) - log.slack * top, 0.0) / np.maximum(y, 1e-3 * top)))
    known = "" if plan.complete else "; the log ends before the plan does, so the total is an estimate"
    why = f"{plan.recipe} fits {len(y)} logged rates with a relative error of at most {error:.1g}{known}"
    return Recognition(schedule, plan.recipe, error, plan.complete, why)


def _rates(schedule: Schedule, t: Any) -> Any:
    last = int(t[-1]) + 1
    if last <= 4 * len(t) + 1000:
        return schedule.array(0, last)[t.astype(int)]
    return np.array([schedule(int(step)) for step in t])


def _tidy(peak: float) -> float:
    """Return the peak with few digits where float32 or text rounding made it longer."""
    for digits in range(1, 7):
        short = float(f"{peak:.{digits}g}")
        if abs(short - peak) <= 1e-6 * peak:
            return short
    return peak
