"""SF502 unapplied rate: the logged rate isn't the rate that was applied.

What it sees
    Rows that hold both the rate that the scheduler says and the rate that the optimizer used, and the two differ.

Formula
    differs = |log(lr / applied_lr)| > log 1.1, or one of the two is 0; and the applied rate isn't that of the row
    before either. A warning if at least 3 rows and 10 % of the joint rows differ.

Why it matters
    Every conclusion from the log is about a rate that the weights never saw.

Example
    A callback that forced the optimizer's rate to 1e-6 while the Trainer went on to log 1e-3 (transformers 5.23).

What to try
    1. Log the rate of the optimizer's parameter groups after the step, not the scheduler's.
    2. Find what else writes the rate: a second scheduler, a callback, a wrapper, a checkpoint that was loaded.

False alarms
    A scheduler that is logged one update ahead. Parameter groups with rates of their own: the two columns are then
    those of two groups.

Source
    This project's own measurement on transformers 5.23 (2026); Lightning issues 16787 and 21030.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from surefoot.diagnosis.detector import Detector, Fold
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.remedies import ranked, remedy
from surefoot.history.columns import Column, History, Mask

_TIMES = 1.1

READ = remedy(
    "log", "Log the rate of the optimizer's parameter groups, after the step.", "it is the rate that moved the weights"
)
WRITER = remedy(
    "schedule",
    "Find what else writes the rate: a second scheduler, a callback, a wrapper, a loaded checkpoint.",
    "the schedule that was asked for isn't the one that trains",
)


@dataclass(frozen=True)
class Joint:
    """What is remembered of the rows with both rates: ``rows`` of them, ``apart`` of them differ, first at ``step``.

    ``logged`` and ``applied`` are the rates of the first that differs; ``lr`` is the last logged rate.
    """

    rows: int = 0
    apart: int = 0
    step: float = np.nan
    logged: float = np.nan
    applied: float = np.nan
    lr: float = np.nan


def update(state: Joint, rows: History) -> Joint:
    """Return what is remembered after more rows; only those with a step and two finite rates count."""
    if not {"lr", "applied_lr"} <= set(rows.names):
        return state
    both = np.isfinite(rows["step"]) & np.isfinite(rows["lr"]) & np.isfinite(rows["applied_lr"])
    step, lr, applied = rows["step"][both], rows["lr"][both], rows["applied_lr"][both]
    if not len(step):
        return state
    # Some trainers log the rate of the update to come: the one before is then the applied one.
    ahead = np.concatenate([[state.lr], lr[:-1]])
    apart = np.flatnonzero(_differ(lr, applied) & _differ(ahead, applied))
    first = (state.step, state.logged, state.applied)
    if len(apart) and not state.apart:
        at = apart[0]
        first = (float(step[at]), float(lr[at]), float(applied[at]))
    return Joint(state.rows + len(step), state.apart + len(apart), *first, float(lr[-1]))


def _differ(one: Column, other: Column) -> Mask:
    low, high = np.minimum(one, other), np.maximum(one, other)
    unlike: Mask = ~(high <= _TIMES * low)
    differ: Mask = unlike & (one != other)
    return differ


def finding(state: Joint) -> Finding | None:
    """Return the finding on a rate that is not the one applied."""
    if state.apart < 3 or state.apart < 0.1 * state.rows:
        return None
    return Finding(
        *("SF502", "unapplied rate", int(state.step), "warning", 0.9),
        f"The logged rate isn't the applied one in {state.apart:,} of {state.rows:,} rows, first at step "
        f"{state.step:,.0f}: {state.logged:.3g} was logged, {state.applied:.3g} applied.",
        {"apart": state.apart, "rows": state.rows, "logged": state.logged, "applied": state.applied},
        ranked([READ, WRITER]),
    )


DETECTOR = Detector("SF502", "unapplied rate", Fold(Joint, update), finding)
