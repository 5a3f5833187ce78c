"""Where a search keeps its journal, its result and its report: checked before the long part, not after it."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TypeVar

from surefoot.errors import ArgumentError, JournalError, SurefootError

Found = TypeVar("Found")
HOME = Path("surefoot-out")


@dataclass(frozen=True, slots=True)
class Place:
    """A directory of one search, and how many finished trials its journal held before; ``made``: folders it made."""

    directory: Path
    finished: int
    made: tuple[Path, ...] = ()

    @property
    def journal(self) -> Path:
        """The journal, JSON lines."""
        return self.directory / "journal.jsonl"

    @property
    def result(self) -> Path:
        """The result as JSON."""
        return self.directory / "result.json"

    @property
    def report(self) -> Path:
        """The report as a page."""
        return self.directory / "report.html"


def placed(directory: Path) -> Place:
    """Return the place at ``directory``, made if it is missing; raise ArgumentError if nothing can be written there."""
    made = tuple(folder for folder in (directory, *directory.parents) if not folder.exists())
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise ArgumentError(
            f"out={str(directory)!r} cannot be written ({error.strerror}): name a directory that can."
        ) from None
    return Place(directory, _finished(directory / "journal.jsonl"), made)


def _finished(journal: Path) -> int:
    try:
        return max(journal.read_bytes().count(b"\n") - 1, 0)
    except FileNotFoundError:
        return 0


def cleared(place: Place) -> None:
    """Take back the journal of a search that ended before its first trial, and the folders made for it."""
    if _finished(place.journal) == 0:
        place.journal.unlink(missing_ok=True)
        with suppress(OSError):
            for folder in place.made:
                folder.rmdir()


def searched(task: str, out: str | None, search: Callable[[Place], Found]) -> tuple[Place, Found]:
    """Run ``search`` at ``out``, or at the first place under ``surefoot-out`` that is free or holds the same search.

    So the same command goes on where it stopped, and another one never writes over what the first has found.
    A search that an error ends before its first trial leaves nothing. Raises JournalError if ``out`` is named and
    holds another search.
    """
    for directory in [Path(out)] if out is not None else candidates(task):
        place = placed(directory)
        try:
            return place, search(place)
        except JournalError as error:
            if out is not None or "another search" not in str(error):
                raise
        except SurefootError:
            cleared(place)
            raise
    raise AssertionError(task)


def candidates(task: str) -> Iterator[Path]:
    """Yield digits, digits-2, digits-3, ... under ``surefoot-out``, for the task ``digits``.

    >>> next(candidates("code/train.py:task")).name
    'train-task'
    """
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", os.path.basename(task).replace(".py:", "-")).strip("-") or "task"  # noqa: PTH119  a task is no path
    yield HOME / name
    for k in count(2):
        yield HOME / f"{name}-{k}"
