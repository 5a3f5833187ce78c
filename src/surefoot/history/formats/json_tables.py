"""JSON documents that hold a table: a list of rows, a list of losses, or an object of lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from surefoot.errors import FormatError
from surefoot.history.formats import rows
from surefoot.history.formats.cells import column, number
from surefoot.history.formats.documents import document, is_document
from surefoot.history.formats.table import Format, Source, Table
from surefoot.history.names import listed

_DEEP = 4
_WIDE = 2_000
_INSIDE = ("history", "log_history", "data", "rows", "logs", "log", "metrics", "results", "scalars", "runs")


def _tables(source: Source) -> tuple[Table, ...]:
    found = _table(document(source), 0)
    if found is None:
        raise FormatError(f"{source.name} is JSON without a table: a list of rows, or an object of equally long lists.")
    return (found,)


def _table(found: Any, depth: int) -> Table | None:
    if depth > _DEEP:
        return None
    if isinstance(found, list):
        return _of_list(found)
    if not isinstance(found, dict):
        return None
    lists = dict(_lists(found))
    if lists:
        return _of_lists(lists)
    inner = (_table(found[name], depth + 1) for name in _INSIDE if isinstance(found.get(name), (list, dict)))
    return next((table for table in inner if table is not None), _one_row(found))


def _one_row(found: dict[str, Any]) -> Table | None:
    table = rows.table([found])
    return table if table.columns else None


def _of_list(found: list[Any]) -> Table | None:
    objects = [row for row in found if isinstance(row, dict)]
    if objects and 2 * len(objects) > len(found):
        return rows.table(objects)
    kept = column(found) if found and not any(isinstance(cell, (list, dict, str)) for cell in found[:100]) else None
    return Table({"loss": kept[0]}, {"loss": kept[1]}) if kept else None


def _lists(found: Mapping[str, Any], before: str = "", depth: int = 0) -> Iterator[tuple[str, list[Any]]]:
    for name, value in found.items():
        values = _listed(value)
        if values is not None:
            yield f"{before}{name}", values
        elif isinstance(value, dict) and depth < _DEEP:
            yield from _lists(value, f"{before}{name}/", depth + 1)


def _listed(value: Any) -> list[Any] | None:
    # pandas writes a column as an object whose keys number its rows.
    if isinstance(value, dict) and value and all(str(key).isdecimal() for key in value):
        value = list(value.values())
    if not isinstance(value, list) or not value or (isinstance(number(value[0]), type(number(""))) and len(value) < 2):
        return None
    return None if any(isinstance(cell, (list, dict)) for cell in value) else value


def _of_lists(lists: dict[str, list[Any]]) -> Table | None:
    columns, blank, ignored, spread = {}, {}, [], []
    length = max(map(len, lists.values()))
    for name, values in list(lists.items())[:_WIDE]:
        found = column(values)
        if found is None:
            ignored.append(name)
            continue
        # A shorter list was written less often: its values are taken to be evenly spread.
        places = (np.arange(1, len(values) + 1) * length) // len(values) - 1
        columns[name], blank[name] = np.full(length, np.nan), np.ones(length, dtype=bool)
        columns[name][places], blank[name][places] = found
        spread += [name] if len(values) < length else []
    notes = (f"Lists shorter than the longest were spread over its rows: {listed(spread)}.",) if spread else ()
    return Table(columns, blank, ignored=tuple(ignored), notes=notes) if columns else None


FORMAT = Format("JSON", is_document, _tables)
