"""Rows to columns: a list of flat objects as one Table, quickly where they are alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from surefoot.history.columns import Column, Mask
from surefoot.history.formats.cells import column, joined
from surefoot.history.formats.table import Table
from surefoot.history.origin import Fact

_BLOCK = 5_000
_DEEP = 4
_WIDE = 2_000


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
    flat = [row if _is_flat(row) else dict(_flat(row)) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))[:_WIDE]
    columns: dict[str, Column] = {}
    blank: dict[str, Mask] = {}
    ignored = []
    for name in names:
        found = _column([row.get(name) for row in flat])
        if found is None:
            ignored.append(name)
            continue
        columns[name] = found[0]
        if found[1].any():
            blank[name] = found[1]
    return Table(columns, blank, run, facts or {}, tuple(notes), tuple(ignored))


def _column(cells: list[Any]) -> tuple[Column, Mask] | None:
    blocks = [column(cells[start : start + _BLOCK]) for start in range(0, len(cells), _BLOCK)]
    if any(block is None for block in blocks):
        return column(cells)
    return joined(block for block in blocks if block is not None)


def _is_flat(row: Mapping[str, Any]) -> bool:
    return dict not in map(type, row.values())


def _flat(row: Mapping[str, Any], before: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(value, dict):
            if depth < _DEEP:
                yield from _flat(value, f"{before}{name}/", depth + 1)
        else:
            yield f"{before}{name}", value
