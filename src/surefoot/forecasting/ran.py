"""The rates that a run had, from its own log, or from the schedule that it ran under."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from surefoot.errors import ArgumentError
from surefoot.forecasting.course import Course, Floats
from surefoot.history.columns import History
from surefoot.schedule.core import Schedule

_NEAR = 0.01


def course_of(
    history: History, ran: Schedule | None, name: str, others: Sequence[History] = ()
) -> tuple[Course, tuple[str, ...]]:
    """Return the course of a run up to its last row, and notes on what had to be assumed.

    ``ran`` is taken where it is given; else the column ``lr`` is read between its rows. What lies before the first row
    is read from one of ``others`` that has the same rate there (the trunk of a branch), else from the warmup that the
    log names, else held. Raises ArgumentError where there is no rate to read, or steps are no updates.
    """
    unit = history.origin.facts.get("unit", "step")
    if unit != "step":
        raise ArgumentError(f"{name} counts {unit}s: a forecast needs steps that are updates; log the update's number.")
    steps = history["step"][np.isfinite(history["step"])]
    total = int(steps.max()) if len(steps) else 0
    if total < 2:
        raise ArgumentError(f"{name} ends at step {total}: there is no curve to carry on.")
    if ran is not None:
        return Course.of(ran.array(0, total), f"the rates of ran for {name}"), ()
    at, rates = _logged(history, name)
    first = int(at[0])
    known = np.interp(np.arange(total), at, rates)
    if first == 0:
        return Course.of(known, f"the rates of {name}"), ()
    known[:first], note = _past(history, first, float(rates[0]), name, others)
    return Course.of(known, f"the rates of {name}"), note


def _logged(history: History, name: str) -> tuple[Floats, Floats]:
    """Return steps and rates of the rows that log a rate, in the order of the steps."""
    none = "lr" not in history.names or not np.isfinite(history["lr"]).any()
    if none:
        raise ArgumentError(f"{name} logs no learning rate: pass the schedule that it ran under with ran=.")
    said = np.isfinite(history["lr"]) & np.isfinite(history["step"])
    order = np.argsort(history["step"][said], kind="stable")
    at, rates = history["step"][said][order], history["lr"][said][order]
    last = np.append(np.diff(at) > 0, True)
    return at[last], rates[last]


def _past(
    history: History, first: int, rate: float, name: str, others: Sequence[History]
) -> tuple[Floats, tuple[str, ...]]:
    """Return the rates of updates 0 to ``first`` - 1, which ``history`` did not log, and a note on it."""
    for other in others:
        trunk = _trunk(other, first, rate)
        if trunk is not None:
            return trunk, (f"{name} begins at step {first}: its past is taken from another run with the same rate.",)
    warmup = history.origin.facts.get("warmup")
    if isinstance(warmup, float | int) and 0 < warmup <= first:
        rising: Floats = rate * np.minimum(np.arange(first) / float(warmup), 1.0)
        return rising, ()
    if first <= 0.02 * float(np.nanmax(history["step"])):
        return np.full(first, rate), ()
    note = f"{name} begins at step {first}: before it the rate is taken to have been {rate:.3g}; ran= says it better."
    return np.full(first, rate), (note,)


def _trunk(other: History, first: int, rate: float) -> Floats | None:
    """Return the rates of ``other`` before step ``first`` if it logged them from nearer the start, and met ``rate``."""
    if "lr" not in other.names or not np.isfinite(other["lr"]).any():
        return None
    at, rates = _logged(other, "")
    if at[0] >= first or at[-1] < first or abs(float(np.interp(first, at, rates)) / rate - 1) > _NEAR:
        return None
    found: Floats = np.interp(np.arange(first), at, rates)
    return found
