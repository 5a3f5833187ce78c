"""JSON lines: one object a line, surefoot's own and those of others."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from surefoot.errors import FormatError
from surefoot.history.formats import rows
from surefoot.history.formats.cells import number
from surefoot.history.formats.regular import grid
from surefoot.history.formats.table import Format, Source, Table
from surefoot.history.formats.text import head_lines, utf8

_CHUNK = 1 << 20
_EXAMPLE = '{"step": 0, "loss": 2.5}'
_OURS = '{"step": '
_UNREADABLE = (ValueError, RecursionError)


def _fits(source: Source) -> bool:
    head = head_lines(source)
    if not head:
        return False
    first = head[0].lstrip()
    if first.startswith(_OURS) and _object(first) is not None:
        return len(head) > 1 or "log_history" not in first
    objects = sum(_object(line) is not None for line in head[:50])
    return objects >= 2 or (objects == 1 and len(head) <= 2 and not _is_table(head[0]))


def _is_table(line: str) -> bool:
    found = _object(line) or {}
    return any(isinstance(value, (list, dict)) for value in found.values())


def _object(line: str) -> dict[str, Any] | None:
    text = line.strip()
    if not (text.startswith("{") and text.endswith("}")):
        return None
    try:
        found = json.loads(text)
    except _UNREADABLE:
        return None
    return found if isinstance(found, dict) else None


def _tables(source: Source) -> tuple[Table, ...]:
    data = utf8(source)
    first = next(filter(str.strip, head_lines(source)), "").lstrip()
    ours = first.startswith(_OURS) and '"loss"' in first
    blocks: list[rows.Block] = []
    left = lines = 0
    most = rows.widest(data.count(b"\n"))
    for chunk in _chunks(data):
        found = _regular(chunk)
        if found is None:
            # Only a last line without its end may have been cut; of whole lines each has to be a reading.
            last = lines + chunk.count(b"\n") + 1
            said = list(_objects(chunk, lines, last if ours else 0, source.name))
            left += sum(map(bool, map(bytes.strip, chunk.split(b"\n")))) - len(said)
            found = rows.block(said, most)
        blocks.append(found)
        lines += chunk.count(b"\n")
    if not any(part.length for part in blocks):
        raise FormatError(f"{source.name} holds no reading: each line is an object such as {_EXAMPLE}.")
    notes = [f"{left} lines that are no readings were left out."] if left else []
    return (rows.stacked(blocks, notes=notes),)


def _chunks(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        end = data.rfind(b"\n", start, start + _CHUNK) + 1 or data.find(b"\n", start) + 1 or len(data)
        yield data[start:end]
        start = end


def _regular(chunk: bytes) -> rows.Block | None:
    found = grid(chunk)
    if found is None:
        return None
    names, values = found
    step = values[:, names.index("step")] if "step" in names else np.zeros(1)
    if not bool(np.all((step >= 0) & (step < np.inf))):
        return None
    said = np.zeros(len(values), dtype=bool)
    return rows.Block(len(values), {name: (values[:, k], said) for k, name in enumerate(names)})


def _objects(chunk: bytes, before: int, strict: int, name: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a chunk; of ``strict`` lines, surefoot's own, only the last may be something else."""
    lines = chunk.split(b"\n")
    quick = _at_once(lines)
    if quick is not None and not (strict and not all(map(_is_reading, quick))):
        yield from quick
        return
    for at, line in enumerate(lines, start=before + 1):
        row = _object(line.decode(errors="replace"))
        if row is not None and not (strict and not _is_reading(row)):
            yield row
        elif line.strip() and at < strict:
            raise FormatError(f"{name}, line {at}, is not a reading: expected {_EXAMPLE}.")


def _at_once(lines: Sequence[bytes]) -> list[dict[str, Any]] | None:
    # Parsing lines as one list is several times as fast as parsing each.
    said = [line for line in lines if line.strip()]
    try:
        found = json.loads(b"[" + b",".join(said) + b"]")
    except _UNREADABLE:
        return None
    return found if len(found) == len(said) and set(map(type, found)) == {dict} else None


def _is_reading(row: Mapping[str, Any]) -> bool:
    step = row.get("step")
    if type(step) is int:
        return step >= 0
    value = number(step)
    return isinstance(value, float) and math.isfinite(value) and value >= 0


FORMAT = Format("JSON lines", _fits, _tables)
