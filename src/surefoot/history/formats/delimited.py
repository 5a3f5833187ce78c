"""Delimited text: the header and the columns of a file with commas, semicolons or tabs."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from surefoot.errors import FormatError
from surefoot.history.columns import Column, Mask
from surefoot.history.formats.cells import WORD, column, number
from surefoot.history.formats.parts import divided, part_column
from surefoot.history.formats.regular import commas
from surefoot.history.formats.table import Source, Table
from surefoot.history.formats.text import head_lines, whole_text

_DELIMITERS = "\t,;"
_SPACES = " "
_WIDE = 5_000
_CELL = 1 << 16


def header(source: Source) -> tuple[str, ...]:
    """Return the names in the first line of a delimited text, stripped; empty if the source is none."""
    head = _table_lines(source)
    if not head or head[0].lstrip()[:1] in {"{", "[", "<"} or len(head[0]) > _CELL:
        return ()
    delimiter = _delimiter(head)
    if not delimiter:
        return ()
    head = [_split(line, delimiter) for line in head]
    delimiter = delimiter.replace(_SPACES, "\t")
    names = tuple(name.strip() for name in next(csv.reader([head[0]], delimiter=delimiter), []))
    words = [name for name in names if name and not isinstance(number(name), float)]
    titled = 2 * len(words) > len(names) and len(names) <= _WIDE
    return names if titled and _holds_numbers(head[1:4], delimiter) else ()


def _holds_numbers(head: Sequence[str], delimiter: str) -> bool:
    """Return whether lines are rows of a table, and not sentences with commas."""
    cells = [cell for line in head for cell in line.split(delimiter)]
    kinds = [number(cell.strip('" ')) for cell in cells if len(cell) < _CELL]
    words = sum(kind is WORD for kind in kinds)
    return not head or (any(isinstance(kind, float) for kind in kinds) and 2 * words <= len(kinds))


def table(source: Source) -> Table:
    """Return the columns of a delimited text under its header's names; FormatError if it has no rows.

    A last row that a crash cut short is left out, and that is noted; so are rows with another number of cells.
    """
    names = header(source)
    delimiter = _delimiter(_table_lines(source))
    text = _split(_body(whole_text(source)), delimiter)
    delimiter = delimiter.replace(_SPACES, "\t")
    if not text.strip():
        raise FormatError(f"{source.name} holds no reading: it ends after its header.")
    unique = _unique(names)
    block = _numbers(text, delimiter, len(names))
    if block is not None:
        return Table({name: block[:, k] for k, name in enumerate(unique) if name})
    return _mixed(source.name, unique, _cells(source.name, text, delimiter))


def _table_lines(source: Source) -> list[str]:
    return [line for line in head_lines(source)[:20] if not line.startswith("#")]


def _body(text: str) -> str:
    rest = text
    while rest:
        line, _, rest = rest.partition("\n")
        if line.strip() and not line.startswith("#"):
            return rest
    return ""


def _delimiter(head: Sequence[str]) -> str:
    if not head:
        return ""
    counts = {mark: head[0].count(mark) for mark in _DELIMITERS}
    best = max(counts, key=lambda mark: counts[mark])
    # Log lines hold commas too; in a table the next line has as many as the header.
    same = len(head) == 1 or abs(head[1].count(best) - counts[best]) <= head[1].count('"')
    if counts[best]:
        return best if same else ""
    words = [len(line.split()) for line in head[:3]]
    return _SPACES if len(words) > 1 and words[0] > 1 and len(set(words)) == 1 else ""


def _split(text: str, delimiter: str) -> str:
    """Return the text of a table with spaces between its columns as one with tabs."""
    return text if delimiter != _SPACES else "\n".join("\t".join(line.split()) for line in text.splitlines())


def _unique(names: Sequence[str]) -> list[str]:
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found


def _numbers(text: str, delimiter: str, width: int) -> Column | None:
    """Return a table that holds numbers only, [rows, columns]; None if it holds anything else."""
    body = text.strip("\r\n")
    rows = body.count("\n") + 1
    if body.count(delimiter) != rows * (width - 1) or delimiter * 2 in body or " " in body or "_" in body[:_CELL]:
        return None
    flat = body.replace("\r\n", delimiter).replace("\n", delimiter)
    if delimiter != ",":
        flat = flat.replace(delimiter, ",")
    values = commas(flat)
    if values is None or values.size != rows * width or not _tidy(body, delimiter, width):
        return None
    return values.reshape(rows, width)


def _tidy(body: str, delimiter: str, width: int) -> bool:
    ends = (body.partition("\n")[0], body.rpartition("\n")[2])
    return all(line.count(delimiter) == width - 1 for line in ends)


def _cells(name: str, text: str, delimiter: str) -> list[list[str]]:
    try:
        return [row for row in csv.reader(io.StringIO(text.replace("\0", "")), delimiter=delimiter) if row]
    except csv.Error as error:
        raise FormatError(f"{name} is a broken table ({error}).") from None


def _mixed(name: str, names: Sequence[str], cells: list[list[str]]) -> Table:
    width = len(names)
    repeated = [[cell.strip() for cell in row] == list(names) for row in cells]
    cells = [row for row, again in zip(cells, repeated, strict=True) if not again]
    whole = [row for row in cells if len(row) == width]
    cut = len(cells) - len(whole)
    if not whole:
        raise FormatError(f"{name} is a broken table: no row has the {width} cells of its header.")
    torn = len(cells[-1]) < width
    notes = ["The last row was cut while it was written, and is left out."] if torn else []
    notes += [f"{cut - torn} rows with another number of cells than the header were left out."] if cut > torn else []
    columns: dict[str, Column] = {}
    blank: dict[str, Mask] = {}
    ignored = []
    by_name = dict(zip(names, zip(*whole, strict=True), strict=True))
    for title, values in by_name.items():
        found = column(values)
        if found is None:
            ignored.append(title)
        elif title:
            columns[title] = found[0]
            if found[1].any():
                blank[title] = found[1]
    part = part_column(names, by_name)
    if part:
        columns, blank = divided(columns, blank, by_name[part])
    return Table(columns, blank, notes=tuple(notes), ignored=tuple(ignored))
