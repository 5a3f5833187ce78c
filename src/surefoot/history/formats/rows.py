"""Rows to columns: blocks of flat objects as one Table, quickly where they are alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from surefoot.history.columns import Column, Mask
from surefoot.history.formats.cells import column
from surefoot.history.formats.parts import FIELDS, by_part
from surefoot.history.formats.table import Table
from surefoot.history.origin import Fact

_BLOCK = 5_000
_DEEP = 4
_WIDE = 2_000

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
    blocks = [block(rows[start : start + _BLOCK]) for start in range(0, len(rows), _BLOCK)]
    return stacked(blocks, run=run, facts=facts, notes=notes)


def block(rows: Sequence[Mapping[str, Any]]) -> Block:
    """Return rows as one block of columns."""
    flat: list[Mapping[str, Any]] = [row if dict not in map(type, row.values()) else dict(_flat(row)) for row in rows]
    if any(name in row for row in flat[:100] for name in FIELDS):
        flat = list(map(by_part, flat))
    names = list(dict.fromkeys(str(name) for row in flat for name in row))[:_WIDE]
    return Block(len(flat), {name: column([row.get(name) for row in flat]) for name in names})


def stacked(
    blocks: Sequence[Block],
    *,
    run: str = "",
    facts: Mapping[str, Fact] | None = None,
    notes: Iterable[str] = (),
) -> Table:
    """Return blocks, one below the other, as a table."""
    names = list(dict.fromkeys(name for part in blocks for name in part.columns))[:_WIDE]
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
