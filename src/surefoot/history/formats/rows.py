"""Rows to columns: blocks of flat objects as one Table, quickly where they are alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from surefoot.history.columns import Column, Mask
from surefoot.history.formats.cells import column
from surefoot.history.formats.parts import FIELDS, by_part
from surefoot.history.formats.table import Table
from surefoot.history.origin import Fact

_BLOCK = 5_000
_DEEP = 4
_WIDE, _NARROW, _CELLS = 2_000, 60, 20_000_000

Cells = tuple[Column, Mask] | None


@dataclass(frozen=True)
class Block:
    """Some rows as columns: values and blanks by name, None for a field that holds no numbers."""

    length: int
    columns: Mapping[str, Cells]


def table(
    rows: Sequence[Mapping[str, Any]],
    *,
    run: str = "",
    facts: Mapping[str, Fact] | None = None,
    notes: Iterable[str] = (),
) -> Table:
    """Return rows as a table: a name that a row lacks is blank there; nested objects get names with a slash.

    Fields that hold text, lists or truth values are not columns, and are named in ``ignored``.
    """
    most = widest(len(rows))
    blocks = [block(rows[start : start + _BLOCK], most) for start in range(0, len(rows), _BLOCK)]
    return stacked(blocks, run=run, facts=facts, notes=notes)


def widest(rows: int) -> int:
    """Return how many columns are kept of a log with ``rows`` rows, so that a made-up one does not fill the memory."""
    return min(_WIDE, max(_NARROW, _CELLS // max(rows, 1)))


def block(rows: Sequence[Mapping[str, Any]], most: int) -> Block:
    """Return rows as one block of columns, of ``most`` names those that are said most often."""
    flat: list[Mapping[str, Any]] = [row if dict not in map(type, row.values()) else dict(_flat(row)) for row in rows]
    if any(name in row for row in flat[:100] for name in FIELDS):
        flat = list(map(by_part, flat))
    counts = Counter(chain.from_iterable(flat))
    names = list(counts) if len(counts) <= most else [name for name, _ in counts.most_common(most)]
    return Block(len(flat), {name: column([row.get(name) for row in flat]) for name in names})


def stacked(
    blocks: Sequence[Block],
    *,
    run: str = "",
    facts: Mapping[str, Fact] | None = None,
    notes: Iterable[str] = (),
) -> Table:
    """Return blocks, one below the other, as a table."""
    counts = Counter(name for part in blocks for name in part.columns)
    most = widest(sum(part.length for part in blocks))
    names = list(counts) if len(counts) <= most else [name for name, _ in counts.most_common(most)]
    columns: dict[str, Column] = {}
    blank: dict[str, Mask] = {}
    ignored = []
    for name in names:
        found = [part.columns.get(name) for part in blocks]
        said = [cells is not None for cells in found]
        words = sum(name in part.columns for part in blocks) - sum(said)
        if words > sum(said):
            ignored.append(name)
            continue
        pairs = [_nothing(part.length) if cells is None else cells for part, cells in zip(blocks, found, strict=True)]
        columns[name] = np.concatenate([values for values, _ in pairs])
        mask = np.concatenate([mask for _, mask in pairs])
        blank |= {name: mask} if mask.any() else {}
    return Table(columns, blank, run, facts or {}, tuple(notes), tuple(ignored))


def _nothing(length: int) -> tuple[Column, Mask]:
    return np.full(length, np.nan), np.ones(length, dtype=bool)


def _flat(row: Mapping[str, Any], before: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, dict):
            if depth < _DEEP:
                yield from _flat(value, f"{before}{name}/", depth + 1)
        else:
            yield f"{before}{name}", value
