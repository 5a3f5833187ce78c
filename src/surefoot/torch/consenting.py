"""Consenting: after every update the ranks of a run tell one another their losses, and whether they go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.distributed as dist

from surefoot.errors import TaskError
from surefoot.history.reading import Reading
from surefoot.task import Task, arithmetic, loss_of, name_of, names_seed
from surefoot.torch.agreeing import rank, ranks

GRACE = 10.0
"""Seconds that a rank in trouble waits for the others, or thrice its slowest update if that is longer.

They may stand still in a collective of the model that it never entered; its end is then what frees them.
"""
PATIENCE = timedelta(minutes=30)
"""How long a rank waits for the slowest one, as torch's own collectives do."""


@dataclass(frozen=True)
class Word:
    """What one rank says after an update: its value and loss, and whether it can be judged; or why there is none."""

    value: Any = None
    loss: float = 0.0
    judged: bool = False
    ended: bool = False
    error: BaseException | None = None


@dataclass(frozen=True)
class Consent:
    """The ranks that must agree (a group of gloo), and whether this one was interrupted."""

    group: Any
    asked: Callable[[], bool]

    def __call__(self, word: Word, grace: float) -> Answer:
        """Return what the ranks said together; raise on each of them what any of them raised."""
        said = self._sum(word, grace)
        if said.failed:
            raise self._shared(word)
        if said.asked:
            raise KeyboardInterrupt
        return said

    def _sum(self, word: Word, grace: float) -> Answer:
        flags = (word.judged, word.ended, word.error is not None, self.asked())
        vector = torch.tensor([word.loss, *map(float, flags)], dtype=torch.float64)
        options = dist.AllreduceOptions()
        # Of the work itself, not of waiting for it: a process can't end while it has work under way.
        options.timeout = PATIENCE if word.error is None else timedelta(seconds=grace)
        try:
            self.group.allreduce([vector], options).wait()
        except RuntimeError as error:
            if word.error is not None:
                raise word.error from None
            raise TaskError(f"rank {rank()} lost the others in the middle of a trial ({error}).") from error
        return Answer(*vector.tolist())

    def _shared(self, word: Word) -> BaseException:
        """Return the error of the first rank that has one: all of them raise it, and take it for the same."""
        told: list[Any] = [None] * ranks()
        own = None if word.error is None else (arithmetic(word.error), f"{type(word.error).__name__}: {word.error}")
        dist.all_gather_object(told, own, group=self.group)
        first = next(k for k, one in enumerate(told) if one is not None)
        if first == rank() and word.error is not None:
            return word.error
        diverged, said = told[first]
        return (ArithmeticError if diverged else TaskError)(f"rank {first} raised {said}")


class Answer(NamedTuple):
    """What the ranks said, added up: their losses, and how many can be judged, have ended, failed, were interrupted."""

    loss: float
    judged: float
    ended: float
    failed: float
    asked: float


def agreeing(task: Task, consent: Consent, offset: int = 0) -> Task:
    """Return ``task`` with every loss averaged over the ranks, and ``offset`` added to its seed."""

    def run(schedule: Any, **knobs: Any) -> Iterator[Reading]:
        if offset and names_seed(task) and knobs.get("seed") is not None:
            knobs["seed"] += offset
        stream: Iterator[Any] | None = None
        slowest = 0.0
        try:
            for step in _steps(schedule):
                began = time.monotonic()
                stream, word = _next(task, stream, partial(task, schedule, **knobs))
                slowest = max(slowest, time.monotonic() - began)
                said = consent(word, max(GRACE, 3 * slowest))
                if said.ended:
                    return
                yield _agreed(step, word, said, consent)
        finally:
            close = getattr(stream, "close", None)
            if close is not None:
                close()

    run.__wrapped__ = task  # type: ignore[attr-defined]  # where signatures and sources are looked up
    run.__qualname__ = name_of(task)
    return run


def _steps(schedule: Any) -> Iterator[int]:
    total = getattr(schedule, "total", None)
    step = 0
    while total is None or step < total:
        yield step
        step += 1


def _next(task: Task, stream: Iterator[Any] | None, begin: Callable[[], Any]) -> tuple[Iterator[Any] | None, Word]:
    try:
        stream = iter(begin()) if stream is None else stream
        value = next(stream)
        loss = loss_of(task, value)
        if isinstance(loss, Reading):
            return stream, Word(value, loss.loss, judged=loss.val_loss is not None)
        return stream, Word(value, loss)
    except StopIteration:
        return stream, Word(ended=True)
    except (Exception, SystemExit) as error:  # noqa: BLE001  whatever it is, the other ranks must hear of it
        return stream, Word(error=error)


def _agreed(step: int, word: Word, said: Answer, consent: Consent) -> Reading:
    loss = said.loss / ranks()
    reading = word.value if isinstance(word.value, Reading) else Reading(step, loss)
    # One rank that validates is enough, but every rank takes part in hearing what it found.
    judged = partial(_judged, reading.val_loss, said.judged, consent) if said.judged else None
    return Reading(**(reading.row() | {"loss": loss, "val_loss": judged}))


def _judged(value: Any, count: float, consent: Consent) -> float:
    try:
        word = Word() if value is None else Word(loss=float(value() if callable(value) else value))
    except (Exception, SystemExit) as error:  # noqa: BLE001  same
        word = Word(error=error)
    return consent(word, GRACE).loss / count
