"""Runs: rows to one row a step; where the step goes back, a new run, or one that was taken up again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from surefoot.history.columns import Column, Mask
from surefoot.history.origin import Fact

Index = NDArray[np.intp]
_NEAR = 0.02


@dataclass(frozen=True)
class Rows:
    """Columns of surefoot's names with their blanks, all given, and what was found on the way."""

    columns: Mapping[str, Column]
    blank: Mapping[str, Mask]
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def take(self, index: Index | Mask) -> Rows:
        """Return the rows of ``index``."""
        columns = {name: values[index] for name, values in self.columns.items()}
        return replace(self, columns=columns, blank={name: mask[index] for name, mask in self.blank.items()})

    def with_note(self, note: str, **facts: Fact) -> Rows:
        """Return the same rows with one more sentence and more facts."""
        return replace(self, notes=(*self.notes, note), facts={**self.facts, **facts})


def split(rows: Rows) -> list[Rows]:
    """Return the runs in ``rows``, each with its overlaps removed and its sparse rows merged by step.

    A step that goes back to within 2 % of a run's beginning starts a new run; one that goes back less is a resume,
    and the rows after it replace those it repeats. Rows without a training loss never start or resume a run: an
    evaluation may be written late.
    """
    step = rows.columns["step"]
    if len(step) < 2 or bool(np.all(step[1:] > step[:-1])):
        return [rows]
    led = np.flatnonzero(~rows.blank["loss"])
    led = led if led.size else np.arange(len(step))
    starts, resumes = _breaks(step, led)
    runs = []
    for begin, end in zip(starts, [*starts[1:], len(step)], strict=True):
        within = [at - begin for at in resumes if begin < at < end]
        runs.append(_merged(_overlapped(rows.take(np.arange(begin, end)), within)))
    return runs


def _breaks(step: Column, led: Index) -> tuple[list[int], list[int]]:
    values = step[led]
    starts, resumes = [0], []
    first = highest = float(values[0])
    seen = 0
    for at in (np.flatnonzero(values[1:] < values[:-1]) + 1).tolist():
        highest = max(highest, float(values[seen:at].max()))
        seen = at
        value = float(values[at])
        place = _earliest(step, int(led[at - 1]) + 1, int(led[at]))
        if value <= first or value - first <= _NEAR * (highest - first):
            starts.append(place)
            first = highest = value
        elif value <= highest:
            resumes.append(place)
    return starts, resumes


def _earliest(step: Column, low: int, place: int) -> int:
    """Return where a run begins whose first loss is at ``place``: an evaluation may come before it."""
    begin = place
    while begin > low and step[begin - 1] <= step[begin]:
        begin -= 1
    return begin


def _overlapped(rows: Rows, resumes: list[int]) -> Rows:
    if not resumes:
        return rows
    step = rows.columns["step"]
    if len(resumes) > max(10, len(step) // 20):
        return rows.with_note("The rows were out of order, and were sorted by step.")
    limit = np.full(len(step) + 1, np.inf)
    limit[resumes] = step[resumes]
    later = np.minimum.accumulate(limit[::-1])[::-1][1:]
    kept = step < later
    at = tuple(float(step[k]) for k in resumes)
    said = ", ".join(f"{value:.0f}" for value in at[:5]) + (", ..." if len(at) > 5 else "")
    dropped = int(np.count_nonzero(~kept))
    note = f"The run was taken up again at step {said}: {dropped} rows that later ones repeat were replaced."
    return rows.take(kept).with_note(note, resumes=at)


def _merged(rows: Rows) -> Rows:
    step = rows.columns["step"]
    if np.any(step[1:] < step[:-1]):
        rows = rows.take(np.argsort(step, kind="stable"))
        step = rows.columns["step"]
    group = np.concatenate([[0], np.cumsum(step[1:] != step[:-1])])
    count = int(group[-1]) + 1
    if count == len(step):
        return rows
    columns: dict[str, Column] = {}
    blank: dict[str, Mask] = {}
    for name, values in rows.columns.items():
        said = ~rows.blank[name]
        columns[name] = np.full(count, np.nan)
        columns[name][group[said]] = values[said]
        blank[name] = np.ones(count, dtype=bool)
        blank[name][group[said]] = False
    repeated = int(np.count_nonzero(~rows.blank["loss"])) - int(np.count_nonzero(~blank["loss"]))
    merged = replace(rows, columns=columns, blank=blank)
    note = f"{repeated} rows repeat a step: the last of each was taken."
    return merged.with_note(note) if repeated else merged
