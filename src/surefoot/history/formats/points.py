"""Points: values that were logged one at a time (tag, step, value), and how they become the rows of a Table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from surefoot.history.columns import Column, Mask
from surefoot.history.formats.table import Table
from surefoot.history.origin import Fact

Counts = NDArray[np.int64]

# A table is rows times tags: a broken log can claim many of both, and a gigabyte is enough.
CELLS = 50_000_000


@dataclass(frozen=True)
class Points:
    """Values in the order in which they were written: ``tags[which]`` had ``value`` at ``step``, at ``time`` (seconds).

    The arrays have shape [points]; ``notes``, ``ignored`` and ``facts`` are those of a Table.
    """

    tags: tuple[str, ...]
    which: Counts
    step: Counts
    value: Column
    time: Column
    notes: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict)


def joined(parts: Sequence[Points], *, by_time: bool = False) -> Points:
    """Return the points of all ``parts``, one part after the other, or in the order of their times."""
    tags = tuple(dict.fromkeys(tag for part in parts for tag in part.tags))
    place = {tag: k for k, tag in enumerate(tags)}
    which = [np.array([place[tag] for tag in part.tags], dtype=np.int64)[part.which] for part in parts]
    together = Points(
        tags,
        np.concatenate(which),
        np.concatenate([part.step for part in parts]),
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.time for part in parts]),
        tuple(dict.fromkeys(note for part in parts for note in part.notes)),
        tuple(dict.fromkeys(name for part in parts for name in part.ignored)),
        {name: fact for part in parts for name, fact in part.facts.items()},
    )
    return chosen(together, np.argsort(together.time, kind="stable")) if by_time else together


def chosen(points: Points, which: NDArray[np.int64] | Mask) -> Points:
    """Return the points that ``which`` (indices or a mask) names."""
    parts = {name: getattr(points, name)[which] for name in ("which", "step", "value", "time")}
    return replace(points, **parts)


def table(points: Points, run: str = "") -> Table:
    """Return ``points`` as a Table: a column a tag, a row a step, the rows in the order of the log.

    Where a step goes back inside a tag the log was taken up again, and a new stretch of rows begins; inside a stretch
    the rows of all tags are merged by step. A tag that always says step 0 is counted instead.

    >>> which, step, value = np.array([0, 1, 0, 0]), np.array([0, 0, 5, 3]), np.array([2.0, 0.1, 1.0, 1.5])
    >>> one = Points(("loss", "lr"), which, step, value, np.zeros(4))
    >>> {name: column.tolist() for name, column in table(one).columns.items()}
    {'step': [0.0, 5.0, 3.0], 'loss': [2.0, 1.0, 1.5], 'lr': [0.1, nan, nan]}
    """
    step, uncounted = _counted(points)
    row, steps = _rows(points.which, step)
    kept, left = _kept(points, len(steps))
    columns: dict[str, Column] = {"step": steps}
    blank: dict[str, Mask] = {}
    twice = 0
    order, ends = _by_tag(points)
    for k in kept:
        mine = order[ends[k] : ends[k + 1]]
        column, empty = np.full(len(steps), np.nan), np.ones(len(steps), dtype=bool)
        column[row[mine]], empty[row[mine]] = points.value[mine], False
        twice += len(row[mine]) - int(np.count_nonzero(~empty))
        name = points.tags[k] if points.tags[k] != "step" else "step (tag)"
        columns[name] = column
        if empty.any():
            blank[name] = empty
    notes = (*points.notes, *_notes(uncounted, left, twice))
    return Table(columns, blank, run, points.facts, notes, points.ignored)


def _counted(points: Points) -> tuple[Counts, list[str]]:
    moved = np.zeros(len(points.tags), dtype=bool)
    moved[points.which[points.step != 0]] = True
    total = np.bincount(points.which, minlength=len(points.tags))
    still = np.flatnonzero(~moved & (total > 1))
    step = points.step.copy() if len(still) else points.step
    order, ends = _by_tag(points) if len(still) else (step, step)
    for k in still:
        step[order[ends[k] : ends[k + 1]]] = np.arange(total[k])
    return step, [points.tags[k] for k in still]


def _by_tag(points: Points) -> tuple[Counts, Counts]:
    """Return the points sorted by tag, and where in them each tag begins (and the last ends)."""
    count = np.bincount(points.which, minlength=len(points.tags))
    return _sorted(points.which), np.concatenate([[0], np.cumsum(count)])


def _sorted(which: Counts) -> Counts:
    # NumPy sorts 16 bits by counting, ten times faster than 64.
    return np.argsort(which.astype(np.uint16) if which.max(initial=0) < 1 << 16 else which, kind="stable")


def _rows(which: Counts, step: Counts) -> tuple[Counts, Column]:
    cuts = _cuts(which, step)
    if len(cuts):
        stretch = np.searchsorted(cuts, np.arange(len(step)), side="right")
        steps, rank = np.unique(step, return_inverse=True)
        key = stretch * len(steps) + rank
        keys, row = np.unique(key, return_inverse=True)
        return row, steps[keys % len(steps)].astype(np.float64)
    rises = np.diff(step, prepend=step[:1])
    if (rises >= 0).all():
        row = np.cumsum(rises > 0)
        return row, step[np.flatnonzero(np.r_[True, rises[1:] > 0])].astype(np.float64)
    steps, row = np.unique(step, return_inverse=True)
    return row, steps.astype(np.float64)


def _cuts(which: Counts, step: Counts) -> Counts:
    """Return where a new stretch begins: where a tag's step is below the one it had earlier in this stretch."""
    order = _sorted(which)
    sorted_which, sorted_step = which[order], step[order]
    back = (sorted_which[1:] == sorted_which[:-1]) & (sorted_step[1:] < sorted_step[:-1])
    before, after = order[:-1][back], order[1:][back]
    cuts: list[int] = []
    last = 0
    for k in np.argsort(after, kind="stable").tolist():
        if before[k] >= last:
            last = int(after[k])
            cuts.append(last)
    return np.array(cuts, dtype=np.int64)


def _kept(points: Points, rows: int) -> tuple[list[int], list[str]]:
    room = max(CELLS // max(rows, 1), 1)
    if len(points.tags) <= room:
        return list(range(len(points.tags))), []
    most = np.argsort(-np.bincount(points.which, minlength=len(points.tags)), kind="stable")
    kept = sorted(most[:room].tolist())
    return kept, [points.tags[k] for k in sorted(most[room:].tolist())]


def _notes(uncounted: list[str], left: list[str], twice: int) -> list[str]:
    notes = []
    if uncounted:
        notes.append(f"{named(uncounted)} always said step 0: the values were counted instead.")
    if left:
        notes.append(f"too many tags for one table: {named(left)} left out.")
    if twice:
        notes.append(f"{twice} values were said again for the same step: the last was kept.")
    return notes


def named(names: Sequence[str], most: int = 5) -> str:
    """Return ``names`` in words, the first few of them.

    >>> named(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    shown = [name if len(name) <= 80 else f"{name[:77]}..." for name in names[:most]]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")
