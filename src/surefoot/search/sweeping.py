"""sweep: full runs of the recipe over a grid of rates and seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any

from surefoot.curve import Curve
from surefoot.errors import ArgumentError
from surefoot.search.execution import Bench, Report
from surefoot.search.journal import opened
from surefoot.search.question import asked, count, positive
from surefoot.search.rungs import Recipe
from surefoot.search.running import Request
from surefoot.task import Task
from surefoot.trial import Trial


def sweep(
    task: Task,
    lrs: Iterable[float],
    *,
    total: int,
    recipe: Recipe | None = None,
    seeds: int | Iterable[int] = 1,
    executor: Executor | None = None,
    journal: str | Path | None = None,
    knobs: Mapping[str, Any] | None = None,
    progress: Report | None = None,
) -> Curve:
    """Return the Curve of complete runs of ``recipe(lr, total)`` at every rate of ``lrs`` under every seed.

    ``seeds`` is how many (0, 1, ...) or which. The runs are done by ``executor`` where one is given; ``journal`` is a
    path that makes the sweep survive a kill, with the same Curve. Ctrl-C returns the Curve of the runs that ended,
    marked ``interrupted``. Raises ArgumentError, TaskError, JournalError.

    >>> def bowl(schedule):
    ...     x = 1.0
    ...     for step in range(schedule.total):
    ...         x -= schedule(step) * 4.0 * x
    ...         yield 2.0 * x * x
    >>> curve = sweep(bowl, [0.01, 0.1, 1.0], total=40)
    >>> curve.best.lr, [trial.status for trial in curve.trials]
    (0.1, ['done', 'done', 'diverged'])
    """
    rates = [positive(lr, "lrs") for lr in lrs]
    if not rates:
        raise ArgumentError("lrs=[] is empty: give at least one rate, e.g. numpy.geomspace(1e-4, 1, 9).")
    which = list(range(count(seeds, "seeds", "how many, or which"))) if not isinstance(seeds, Iterable) else list(seeds)
    question = asked(task, total=total, budget=len(rates) * max(len(which), 1), recipe=recipe, knobs=knobs)
    described = question.described("sweep") | {"lrs": rates, "seeds": which}
    bench = Bench(opened(journal, described), question.updates, executor, progress)
    made = {lr: question.recipe(lr, question.total) for lr in dict.fromkeys(rates)}
    keyword = dict(knobs or {})
    requests = [
        Request(task, made[lr], lr, question.total, count(seed, "seeds", "seeds are counts", 0), "sweep", keyword)
        for seed in which
        for lr in made
    ]
    lowest = min(range(len(requests)), key=lambda k: (requests[k].lr, requests[k].seed))
    requests[lowest] = replace(requests[lowest], judge_start=True)
    interrupted = False
    try:
        bench.run(requests)
    except KeyboardInterrupt:
        interrupted = True
    return Curve(tuple(bench.trials), _start(bench.trials), interrupted=interrupted)


def _start(trials: list[Trial]) -> float:
    if not trials:
        return float("nan")
    judged = [trial.start for trial in trials if trial.judged_start]
    return judged[0] if judged else trials[0].start
