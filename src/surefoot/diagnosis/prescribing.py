"""Prescribing: a remedy beside the schedule that a run used: what the plan becomes, or why it stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from surefoot.diagnosis.edits import applied
from surefoot.diagnosis.nouns import Edit, Remedy
from surefoot.errors import ArgumentError
from surefoot.history.columns import History
from surefoot.schedule import facts
from surefoot.schedule.core import Schedule
from surefoot.schedule.recognition.recognising import Recognition, recognise

_ROWS = 4000
_LARGEST = 1e6


@dataclass(frozen=True)
class Prescription:
    """A remedy, and the ``schedule`` that its edit makes of ``plan``; None where it makes none, ``note`` says why."""

    remedy: Remedy
    schedule: Schedule | None = None
    note: str = ""
    plan: Schedule | None = None


def prescribed(remedies: Sequence[Remedy], plan: Schedule | None) -> tuple[Prescription, ...]:
    """Return each remedy with the schedule that it makes of ``plan``.

    A warmup that the plan has already is made twice as long instead of shorter.

    >>> from surefoot import cosine
    >>> from surefoot.diagnosis.remedies import LOWER
    >>> prescribed([LOWER], cosine(1e-3, total=100))[0].schedule.peak
    0.0001
    """
    return tuple(_prescribed(one, plan) for one in remedies)


def _prescribed(remedy: Remedy, plan: Schedule | None) -> Prescription:
    if remedy.edit is None:
        return Prescription(remedy)
    if plan is None:
        return Prescription(remedy, note=f"as an edit: {remedy.edit.text()}")
    try:
        fitted = _fitted(remedy, remedy.edit, plan)
        changed = applied(fitted.edit or remedy.edit, plan)
    except (ArgumentError, TypeError) as wrong:
        return Prescription(remedy, note=f"this schedule cannot be changed so: {wrong}")
    if changed == plan:
        return Prescription(fitted, note="the schedule has it already")
    return Prescription(fitted, changed, plan=plan)


def _fitted(remedy: Remedy, edit: Edit, plan: Schedule) -> Remedy:
    now = facts.warmup_steps(plan)
    asked = edit.arguments.get("steps")
    if edit.op != "warmup" or not now or plan.total is None or not isinstance(asked, (int, float)):
        return remedy
    if (asked if isinstance(asked, int) else asked * plan.total) > now:
        return remedy
    twice = min(2 * now, plan.total - 1)
    text = f"Warm up over {twice:,} updates, twice as long as now."
    return replace(remedy, text=text, edit=Edit("warmup", {"steps": twice}))


def logged_plan(history: History) -> Recognition | None:
    """Return the schedule that the logged rates follow; None where the log has none, or they follow none.

    At most 4,000 of the rows are looked at, evenly; rows that repeat a step or go back are left out.
    """
    if "lr" not in history.names:
        return None
    step, lr = history["step"], history["lr"]
    kept = np.flatnonzero(np.isfinite(step) & (lr >= 0) & (lr <= _LARGEST))
    kept = kept[np.diff(np.maximum.accumulate(np.r_[-1.0, step[kept]])) > 0] if len(kept) else kept
    if len(kept) < 3:
        return None
    # A rate of a millionth of a millionth of the highest is 0: powers of it would overflow.
    lr = np.where(lr < 1e-12 * lr[kept].max(), 0.0, lr)
    kept = kept[np.unique(np.linspace(0, len(kept) - 1, min(len(kept), _ROWS)).astype(int))]
    try:
        with np.errstate(all="ignore"):
            found = recognise(lr[kept].tolist(), np.floor(step[kept]).astype(int).tolist())
    except ArgumentError:
        return None
    # A table of points repeats the log: nobody planned it, and an edit of it could not be read.
    return None if found.recipe == "table" else found
