"""tune: a peak that short runs have verified, at the cost the caller allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import Any

from surefoot.curve import Peak
from surefoot.search.execution import Bench, Report
from surefoot.search.finding import searched
from surefoot.search.journal import opened
from surefoot.search.knobs import chosen, second_of
from surefoot.search.question import asked
from surefoot.search.rungs import Recipe
from surefoot.task import Task


def tune(
    task: Task,
    *,
    total: int,
    budget: float = 0.5,
    recipe: Recipe | None = None,
    executor: Executor | None = None,
    journal: str | Path | None = None,
    low: float | None = None,
    high: float | None = None,
    seed: int = 0,
    knobs: Mapping[str, Any] | None = None,
    progress: Report | None = None,
    second: Mapping[str, Sequence[float]] | None = None,
) -> Peak:
    """Return a peak for a run of ``total`` updates of ``task``, verified by rungs of growing length.

    At most ``budget * total`` updates are spent, validation included. A range test gives the bracket, short probes
    narrow it; from 0.75 on the last of them are quarters of a run, from 2.6 on complete runs of
    ``recipe(peak, total)``. ``executor`` is anything with the ``concurrent.futures.Executor`` protocol (the task must
    be importable), ``journal`` a path that makes the search survive a kill; the answer is the same with and without.
    A task whose runs can be branched (those of ``surefoot.torch``) goes on from before the cooldown of a shorter trial
    at a rate nearby, and pays for the rest of the run only; on an executor it starts afresh, so that there the answer
    may differ slightly.
    ``low``/``high`` bound the rates tried, ``seed`` and ``knobs`` go to the task, ``progress`` is told up to 20 times
    a second. ``second`` names one more knob and values to choose from, ``{"weight_decay": (0.01, 0.1, 1.0)}``: 40 % of
    the budget chooses one, ``Peak.knobs`` holds it. Ctrl-C returns the best answer so far. Raises ArgumentError,
    TaskError, JournalError.

    >>> def bowl(schedule, curvature=4.0):
    ...     x = 1.0
    ...     for step in range(schedule.total):
    ...         x -= schedule(step) * curvature * x
    ...         yield 0.5 * curvature * x * x
    >>> peak = tune(bowl, total=400)
    >>> peak.lr < 2 / 4.0, peak.cost_steps <= 200
    (True, True)
    """
    question = asked(task, total=total, budget=budget, recipe=recipe, seed=seed, knobs=knobs, low=low, high=high)
    if second is not None:
        nested = second_of(second, question)
        described = question.described("tune") | {"second": {nested.name: nested.values}}
        bench = Bench(opened(journal, described), question.updates, executor, progress)
        return chosen(question, nested, bench, partial(searched, verb="tune"))
    bench = Bench(opened(journal, question.described("tune")), question.updates, executor, progress)
    return searched(question, bench, verb="tune")
