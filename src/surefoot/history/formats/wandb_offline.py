"""W&B offline files: LevelDB's log framing around protocol buffers, read without wandb."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from surefoot.errors import FormatError
from surefoot.history.formats.rows import table
from surefoot.history.formats.settings import facts
from surefoot.history.formats.table import Format, Source, Table
from surefoot.history.formats.wire import BYTES, FIXED64, VARINT, fields, signed, varint

_MARK = b":W&B"
_FILES = ("run-*.wandb", "*run-*/run-*.wandb", "wandb/*run-*/run-*.wandb")
_FIRST, _BLOCK = 7, 1 << 15
_HEAD = struct.Struct("<IHB")
_FULL, _BEGIN, _LAST = 1, 2, 4
_HISTORY, _CONFIG, _RUN = 2, 5, 17


@dataclass
class _Run:
    """What the pass over a file gathers."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    name: str = ""
    damaged: int = 0
    cut: bool = False


def fits(source: Source) -> bool:
    """Return whether ``source`` begins as a W&B file does, or is a folder of W&B with one in it."""
    if source.path is not None and source.path.is_dir():
        return next(_files(source.path), None) is not None
    return source.head.startswith(_MARK)


def tables(source: Source) -> tuple[Table, ...]:
    """Return the run of ``source``, or the runs of a folder in their order; FormatError if nothing was logged.

    The checksum of every record is verified; what fails it is left out and counted in the notes.
    """
    if source.path is not None and source.path.is_dir():
        runs = [_run(path.read_bytes()) for path in _files(source.path)]
    else:
        runs = [_run(source.read())]
    full = [run for run in runs if run.rows]
    if not full:
        broken = " (its records are damaged)" if any(run.damaged for run in runs) else ""
        raise FormatError(f"{source.name} holds no logged row of a W&B run{broken}: nothing was logged, or not synced.")
    return tuple(table(run.rows, run=run.name, facts=facts(run.config), notes=_notes(run)) for run in full)


FORMAT = Format("W&B offline run", fits, tables)


def _files(folder: Path) -> Iterator[Path]:
    for pattern in _FILES:
        yield from sorted(path for path in folder.glob(pattern) if path.is_file())


def _notes(run: _Run) -> list[str]:
    damaged = [f"{run.damaged} damaged records are left out."] if run.damaged else []
    return damaged + (["the last record is cut short and left out."] if run.cut else [])


def _run(data: bytes) -> _Run:
    run = _Run()
    for record in _records(data, run):
        try:
            _understand(record, run)
        except (ValueError, RecursionError):
            run.damaged += 1
    return run


def _records(data: bytes, run: _Run) -> Iterator[bytes]:
    """Yield the whole records: parts in blocks of 32 KiB, each with its CRC-32, size and place in its record.

    Source: the description of the log format of LevelDB; W&B takes the plain CRC-32 of kind and data.
    """
    at, parts = _FIRST, list[bytes]()
    while at < len(data):
        left = _BLOCK - at % _BLOCK
        if left < _HEAD.size:
            at += left
            continue
        if at + _HEAD.size > len(data):
            break
        crc, size, kind = _HEAD.unpack_from(data, at)
        begin, after = at + _HEAD.size, at + _HEAD.size + size
        if after > len(data):
            break
        if size + _HEAD.size > left or zlib.crc32(data[begin - 1 : after]) != crc:
            run.damaged += crc != 0 or size != 0
            at, parts = at + left, []
            continue
        at = after
        if kind in (_FULL, _BEGIN):
            parts = []
        parts.append(data[begin:after])
        if kind in (_FULL, _LAST):
            yield b"".join(parts)
            parts = []
    run.cut = at < len(data) or bool(parts)


def _understand(record: bytes, run: _Run) -> None:
    for number, kind, start, stop in fields(record):
        if kind != BYTES:
            continue
        if number == _HISTORY:
            run.rows.append(_row(record, start, stop))
        elif number == _CONFIG:
            run.config |= dict(_items(record, start, stop))
        elif number == _RUN:
            for inner, inner_kind, first, last in fields(record, start, stop):
                if (inner, inner_kind) == (4, BYTES):
                    run.config |= dict(_items(record, first, last))
                elif (inner, inner_kind) == (8, BYTES):
                    run.name = record[first:last].decode(errors="replace")


def _row(record: bytes, start: int, stop: int) -> dict[str, Any]:
    """Return a HistoryRecord as a row: fields of W&B's own begin with a bar, of these only the step is kept."""
    row = {name: value for name, value in _items(record, start, stop) if name[:1] != "_" or name == "_step"}
    if "_step" not in row:
        spans = [span for number, kind, *span in fields(record, start, stop) if (number, kind) == (2, BYTES)]
        numbers = [
            signed(varint(record, at, end)[0]) for first, last in spans for _, _, at, end in fields(record, first, last)
        ]
        row["_step"] = numbers[-1] if numbers else 0
    return row


def _items(data: bytes, start: int, stop: int) -> Iterator[tuple[str, Any]]:
    """Yield name and value of each item: field 1 of a HistoryRecord, a ConfigRecord, or a run's configuration."""
    for number, kind, first, last in fields(data, start, stop):
        if (number, kind) == (1, BYTES):
            name, value = _plain(data, first, last) or _nested(data, first, last)
            if not (isinstance(value, dict) and "_type" in value):
                yield name, value


def _plain(data: bytes, first: int, last: int) -> tuple[str, Any] | None:
    """Return what an item says that is a short name and a short text, as nearly all are; None for any other."""
    if last - first < 5 or data[first] not in (0x0A, 0x12) or data[first + 1] > 127:
        return None
    end = first + 2 + data[first + 1]
    if data[end : end + 2] != b"\x82\x01" or end + 3 > last or end + 3 + data[end + 2] != last or data[end + 2] > 127:
        return None
    return data[first + 2 : end].decode(errors="replace"), _value(data, 16, BYTES, end + 3, last)


def _nested(data: bytes, first: int, last: int) -> tuple[str, Any]:
    names, value = [], None
    for part, shape, at, end in fields(data, first, last):
        if part in (1, 2) and shape == BYTES:
            names.append(data[at:end].decode(errors="replace"))
        else:
            value = _value(data, part, shape, at, end)
    return "/".join(name for name in names if name), value


def _value(data: bytes, part: int, shape: int, at: int, end: int) -> Any:
    if (part, shape) == (5, VARINT):
        return signed(varint(data, at, end)[0])
    if (part, shape) == (6, FIXED64):
        return struct.unpack_from("<d", data, at)[0]
    if part not in (8, 16) or shape != BYTES:
        return None
    try:
        return float(data[at:end])
    except ValueError:
        return json.loads(data[at:end])
