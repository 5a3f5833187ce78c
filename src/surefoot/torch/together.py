"""Together: one search in every rank of a distributed run, which sees one curve and makes one decision.

Losses are averaged over the ranks after every update, and so is what ends a run: a rank whose task raises, ends or is
interrupted takes the others with it at the same update.
"""

from __future__ import annotations

import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch.distributed as dist

from surefoot.errors import JournalError, TaskError
from surefoot.search.execution import Report
from surefoot.task import Task
from surefoot.torch.agreeing import rank, ranks
from surefoot.torch.consenting import Consent, agreeing

SPREAD = 100_003
"""Between the seeds of two ranks: each must draw its own batches where the data order is drawn at random."""

MEETING = timedelta(minutes=5)
"""How long a rank waits for the others to begin the search."""


@dataclass(frozen=True)
class Ours:
    """What this rank searches with: the task whose losses are agreed, its journal, and whom to tell of progress."""

    task: Task
    journal: str | Path | None
    progress: Report | None


@contextmanager
def together(
    task: Task, *, journal: str | Path | None = None, progress: Report | None = None, spread: int = 0
) -> Iterator[Ours]:
    """Yield what every rank must search with, so that all of them find the same; call it in every rank.

    ``ours.task`` yields the losses of ``task`` averaged over the ranks, ``ours.journal`` is ``journal`` on rank 0
    and a copy that is thrown away on the others, ``ours.progress`` is None but on rank 0. Where ``task`` raises on one
    rank, all raise; Ctrl-C ends the search of all at the same update. With ``spread`` the rank times it is added to
    the task's ``seed``. With one process nothing changes. ``st.find`` and ``st.tune`` do this by themselves.

    >>> def task(schedule):
    ...     yield from [1.0] * schedule.total
    >>> with together(task) as ours:
    ...     ours.task is task
    True
    """
    if ranks() == 1:
        yield Ours(task, journal, progress)
        return
    # Words of a few bytes on the host, apart from the collectives of the model: those of a rank that stands still
    # in the middle of them must not be mistaken for these.
    group = _group()
    try:
        with _patient() as asked, _mirrored(journal, group) as kept:
            told = progress if rank() == 0 else None
            yield Ours(agreeing(task, Consent(group, asked), spread * rank()), kept, told)
    finally:
        dist.destroy_process_group(group)


def _group() -> Any:
    try:
        return dist.new_group(backend="gloo", timeout=MEETING)
    except RuntimeError as error:
        raise TaskError(
            f"rank {rank()} waited {MEETING} for the others ({error}): under torch.distributed a search must be called "
            "in every rank."
        ) from error


@contextmanager
def _patient() -> Iterator[Callable[[], bool]]:
    """Yield whether Ctrl-C was pressed, which the ranks then act on together; pressed twice it is not held back."""
    pressed: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def handler(number: int, frame: Any) -> None:
        pressed.append(number)
        if len(pressed) > 1:
            signal.default_int_handler(number, frame)

    before = signal.signal(signal.SIGINT, handler)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _mirrored(journal: str | Path | None, group: Any) -> Iterator[str | Path | None]:
    """Yield the journal on rank 0, and on the others a copy of it: they must know the same trials, and write none."""
    if journal is None:
        yield None
        return
    held: list[Any] = [_content(Path(journal)) if rank() == 0 else None]
    dist.broadcast_object_list(held, src=0, group=group)
    if isinstance(held[0], JournalError):
        raise held[0]
    if rank() == 0:
        yield journal
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "journal.jsonl"
        if held[0] is not None:
            copy.write_bytes(held[0])
        yield copy


def _content(journal: Path) -> bytes | JournalError | None:
    try:
        return journal.read_bytes() if journal.exists() else None
    except OSError as error:
        return JournalError(f"journal={str(journal)!r} can't be used ({error}): give a path that can be written.")
