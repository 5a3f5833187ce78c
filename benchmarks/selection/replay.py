"""Replay: an executor that answers the trials of a search from the bank, so that a search takes milliseconds.

What is asked for is read from the run at the nearest octave of the bank, at the nearer of the two lengths around the
one asked for; its losses are then moved, linearly in the logarithm of the length, towards those of the other length at
the same octave. The trial that is returned says at which rate that run was.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from bank import COLD, RECIPE, TESTS, WARM, Bank, RangeTest, Run, add, finite, schedule_of
from setup import Entry

import surefoot as sf
from surefoot.search.running import Request
from surefoot.trial import Trial

FAR = math.log2(1.5)
"""Octaves, of rate and of length, from which a run of the bank is no longer what was asked for."""


@dataclass(frozen=True)
class Named:
    """A task of the suite without its source, which every search would read again."""

    entry: Entry

    def __call__(self, schedule: sf.Schedule, *, seed: int = 0) -> Iterator[sf.Reading]:
        return self.entry.task(schedule, seed=seed)


class Replay(Executor):
    """Answers what is asked of one task; a range test that the bank lacks is run, and added to the file ``tests``.

    ``far`` holds the requests that were answered by a run that was not near, ``asked`` counts all.
    """

    def __init__(self, bank: Bank, entry: Entry, tests: Path = TESTS) -> None:
        self.bank, self.entry, self.tests = bank, entry, tests
        self.asked = 0
        self.far: list[Request] = []

    def submit(self, work: Callable[..., Trial], /, request: Request, *_: Any, **__: Any) -> Future[Trial]:  # type: ignore[override]  # what a search submits is one request
        future: Future[Trial] = Future()
        future.set_result(self._tested(work, request) if request.keep_all else self._probed(request))
        return future

    def _tested(self, work: Callable[..., Trial], request: Request) -> Trial:
        schedule = request.schedule
        key = (self.entry.name, request.seed, request.steps, finite(schedule(0)), finite(schedule.peak))
        if key not in self.bank.tests:
            trial = work(request)
            test = RangeTest(*key, finite(trial.start), [finite(loss) for loss in trial.losses])
            add(self.tests, test)
            self.bank.tests[key] = test
        return _trial_of(self.bank.tests[key], request)

    def _probed(self, request: Request) -> Trial:
        kind = self._kind(request)
        runs = self.bank.runs[self.entry.name, kind, self._seed(kind, request.seed)]
        near, other, weight = _around(sorted(runs), request.steps)
        octave = min(runs[near], key=lambda x: abs(x - math.log2(request.lr)))
        beside = min(runs[other], key=lambda x: abs(x - octave))
        off = abs(octave - math.log2(request.lr)), abs(math.log2(near / request.steps))
        self.asked += 1
        if max(off) > FAR:
            self.far.append(request)
        return _between(runs[near][octave], runs[other][beside], weight, request)

    def _kind(self, request: Request) -> str:
        for kind in (COLD, WARM, RECIPE):
            if request.schedule == schedule_of(self.entry, kind, request.lr, request.steps):
                return kind
        raise LookupError(f"the bank holds no runs of {request.schedule!r}: its kinds are those of bank.schedule_of.")

    def _seed(self, kind: str, seed: int) -> int:
        """Return the seed itself, or one that the bank has where it lacks this one: a search may repeat runs."""
        seeds = sorted(have for name, of, have in self.bank.runs if (name, of) == (self.entry.name, kind))
        return seed if seed in seeds else seeds[(seed - seeds[0]) % len(seeds)]


def replayed(bank: Bank, entry: Entry, seed: int, verb: str, budget: float) -> tuple[sf.Peak, Replay]:
    """Return what ``sf.find`` or ``sf.tune`` answers from the bank, and the executor that it asked."""
    executor, ask = Replay(bank, entry), getattr(sf, verb)
    # A search asks for the same schedules again and again.
    recipe = cache(entry.recipe)
    peak = ask(Named(entry), total=entry.total, budget=budget, recipe=recipe, seed=seed, executor=executor)
    return peak, executor


def _around(lengths: list[int], steps: int) -> tuple[int, int, float]:
    """Return the nearer of the lengths around ``steps``, the other one, and the weight of the nearer."""
    k = bisect_left(lengths, steps)
    low, high = lengths[max(k - 1, 0)], lengths[min(k, len(lengths) - 1)]
    if high in {steps, low}:
        return high, high, 1.0
    part = math.log(steps / low) / math.log(high / low)
    return (high, low, part) if part > 0.5 else (low, high, 1 - part)


def _between(near: Run, other: Run, weight: float, request: Request) -> Trial:
    """Return the trial between two runs; where one of them was lost, the nearer alone says what became of it."""
    lost = near.loss is None

    def mixed(this: float | None, that: float | None) -> float:
        if this is None or that is None:
            return math.nan if this is None else this
        return weight * this + (1 - weight) * that

    loss = math.inf if lost else mixed(near.loss, other.loss)
    first, tail = mixed(near.first, near.first), mixed(near.tail, other.tail)
    return Trial(
        lr=2.0**near.octave,
        seed=request.seed,
        steps=min(request.steps, max(near.done, 1)) if lost else request.steps,
        total=request.steps,
        loss=loss,
        # As a search judges a probe: its training loss by the first one, for it asks for no validation at the start.
        status="diverged" if lost else "stuck" if tail >= first else "done",
        validated=not lost,
        stage=request.stage,
        points=(0, request.steps - 1),
        losses=(first, tail),
        start=first,
    )


def _trial_of(test: RangeTest, request: Request) -> Trial:
    losses = tuple(np.array(test.losses, dtype=float).tolist())
    return Trial(
        lr=request.lr,
        seed=request.seed,
        steps=len(losses),
        total=request.steps,
        loss=losses[-1] if math.isfinite(losses[-1]) and len(losses) == request.steps else math.inf,
        status="done" if len(losses) == request.steps else "diverged",
        stage=request.stage,
        points=tuple(range(len(losses))),
        losses=losses,
        start=test.start,
        judged_start=True,
    )
