"""The journal of a search: JSON lines, a header that names the search and then one line a finished trial."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surefoot.errors import FormatError, JournalError
from surefoot.search.claims import WRITING, locked
from surefoot.trial import Trial, plain, trial_of

FORMAT = "surefoot journal 1"
_BEGINNING = b'{"format": "surefoot journal'


@dataclass(frozen=True, slots=True)
class Journal:
    """Trials that were finished before, by key, and the file that the next ones are added to (None: nowhere)."""

    path: Path | None
    done: dict[str, Trial]

    def add(self, key: str, trial: Trial) -> None:
        """Append one finished trial; it survives a kill as soon as this returns."""
        self.done[key] = trial
        if self.path is not None:
            written(self.path, key, trial)

    def refresh(self) -> None:
        """Take the trials that other processes have written meanwhile."""
        if self.path is not None:
            self.done.update(_entries(self.path, _lines(self.path)))


def written(path: Path, key: str, trial: Trial) -> None:
    """Append one finished trial to the journal at ``path``; several processes may do so at once."""
    _append(path, {"key": key, "trial": plain(trial)})


def looked_up(handle: int, key: str) -> Trial | None:
    """Return the trial ``key`` if the journal open as ``handle`` holds it by now, whoever wrote it."""
    start = b'{"key": ' + json.dumps(key).encode() + b","
    for line in _content(handle).splitlines(keepends=True):
        if line.startswith(start) and line.endswith(b"\n"):
            return trial_of(json.loads(line)["trial"])
    return None


def opened(path: str | Path | None, search: Mapping[str, Any]) -> Journal:
    """Return the journal at ``path`` for the search that ``search`` describes, begun if there is none.

    A last line that a kill cut short is dropped. Raises JournalError if the file belongs to another search, is no
    journal, or can't be written.
    """
    if path is None:
        return Journal(None, {})
    file = Path(path)
    header = {"format": FORMAT, "search": plain_search(search)}
    try:
        lines = _lines(file)
        if not lines:
            file.parent.mkdir(parents=True, exist_ok=True)
            _append(file, header)
            lines = _lines(file)
    except OSError as error:
        raise JournalError(
            f"journal={str(path)!r} can't be used ({error}): give a path that can be written."
        ) from error
    _same(file, lines[0], header)
    return Journal(file, _entries(file, lines))


def plain_search(search: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description of a search as it reads back from JSON."""
    described: dict[str, Any] = json.loads(
        json.dumps({key: plain(value) for key, value in search.items()}, default=repr)
    )
    return described


def _lines(file: Path) -> list[Any]:
    """Return the parsed lines but a torn last one, which the next write will cut off."""
    if not file.exists():
        return []
    data = file.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    # A first line without an end is a beginning that was cut short, or somebody else's text.
    lines = whole.splitlines() if whole or _BEGINNING.startswith(data[: len(_BEGINNING)]) else [data]
    try:
        return [json.loads(line) for line in lines if line.strip()]
    except ValueError as error:
        raise JournalError(f"{file} is no surefoot journal ({error}): give another path, or delete it.") from error


def _same(file: Path, first: Any, header: dict[str, Any]) -> None:
    if not isinstance(first, dict) or first.get("format") != FORMAT:
        raise JournalError(f"{file} is no surefoot journal: give another path, or delete it.")
    old, new = first["search"], header["search"]
    differ = [f"{key} {old.get(key)!r} there, {new.get(key)!r} here" for key in new if old.get(key) != new.get(key)]
    if differ:
        raise JournalError(
            f"{file} belongs to another search ({'; '.join(differ)}): give another path, or delete it to start anew."
        )


def _entries(file: Path, lines: list[Any]) -> dict[str, Trial]:
    return dict(_entry(file, k, line) for k, line in enumerate(lines[1:], 2))


def _entry(file: Path, number: int, line: Any) -> tuple[str, Trial]:
    try:
        return str(line["key"]), trial_of(line["trial"])
    except (FormatError, KeyError, TypeError) as error:
        raise JournalError(
            f"line {number} of {file} is no trial ({error}): delete the journal to start anew."
        ) from error


def _append(file: Path, data: dict[str, Any]) -> None:
    # One write of one whole line, then fsync: a kill leaves at most a torn last line, which the next write cuts off.
    line = json.dumps(data, allow_nan=False).encode() + b"\n"
    try:
        handle = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            locked(handle, WRITING)
            end = _mended(handle)
            if end > 0 and "format" in data:
                return  # another process was first
            if os.write(handle, line) < len(line):
                os.ftruncate(handle, end)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise JournalError(f"{file} can't be written ({error}).") from error


def _mended(handle: int) -> int:
    """Cut off a line that has no end and return the length of the file."""
    size = os.fstat(handle).st_size
    if size == 0 or _content(handle, size - 1) == b"\n":
        return size
    end = _content(handle).rfind(b"\n") + 1
    os.ftruncate(handle, end)
    return end


def _content(handle: int, start: int = 0) -> bytes:
    os.lseek(handle, start, os.SEEK_SET)
    return b"".join(iter(lambda: os.read(handle, 1 << 20), b""))
