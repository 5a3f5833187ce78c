"""JSON lines: one object a line, surefoot's own and those of others."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from surefoot.errors import FormatError
from surefoot.history.formats import rows
from surefoot.history.formats.cells import number
from surefoot.history.formats.table import Format, Source, Table
from surefoot.history.formats.text import head_lines, lines

_BLOCK = 5_000
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
    text = lines(source)
    first = next(filter(str.strip, text), "")
    ours = first.lstrip().startswith(_OURS) and '"loss"' in first
    found: list[Mapping[str, Any]] = []
    left = 0
    for start in range(0, len(text), _BLOCK):
        block = text[start : start + _BLOCK]
        said = _at_once([line for line in block if line])
        if said is None or (ours and not all(map(_is_reading, said))):
            said = list(_one_by_one(block, f"{source.name}, line", start, len(text) if ours else 0))
            left += sum(map(bool, map(str.strip, block))) - len(said)
        found += said
    if not found:
        raise FormatError(f"{source.name} holds no reading: each line is an object such as {_EXAMPLE}.")
    notes = [f"{left} lines that are no readings were left out."] if left else []
    return (rows.table(found, notes=notes),)


def _one_by_one(block: Sequence[str], where: str, start: int, strict: int) -> Iterator[dict[str, Any]]:
    """Yield the objects of a block; of ``strict`` lines, surefoot's own, only the last may be something else."""
    for at, line in enumerate(block, start=start + 1):
        row = _object(line)
        if row is not None and not (strict and not _is_reading(row)):
            yield row
        elif strict and line.strip() and at < strict:
            raise FormatError(f"{where} {at}, is not a reading: expected {_EXAMPLE}.")


def _at_once(block: Sequence[str]) -> list[dict[str, Any]] | None:
    # Parsing a block as one list is several times as fast as parsing its lines.
    try:
        found = json.loads(f"[{','.join(block)}]")
    except _UNREADABLE:
        return None
    return found if len(found) == len(block) and set(map(type, found)) == {dict} else None


def _is_reading(row: Mapping[str, Any]) -> bool:
    step = row.get("step")
    if type(step) is int:
        return step >= 0
    value = number(step)
    return isinstance(value, float) and math.isfinite(value) and value >= 0


FORMAT = Format("JSON lines", _fits, _tables)
