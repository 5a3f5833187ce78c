"""race: methods that need no tuning against the tuned schedule, each in one full run of the user's task."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from surefoot.curve import Peak
from surefoot.errors import ArgumentError
from surefoot.schedule.core import Schedule
from surefoot.schedule.recipes.decays import constant, cosine
from surefoot.search.execution import Bench, Report
from surefoot.search.journal import opened
from surefoot.search.question import Question, asked
from surefoot.search.rungs import Recipe
from surefoot.search.running import Request
from surefoot.task import Task, knob_names, name_of
from surefoot.trial import Trial

KNOB = "optimizer"
"""The argument by which a task is told which method to build."""
WARMUP = 0.05
TUNED = "tuned schedule"

Plan = Callable[[float, int], Schedule]


def _steady(rate: float) -> Plan:
    return lambda _, total: constant(rate, total=total)


def _steady_after_warmup(rate: float) -> Plan:
    return lambda _, total: constant(rate, total=total, warmup=WARMUP)


def _falling(rate: float) -> Plan:
    return lambda _, total: cosine(rate, total=total)


def _falling_after_warmup(rate: float) -> Plan:
    return lambda _, total: cosine(rate, total=total, warmup=WARMUP)


def _falling_from_the_peak(peak: float, total: int) -> Schedule:
    return cosine(peak, total=total)


ENTRANTS: Mapping[str, Plan] = {
    "schedule-free": _steady_after_warmup(0.0025),
    "schedule-free-radam": _steady(0.0025),
    "prodigy": _falling(1.0),
    "d-adaptation": _falling_after_warmup(1.0),
    "mechanic": _falling_after_warmup(1.0),
    "dog": _steady(1.0),
    "l-dog": _steady(1.0),
    "dowg": _steady(1.0),
    "gi-adam": _falling_from_the_peak,
}
"""The schedule that each method's authors ask for, at its default rate (GI-Adam at the tuned peak: it needs one)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One run of a race: its ``trial``, on ``schedule``; ``name`` is TUNED or that of a method."""

    name: str
    schedule: Schedule
    trial: Trial

    @property
    def loss(self) -> float:
        """The loss at the end, that of validation where the task gives one; infinity where the run broke."""
        return self.trial.loss

    def row(self) -> dict[str, Any]:
        """Return the entry as plain data."""
        trial = self.trial
        return {
            "name": self.name,
            "loss": trial.loss if trial.status != "diverged" else None,
            "validated": trial.validated,
            "status": trial.status,
            "updates": trial.steps,
            "seconds": round(trial.seconds, 3),
            "schedule": self.schedule.describe(),
            "message": trial.message,
        }


@dataclass(frozen=True, slots=True)
class Race:
    """Full runs of one task under several methods, the tuned schedule first, then in the order they were named.

    ``search`` is what finding the tuned peak had cost, in updates; ``total`` the length of each run. ``interrupted``:
    Ctrl-C ended the race, and these are the runs that were done.
    """

    entries: tuple[Entry, ...]
    total: int
    search: int
    interrupted: bool = False

    @property
    def best(self) -> Entry | None:
        """The entry with the lowest loss, the earlier of two that are equal; None where every run broke."""
        done = [entry for entry in self.entries if math.isfinite(entry.loss)]
        return min(done, key=lambda entry: entry.loss, default=None)

    def cost(self, entry: Entry) -> int:
        """Return the updates that an entry took, the search for its rate included where it needs one."""
        return entry.trial.steps + (self.search if entry.name in {TUNED, "gi-adam"} else 0)

    def row(self) -> dict[str, Any]:
        """Return the race as plain data, each entry with its ``cost`` in updates."""
        entries = [entry.row() | {"cost": self.cost(entry)} for entry in self.entries]
        best = None if self.best is None else self.best.name
        return {"best": best, "total": self.total, "interrupted": self.interrupted, "entries": entries}


def included(task: Task, names: Sequence[str]) -> tuple[str, ...]:
    """Return the methods to race, once each; ArgumentError for one that can't be, or a task that can't be told which.

    >>> def task(schedule, optimizer="adamw"): ...
    >>> included(task, ["prodigy", "dog", "prodigy"])
    ('prodigy', 'dog')
    """
    for name in names:
        if name not in ENTRANTS:
            why = " (its step asks for the loss, which a task does not tell)" if name.startswith("momo") else ""
            raise ArgumentError(f"include={name!r} is no method that can be raced{why}: {', '.join(ENTRANTS)}.")
    knobs = knob_names(task)
    if names and knobs is not None and KNOB not in knobs:
        raise ArgumentError(
            f"include: {name_of(task)} takes no {KNOB}, so that no other method can be put in it. Give it that knob, "
            f"def {name_of(task)}(schedule, {KNOB}='adamw'), and build the others with st.optim.build({KNOB}, "
            "model.parameters(), ...)."
        )
    return tuple(dict.fromkeys(names))


def race(
    task: Task,
    peak: Peak,
    include: Sequence[str],
    *,
    total: int,
    recipe: Recipe | None = None,
    executor: Executor | None = None,
    journal: str | Path | None = None,
    seed: int = 0,
    knobs: Mapping[str, Any] | None = None,
    progress: Report | None = None,
) -> Race:
    """Return what the methods of ``include`` reach in one run of ``total`` updates each, beside ``recipe`` at ``peak``.

    A method runs at its defaults, on the schedule that its authors ask for; the task is told which by its knob
    ``optimizer``. One run of each says nothing about differences below the spread of seeds. Finished runs are kept in
    ``journal``; ``executor``, ``seed``, ``knobs`` and ``progress`` are as in ``tune``. Ctrl-C returns the runs that are
    done. Raises ArgumentError for a method that can't be raced, a task without that knob, or a peak without a rate;
    TaskError where a run raises or ends early.
    """
    names = included(task, include)
    if peak.lr is None:
        raise ArgumentError(f"peak has no answer ({peak.why}) so there is no tuned schedule to race against.")
    taken = knob_names(task)
    more = {name: value for name, value in peak.knobs.items() if taken is None or name in taken}
    budget = float(1 + len(names))
    question = asked(task, total=total, budget=budget, recipe=recipe, seed=seed, knobs={**(knobs or {}), **more})
    schedules = {TUNED: question.recipe(peak.lr, total)} | {name: ENTRANTS[name](peak.lr, total) for name in names}
    # Other methods may join the race later, on the same journal.
    described = {k: v for k, v in question.described("race").items() if k not in {"budget", "recipe"}}
    described |= {"peak": peak.lr, "plan": schedules[TUNED].describe()}
    bench = Bench(opened(journal, described), question.updates, executor, progress)
    requests = {name: _request(question, name, schedule) for name, schedule in schedules.items()}
    interrupted = False
    try:
        bench.run(list(requests.values()))
    except KeyboardInterrupt:
        interrupted = True
    done = bench.journal.done
    entries = [Entry(name, schedules[name], done[one.key]) for name, one in requests.items() if one.key in done]
    return Race(tuple(entries), total, peak.cost_steps, interrupted)


def _request(question: Question, name: str, schedule: Schedule) -> Request:
    knobs = dict(question.knobs or {}) | ({} if name == TUNED else {KNOB: name})
    return Request(
        task=question.task,
        schedule=schedule,
        lr=schedule.peak,
        steps=question.total,
        seed=question.seed,
        stage=f"race: {name}",
        knobs=knobs,
    )
