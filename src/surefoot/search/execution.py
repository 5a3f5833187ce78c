"""Where trials run: in this process or on an executor, remembered by a journal, watched by a progress callback."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    as_completed,
    wait,
)
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from surefoot.curve import Progress
from surefoot.errors import TaskError
from surefoot.search.claims import claimed
from surefoot.search.gauges import INTERVAL, Gauge, Gauges, gauges
from surefoot.search.journal import Journal, looked_up
from surefoot.search.pooling import run_there, shared_out, threads_each
from surefoot.search.rungs import VALIDATION
from surefoot.search.running import Request, Watch, run_trial
from surefoot.search.shelf import Shelf
from surefoot.task import check_picklable, name_of
from surefoot.trial import Trial

Report = Callable[[Progress], None]
_INTERVAL = 0.05


@dataclass(slots=True)
class Bench:
    """The bench that a search works at: the updates it may spend, those it spent, and the trials in order."""

    journal: Journal
    budget: int
    executor: Executor | None = None
    progress: Report | None = None
    spent: int = 0
    trials: list[Trial] = field(default_factory=list)
    began: float = field(default_factory=time.perf_counter)
    told: float = 0.0
    ended: int = 0
    """Updates of the trials of the batch at work that have ended."""
    flying: int = 0
    """Updates of the trials that are under way in other processes."""
    streams: list[Iterator[Any]] = field(default_factory=list)
    shelf: Shelf = field(default_factory=Shelf)
    earlier: float = 0.0
    """Seconds that trials from the journal took in sessions before this one."""

    @property
    def left(self) -> int:
        """The updates that may still be spent, what judging is reckoned to have cost taken off."""
        judged = sum(trial.validated + trial.judged_start for trial in self.trials)
        return self.budget - self.spent - VALIDATION * judged

    @property
    def seconds(self) -> float:
        """The time since the search began, and that of the trials an earlier session left in the journal."""
        return time.perf_counter() - self.began + self.earlier

    def run(self, requests: Sequence[Request]) -> list[Trial]:
        """Return the trials that were asked for, in that order: from the journal, or run now and written to it."""
        new = [request for request in requests if request.key not in self.journal.done]
        old = [self.journal.done[request.key] for request in requests if request.key in self.journal.done]
        self.ended = sum(trial.steps for trial in old)
        self.earlier += sum(trial.seconds for trial in old)
        try:
            if self.executor is None:
                for request in new:
                    self._run_here(request)
            elif new:
                self._sent(self.executor, new)
        finally:
            done = [self.journal.done[r.key] for r in requests if r.key in self.journal.done]
            self.trials.extend(done)
            self.spent += sum(trial.steps for trial in done)
            self.ended = self.flying = 0
        return done

    def _run_here(self, request: Request) -> None:
        path = self.journal.path
        with nullcontext() if path is None else claimed(path, request.key) as handle:
            trial = None if handle is None else looked_up(handle, request.key)
            if trial is not None:
                self._finished(request, trial, new=False)
            else:
                self._finished(request, run_trial(request, self._watch(request), self.streams, self.shelf))

    def _sent(self, executor: Executor, requests: list[Request]) -> None:
        there = isinstance(executor, ProcessPoolExecutor)
        if there:
            check_picklable(requests[0].task)
        if there and self.progress is not None:
            with gauges(len(requests)) as meters:
                self._collected(executor, requests, meters, there=there)
        else:
            self._collected(executor, requests, None, there=there)

    def _collected(self, executor: Executor, requests: list[Request], meters: Gauges | None, *, there: bool) -> None:
        with shared_out(executor):
            futures = {
                self._submitted(executor, request, None if meters is None else meters.gauge(k), there=there): request
                for k, request in enumerate(requests)
            }
        told: set[Future[Trial]] = set()
        try:
            for future in self._awaited(futures, meters):
                self._finished(futures[future], future.result(), new=not there)
                told.add(future)
        except (pickle.PicklingError, BrokenExecutor, AttributeError) as error:
            raise TaskError(_broken(requests[0], error)) from error
        finally:
            # What ended while Ctrl-C was on its way is finished too.
            for future, request in futures.items():
                if not future.cancel() and future.done() and future not in told and future.exception() is None:
                    self._kept(request, future.result(), new=not there)
            if there and len(told) < len(futures):
                self.journal.refresh()

    def _submitted(self, executor: Executor, request: Request, gauge: Gauge | None, *, there: bool) -> Future[Trial]:
        if not there:
            return executor.submit(run_trial, request)
        path = None if self.journal.path is None else self.journal.path.resolve()
        return executor.submit(run_there, request, path, threads_each(executor), gauge)

    def _awaited(self, futures: dict[Future[Trial], Request], meters: Gauges | None) -> Iterator[Future[Trial]]:
        """Yield the futures as they are done, and report meanwhile how far the trial is that is furthest."""
        if meters is None:
            yield from as_completed(futures)
            return
        place = {future: k for k, future in enumerate(futures)}
        left = set(futures)
        while left:
            done, left = wait(left, INTERVAL, FIRST_COMPLETED)
            while done:
                future = done.pop()
                self.flying = sum(meters.read(place[one])[0] for one in left | done)
                yield future
            self._told_of(left, futures, meters)

    def _told_of(self, left: set[Future[Trial]], futures: dict[Future[Trial], Request], meters: Gauges) -> None:
        read = [(*meters.read(k), request) for k, (one, request) in enumerate(futures.items()) if one in left]
        self.flying = sum(steps for steps, *_ in read)
        steps, loss, request = max(read, key=lambda one: one[0], default=(0, 0.0, None))
        if self.progress is not None and request is not None and steps:
            spent = self.spent + self.ended + self.flying
            self.progress(Progress(request.stage, request.lr, loss, steps, request.steps, spent, self.budget))

    def _kept(self, request: Request, trial: Trial, *, new: bool) -> None:
        """Keep a finished trial; one that is not ``new`` is in the journal's file already."""
        if new:
            self.journal.add(request.key, trial)
        self.journal.done[request.key] = trial
        self.ended += trial.steps

    def _finished(self, request: Request, trial: Trial, *, new: bool = True) -> None:
        self._kept(request, trial, new=new)
        if self.progress is not None:
            spent, total = self.spent + self.ended + self.flying, trial.total - trial.since
            self.progress(Progress(request.stage, trial.lr, trial.loss, trial.steps, total, spent, self.budget, trial))

    def _watch(self, request: Request) -> Watch | None:
        report = self.progress
        if report is None:
            return None

        def watch(step: int, loss: float, rate: float) -> None:
            now = time.perf_counter()
            if now - self.told >= _INTERVAL:
                self.told = now
                # What a shorter trial had paid for may be repeated, after a kill, but is not paid for again.
                paid, total = max(step + 1 - request.since, 0), request.steps - request.since
                spent = self.spent + self.ended + paid
                report(Progress(request.stage, rate, loss, paid, total, spent, self.budget))

        return watch


def _broken(request: Request, error: BaseException) -> str:
    name = name_of(request.task)
    if isinstance(error, BrokenExecutor):
        return (
            f"a worker process ended in the middle of {name} ({error}): killed for want of memory, perhaps, or the "
            'script lacks its `if __name__ == "__main__":`. Finished trials are in the journal, if there is one.'
        )
    return (
        f"{name} could not be run by the executor ({error!r}): define it at the top level of a module that the "
        "workers can import, or leave executor=None."
    )
