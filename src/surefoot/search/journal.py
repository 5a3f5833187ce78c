"""The journal of a search: JSON lines, a header that names the search and then one line a finished trial."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surefoot.errors import FormatError, JournalError
from surefoot.trial import Trial, plain, trial_of

FORMAT = "surefoot journal 1"


@dataclass(frozen=True, slots=True)
class Journal:
    """Trials that were finished before, by key, and the file that the next ones are added to (None: nowhere)."""

    path: Path | None
    done: dict[str, Trial]

    def add(self, key: str, trial: Trial) -> None:
        """Append one finished trial; it survives a kill as soon as this returns."""
        self.done[key] = trial
        if self.path is not None:
            _append(self.path, {"key": key, "trial": plain(trial)})


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
            file.write_bytes(b"")
            _append(file, header)
            return Journal(file, {})
    except OSError as error:
        raise JournalError(
            f"journal={str(path)!r} can't be used ({error}): give a path that can be written."
        ) from error
    _same(file, lines[0], header)
    return Journal(file, dict(_entry(file, k, line) for k, line in enumerate(lines[1:], 2)))


def plain_search(search: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description of a search as it reads back from JSON."""
    described: dict[str, Any] = json.loads(
        json.dumps({key: plain(value) for key, value in search.items()}, default=repr)
    )
    return described


def _lines(file: Path) -> list[Any]:
    """Return the parsed lines; a torn last line is cut off the file, so that the next one starts clean."""
    if not file.exists():
        return []
    data = file.read_bytes()
    end = data.rfind(b"\n") + 1
    if end < len(data):
        with file.open("r+b") as stream:
            stream.truncate(end)
    try:
        return [json.loads(line) for line in data[:end].splitlines() if line.strip()]
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


def _entry(file: Path, number: int, line: Any) -> tuple[str, Trial]:
    try:
        return str(line["key"]), trial_of(line["trial"])
    except (FormatError, KeyError, TypeError) as error:
        raise JournalError(
            f"line {number} of {file} is no trial ({error}): delete the journal to start anew."
        ) from error


def _append(file: Path, data: dict[str, Any]) -> None:
    # One write of one whole line, then fsync: a kill leaves at most a torn last line, which reading drops.
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, json.dumps(data, allow_nan=False).encode() + b"\n")
        os.fsync(handle)
    except OSError as error:
        raise JournalError(f"{file} can't be written ({error}).") from error
    finally:
        os.close(handle)
