"""The rates that a run had, from its own log, or from the schedule that it ran under."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from surefoot.errors import ArgumentError
from surefoot.forecasting.course import Course, Floats
from surefoot.history.columns import History
from surefoot.schedule.core import Schedule

_NEAR = 0.01
_EARLY = 0.2


@dataclass(frozen=True, slots=True)
class Past:
    """What is assumed of updates that no log tells of: the ``peak``, and that a linear warmup takes ``rise`` of them.

    ``rise`` is asked for only where the log begins within the first fifth of the run, at its peak.
    """

    peak: float = 0.0
    rise: float = 0.0


def course_of(
    history: History, ran: Schedule | None, name: str, others: Sequence[History] = (), past: Past | None = None
) -> tuple[Course, tuple[str, ...]]:
    """Return the course of a run up to its last row, and notes on what had to be assumed.

    ``ran`` is taken where it is given; else the column ``lr`` is read between its rows. What lies before the first row
    is read from one of ``others`` that has the same rate there (the trunk of a branch), else from the warmup that the
    log names, else from ``past``. Raises ArgumentError where there is no rate to read, or steps are no updates.
    """
    total = _total(history, name)
    if ran is not None:
        return Course.of(ran.array(0, total), f"the rates of ran for {name}"), ()
    at, rates = _logged(history, name)
    first = int(at[0])
    known = np.interp(np.arange(total), at, rates)
    if first == 0:
        return Course.of(known, f"the rates of {name}"), ()
    trunk = next((found for other in others if (found := _trunk(other, first, float(rates[0]))) is not None), None)
    note = ""
    if trunk is not None:
        known[:first] = trunk
        note = f"{name} begins at step {first}: its past is taken from another run with the same rate."
    else:
        known[:first], note = _assumed(history, at, rates, name, past or Past())
    return Course.of(known, f"the rates of {name}"), (note,) if note else ()


def silent(history: History, ran: Schedule | None, others: Sequence[History] = ()) -> bool:
    """Return whether nothing tells of a warmup of this run: its log begins early in it, but not at its start."""
    if ran is not None or _warmup(history) is not None:
        return False
    at, rates = _logged(history, "history")
    first = int(at[0])
    early = 0 < first <= _EARLY * float(np.nanmax(history["step"])) and rates[0] >= (1 - _NEAR) * rates.max()
    return early and all(_trunk(other, first, float(rates[0])) is None for other in others)


def _total(history: History, name: str) -> int:
    unit = history.origin.facts.get("unit", "step")
    if unit != "step":
        raise ArgumentError(f"{name} counts {unit}s: a forecast needs steps that are updates; log the update's number.")
    steps = history["step"][np.isfinite(history["step"])]
    total = int(steps.max()) if len(steps) else 0
    if total < 2:
        raise ArgumentError(f"{name} ends at step {total}: there is no curve to carry on.")
    return total


def _logged(history: History, name: str) -> tuple[Floats, Floats]:
    """Return steps and rates of the rows that log a rate, in the order of the steps."""
    if not logs_rates(history):
        raise ArgumentError(f"{name} logs no learning rate: pass the schedule that it ran under with ran=.")
    said = np.isfinite(history["lr"]) & np.isfinite(history["step"])
    order = np.argsort(history["step"][said], kind="stable")
    at, rates = history["step"][said][order], history["lr"][said][order]
    last = np.diff(at, append=np.inf) > 0
    return at[last], rates[last]


def logs_rates(history: History) -> bool:
    """Return whether any row of the history has a learning rate."""
    return "lr" in history.names and bool(np.isfinite(history["lr"]).any())


def _assumed(history: History, at: Floats, rates: Floats, name: str, past: Past) -> tuple[Floats, str]:
    """Return the rates of the updates before the first row, by what can be assumed of them, and a note on it."""
    first, rate = int(at[0]), float(rates[0])
    slope = float((rates[1] - rates[0]) / (at[1] - at[0])) if len(at) > 1 else 0.0
    # A log that begins inside a warmup or a decay: back along its first two rows, to 0 or to the peak of the runs.
    back = np.maximum(rate - slope * np.arange(first, 0, -1), 0.0)
    before: Floats = np.full(first, rate) if slope == 0 else np.minimum(back, max(past.peak, rate))
    warmup = _warmup(history)
    rise = past.rise * first if warmup is None else min(warmup, first)
    if rise >= 1:
        before = before * np.minimum(np.arange(first) / rise, 1.0)
    if warmup is not None or first <= 0.02 * float(np.nanmax(history["step"])):
        return before, ""
    began = f", after a warmup of {rise:.0f} updates (what fits best)" if rise >= 1 else ""
    return before, f"{name} begins at step {first}: before it, its rate is taken as {before[-1]:.3g}{began}; see ran=."


def _warmup(history: History) -> float | None:
    warmup = history.origin.facts.get("warmup")
    return float(warmup) if isinstance(warmup, float | int) and warmup > 0 else None


def _trunk(other: History, first: int, rate: float) -> Floats | None:
    """Return the rates of ``other`` before step ``first`` if it logged them from the start on, and met ``rate``."""
    if not logs_rates(other):
        return None
    at, rates = _logged(other, "")
    begins = at[0] <= max(2.0, 0.01 * first)
    if not begins or at[-1] < first or abs(float(np.interp(first, at, rates)) - rate) > _NEAR * rate:
        return None
    found: Floats = np.interp(np.arange(first), at, rates)
    return found
