"""Clocks of logs: what counts as the step where a log has steps, epochs, steps within an epoch, or none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from surefoot.history.columns import Column, Mask
from surefoot.history.runs import Index, Rows

# Fewer seams than this are runs that were repeated; more than this are no runs.
_SEAMS, _MOST = 4, 1_000


def clocked(rows: Rows) -> Rows:
    """Return rows whose ``step`` is said in each, with the fact ``unit``: what it counts.

    Without a step the epoch is one; without either, the number of the row. A step that starts over with each epoch
    is added up. A row that does not say its step has that of the row before.
    """
    if "step" in rows.columns:
        return _stepped(rows)
    if "epoch" in rows.columns and _tells_apart(rows, "epoch"):
        filled = _filled(rows.columns["epoch"], rows.blank["epoch"])
        return _with_step(rows, filled).with_note("The step counts epochs: the log has no other.", unit="epoch")
    return _numbered(rows)


def _numbered(rows: Rows) -> Rows:
    said = ~rows.blank["loss"]
    # A row of an evaluation belongs to the training row before it.
    count = np.maximum(np.cumsum(said) - 1.0, 0.0) if said.any() else np.arange(len(said), dtype=np.float64)
    return _with_step(rows, count).with_note("The step counts rows: the log has no other.", unit="row")


def _stepped(rows: Rows) -> Rows:
    step = _filled(rows.columns["step"], rows.blank["step"])
    back = np.flatnonzero(step[1:] < step[:-1]) + 1
    within = _epochs(rows, step, back)
    if 5 * within.size > 4 * back.size:
        added = _added_up(step, back, within)
        return _with_step(rows, added).with_note("The step starts over with each epoch: it was added up.", unit="step")
    if back.size > _MOST:
        return _numbered(rows)
    if _tells_apart(replace(rows, columns={**rows.columns, "step": step}), "step"):
        return replace(_with_step(rows, step), facts={**rows.facts, "unit": "step"})
    rest = {name: values for name, values in rows.columns.items() if name != "step"}
    return clocked(replace(rows, columns=rest))


def _epochs(rows: Rows, step: Column, back: Index) -> Index:
    """Return where the step goes back because an epoch begins: the epoch says so, or the loss goes on as it was."""
    if "epoch" in rows.columns:
        epoch = _filled(rows.columns["epoch"], rows.blank["epoch"])
        return back[epoch[back] > epoch[back - 1]]
    loss, lengths = rows.columns["loss"], np.diff([0, *back])
    alike = back.size >= _SEAMS and bool(np.all(lengths == lengths[0])) and np.unique(step[back]).size == 1
    with np.errstate(invalid="ignore"):
        goes_on = np.abs(loss[back] - loss[back - 1]) < np.abs(loss[back] - loss[0])
    return back if alike and 2 * np.count_nonzero(goes_on) > back.size else back[:0]


def _added_up(step: Column, back: Index, within: Index) -> Column:
    """Return steps that go on where an epoch begins, ``within`` a run, and start over at other places of ``back``."""
    grown = np.diff(step)
    spacing = float(np.median(grown[grown > 0])) if np.any(grown > 0) else 1.0
    offsets = np.zeros(len(step))
    inside, offset = set(within.tolist()), 0.0
    for begin, end in zip(back.tolist(), [*back[1:].tolist(), len(step)], strict=True):
        offset = offset + step[begin - 1] - step[begin] + spacing if begin in inside else 0.0
        offsets[begin:end] = offset
    with np.errstate(over="ignore"):
        added: Column = np.floor(step + offsets)
    return added if bool(np.all(np.isfinite(added))) else np.arange(len(step), dtype=np.float64)


def _tells_apart(rows: Rows, name: str) -> bool:
    """Return whether a column tells the rows with a loss apart, but for a few that were said twice."""
    values = rows.columns[name]
    said = ~rows.blank["loss"] & np.isfinite(values)
    found = values[said]
    whole = bool(np.all(found == np.floor(found))) and bool(np.all(found >= 0))
    changes = 1 + int(np.count_nonzero(found[1:] != found[:-1]))
    return whole and (found.size < 2 or 2 * changes > found.size)


def _filled(values: Column, blank: Mask) -> Column:
    there = np.isfinite(values) & ~blank & (values >= 0)
    if not there.any():
        return np.arange(len(values), dtype=np.float64)
    places = np.maximum.accumulate(np.where(there, np.arange(len(values)), -1))
    filled: Column = np.floor(values[np.where(places < 0, int(np.argmax(there)), places)])
    return filled


def _with_step(rows: Rows, step: Column) -> Rows:
    columns = {"step": step, **{name: values for name, values in rows.columns.items() if name != "step"}}
    return replace(rows, columns=columns, blank={**rows.blank, "step": np.zeros(len(step), dtype=bool)})
