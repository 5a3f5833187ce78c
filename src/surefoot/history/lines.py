"""Readings as JSON lines: appended one by one, and readable after a crash in the middle of a line."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from surefoot.errors import ArgumentError, FormatError
from surefoot.history.reading import Reading

_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class Log:
    r"""Append readings to a JSON-lines file; what was written survives a crash of the process.

    Each reading is one line and one write at the end of ``path``; a line that an earlier crash cut short is
    removed on opening; a file that ends in anything else is refused with FormatError and left as it is. NaN and
    infinities are written as text, so that every line is strict JSON.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "run.jsonl"
    >>> with Log(path) as log:
    ...     log.write(Reading(0, 2.5, lr=0.1))
    >>> path.read_text()
    '{"step": 0, "loss": 2.5, "lr": 0.1}\n'
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise ArgumentError(f"path={str(path)!r} cannot be written ({error.strerror}): choose another.") from error
        try:
            mend_last_line(self._file, self.path.name)
        except FormatError:
            os.close(self._file)
            raise

    def write(self, reading: Reading) -> None:
        """Append one reading; a lazy validation loss is called first."""
        self.append(reading.judged().row())

    def append(self, row: Mapping[str, float]) -> None:
        """Append one flat row with a ``step``: an evaluation, say, that has no loss."""
        os.write(self._file, (dump(row) + "\n").encode())

    def close(self) -> None:
        """Force what was written to disk and close the file; closing twice is harmless."""
        if self._file >= 0:
            os.fsync(self._file)
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_UNREADABLE = (ValueError, KeyError, RecursionError, OverflowError, TypeError)


def dump(row: Mapping[str, Any]) -> str:
    """Return one flat row as one line of strict JSON (non-finite numbers as text)."""
    return json.dumps({name: _written(value) for name, value in row.items()})


def mend_last_line(file: int, name: str) -> None:
    """Let an open file end in a newline: a torn reading is cut off, a whole one kept; raise FormatError for others."""
    size = os.fstat(file).st_size
    keep = _last_newline(file, size)
    if keep == size:
        return
    last = os.pread(file, size - keep, keep)
    try:
        _row(json.loads(last))
    except _UNREADABLE:
        if not _torn(last):
            raise FormatError(f"{name} is no log of readings, so nothing is written to it: choose another.") from None
        os.ftruncate(file, keep)
    else:
        os.write(file, b"\n")


def _last_newline(file: int, size: int) -> int:
    keep = size
    while keep > 0:
        block = os.pread(file, min(keep, 1 << 16), max(keep - (1 << 16), 0))
        newline = block.rfind(b"\n")
        if newline >= 0:
            return keep - len(block) + newline + 1
        keep -= len(block)
    return 0


def _torn(line: bytes) -> bool:
    begin = b'{"step": '
    return line[: len(begin)] == begin[: len(line)] and not line.rstrip().endswith(b"}")


def _row(found: Any) -> dict[str, float]:
    if not isinstance(found, dict) or "step" not in found:
        raise ValueError
    row = {name: _number(value) for name, value in found.items() if _is_number(value)}
    if not (math.isfinite(row["step"]) and row["step"] >= 0):
        raise ValueError
    return row


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return value in _NOT_FINITE
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(value: Any) -> float:
    return _NOT_FINITE[value] if isinstance(value, str) else float(value)


def _written(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)
