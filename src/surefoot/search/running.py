"""One trial: run a task on a schedule for so many updates, stop it early when it is lost, judge it at the end."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np

from surefoot.errors import TaskError
from surefoot.history.reading import Reading
from surefoot.schedule.core import Schedule
from surefoot.search.shelf import Shelf, branches
from surefoot.task import Task, driven, kept_generators, name_of
from surefoot.trial import Status, Trial

KEPT = 200
"""Losses that a trial keeps for drawing."""
_BLOW = 10.0
_BETA = 0.9
_TAIL = 0.1

# The global random generators belong to the process, so of several threads one runs its trial at a time.
_ALONE = threading.RLock()

Watch = Callable[[int, float, float], None]
Stream = Generator[float | Reading]


@dataclass(frozen=True, slots=True)
class Request:
    """What a worker needs to run one trial; it can be pickled if the task can.

    ``judge_start`` asks for the validation loss of the first update too, ``judge_end`` for that of the last,
    ``keep_all`` for every loss unthinned. ``keep`` is the update before which the run may be put on a shelf for a
    longer trial, ``since`` the updates that a shorter one has made and paid for (0: none).
    """

    task: Task
    schedule: Schedule
    lr: float
    steps: int
    seed: int = 0
    stage: str = ""
    knobs: dict[str, Any] = field(default_factory=dict)
    judge_start: bool = False
    judge_end: bool = True
    keep_all: bool = False
    keep: int = 0
    since: int = 0

    @property
    def key(self) -> str:
        """What tells this trial from the others of its search."""
        return f"{self.stage}|{self.lr!r}|{self.seed}|{self.steps}"


@dataclass(slots=True)
class _Run:
    """What is known of a run in flight; ``judged`` is the step and value of its last validation loss."""

    losses: list[float] = field(default_factory=list)
    smooth: float = 0.0
    low: float = math.inf
    start: float = math.nan
    judged: tuple[int, float] | None = None
    offered: int = -1
    message: str = ""
    judged_start: bool = False
    trunk: int = 0


def run_trial(
    request: Request,
    watch: Watch | None = None,
    before: list[Iterator[Any]] | None = None,
    shelf: Shelf | None = None,
) -> Trial:
    """Run one trial and judge it: by its last validation loss where the task gives one, else by its training loss.

    ``watch(step, loss, rate)`` is told of every update, ``before`` keeps what ``driven`` knows a used iterator by.
    A run that another one has begun goes on from the ``shelf``; from the start if it is not there.
    Raises TaskError for a task that yields nothing, ends early, raises, or whose first loss is not finite at a rate
    that can't have mattered.
    """
    began = time.perf_counter()
    run, stream = _begun(request, before, shelf)
    watch = _shelving(request, run, shelf, watch)
    with _ALONE, closing(stream):
        lost = _lost(request, run, islice(stream, request.steps - len(run.losses)), watch)
    if not lost and len(run.losses) < request.steps:
        raise TaskError(_short(request, len(run.losses)))
    loss, validated = _judgement(run, lost=lost)
    points, kept = _thinned(run.losses, len(run.losses) if request.keep_all else KEPT)
    return Trial(
        lr=request.lr,
        seed=request.seed,
        steps=max(len(run.losses) - request.since, 0),
        total=request.steps,
        loss=loss,
        status=_status(run, loss, validated=validated, lost=lost),
        validated=validated,
        stage=request.stage,
        points=points,
        losses=kept,
        seconds=time.perf_counter() - began,
        message=_message(request, run),
        start=run.start,
        judged_start=run.judged_start,
        since=request.since,
        trunk=run.trunk,
    )


def _begun(request: Request, before: list[Iterator[Any]] | None, shelf: Shelf | None) -> tuple[_Run, Stream]:
    """Return the run as it begins and its stream: from where a shorter trial left it on the shelf, or afresh."""
    held = None if shelf is None else shelf.taken(request.lr, request.since)
    run, again = (_Run(), None) if held is None else held
    task, knobs = request.task, request.knobs
    done = len(run.losses)
    return run, driven(task, request.schedule, seed=request.seed, knobs=knobs, before=before, again=again, done=done)


def _shelving(request: Request, run: _Run, shelf: Shelf | None, watch: Watch | None) -> Watch | None:
    """Return ``watch``, with what puts the run on the shelf where that is asked for and can be done."""
    if shelf is None or not request.keep or not branches(request.task):
        return watch

    def follow(step: int, loss: float, rate: float) -> None:
        if step + 1 == request.keep and shelf.put(
            request.task, (request.lr, request.keep), replace(run, losses=list(run.losses))
        ):
            run.trunk = request.keep
        if watch is not None:
            watch(step, loss, rate)

    return follow


def _message(request: Request, run: _Run) -> str:
    said = f"continued from update {request.since} of a shorter trial" if request.since else ""
    return "; ".join(filter(None, (said, run.message)))


def _lost(request: Request, run: _Run, stream: Iterator[float | Reading], watch: Watch | None) -> bool:
    """Follow the run to its end; True if it had to be given up."""
    try:
        for step, value in enumerate(stream, len(run.losses)):
            if type(value) is float:
                loss = value
            else:
                loss = value.loss  # type: ignore[union-attr]  # type() is quicker than isinstance, in every update
                _judge(request, run, step, value)  # type: ignore[arg-type]  # same
            run.losses.append(loss)
            if _diverged(request, run, step, loss):
                return True
            if watch is not None:
                watch(step, loss, request.lr)
    except ArithmeticError as error:
        run.message = str(error)
        return True
    return False


def _judge(request: Request, run: _Run, step: int, reading: Reading) -> None:
    """Take the validation loss if this is the last time it is offered (or the first, where that was asked for)."""
    if reading.val_loss is None:
        return
    gap = step - run.offered
    run.offered = step
    first = request.judge_start and step == 0
    last = step + gap >= request.steps and request.judge_end
    if callable(reading.val_loss) and not first and not last:
        return
    with kept_generators():
        value = float(reading.val_loss()) if callable(reading.val_loss) else reading.val_loss
    if first:
        run.start, run.judged_start = value, True
    run.judged = (step, value)


def _diverged(request: Request, run: _Run, step: int, loss: float) -> bool:
    if not math.isfinite(loss):
        if step == 0 and (request.keep_all or request.schedule(0) <= 1e-5):
            raise TaskError(
                f"{name_of(request.task)} yields {loss} at its first update, at rate {request.schedule(0):.3g}: no "
                "rate can help; look at the data and the model's first output."
            )
        run.message = f"the loss was {loss} at update {step}"
        return True
    if step == 0:
        if math.isnan(run.start):
            run.start = loss
        run.smooth = loss
    run.smooth += (1 - _BETA) * (loss - run.smooth)
    run.low = min(run.low, run.smooth)
    first = run.losses[0]
    if run.smooth > first + _BLOW * max(abs(first), first - run.low):
        run.message = f"the loss rose from {first:.3g} to {run.smooth:.3g} by update {step}"
        return True
    return False


def _judgement(run: _Run, *, lost: bool) -> tuple[float, bool]:
    if lost:
        return math.inf, False
    n = len(run.losses)
    if run.judged is not None and run.judged[0] >= n - max(1, n // 4):
        value = run.judged[1]
        return (value if math.isfinite(value) else math.inf), True
    return _tail(run.losses), False


def _tail(losses: list[float]) -> float:
    last = losses[-max(1, round(_TAIL * len(losses))) :]
    return math.fsum(last) / len(last)


def _status(run: _Run, loss: float, *, validated: bool, lost: bool) -> Status:
    if lost or not math.isfinite(loss):
        return "diverged"
    # Like is compared with like: a validation loss with a training loss says nothing about either.
    alike = validated == run.judged_start
    end, start = (loss, run.start) if alike else (_tail(run.losses), run.losses[0])
    return "stuck" if end >= start else "done"


def _thinned(losses: list[float], kept: int) -> tuple[tuple[int, ...], tuple[float, ...]]:
    n = len(losses)
    # At least 1 apart, so that no two are rounded to the same.
    points = np.linspace(0, max(n - 1, 0), min(n, kept)).round().astype(int).tolist()
    return tuple(points), tuple(losses[k] for k in points)


def _short(request: Request, done: int) -> str:
    name = name_of(request.task)
    if done == 0:
        return f"{name} yields nothing: it must yield a loss after every update."
    return (
        f"{name} ended after {done} updates where {request.steps} were asked for: go on until schedule.total updates "
        "are done (repeat the data), or ask for a smaller total."
    )
