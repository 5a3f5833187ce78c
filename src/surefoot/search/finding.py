"""find: a peak for a quarter of a run or less."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any

from surefoot.curve import Peak
from surefoot.search.climbing import climbed, settled, tested
from surefoot.search.evidence import Climb
from surefoot.search.execution import Bench, Report
from surefoot.search.journal import opened
from surefoot.search.question import Question, asked
from surefoot.search.repeating import contenders, repeated
from surefoot.search.rungs import SHORTEST, VALIDATION, Recipe, design, test_length
from surefoot.search.verdict import too_small, verdict
from surefoot.task import Task

OPEN = 100
"""Updates of a range test where no total is given."""


def find(
    task: Task,
    *,
    total: int | None = None,
    budget: float = 0.25,
    low: float | None = None,
    high: float | None = None,
    recipe: Recipe | None = None,
    seed: int = 0,
    knobs: Mapping[str, Any] | None = None,
    executor: Executor | None = None,
    journal: str | Path | None = None,
    progress: Report | None = None,
) -> Peak:
    """Return a peak for ``task`` from a range test and a few short probes.

    ``total`` is the length in updates of the run the peak is for, ``budget`` what may be spent, in such runs; with
    ``total=None`` a range test of 100 updates is all there is, and the confidence is low. ``low`` and ``high`` bound
    the rates tried, ``recipe(peak, total)`` is the schedule the peak is for (warmup and cosine), ``seed`` and
    ``knobs`` go to the task, ``journal`` makes the search resumable, ``progress`` is told up to 20 times a second.
    Ctrl-C returns the best answer so far. Raises ArgumentError, TaskError, JournalError.

    >>> def bowl(schedule, curvature=4.0):
    ...     x = 1.0
    ...     for step in range(schedule.total):
    ...         x -= schedule(step) * curvature * x
    ...         yield 0.5 * curvature * x * x
    >>> peak = find(bowl, total=400)
    >>> peak.lr < 2 / 4.0, peak.cost_steps <= 100
    (True, True)
    """
    known = total is not None
    question = asked(
        task,
        total=total if known else OPEN,
        budget=budget if known else 1.0,
        recipe=recipe,
        seed=seed,
        knobs=knobs,
        low=low,
        high=high,
    )
    bench = Bench(opened(journal, question.described("find")), question.updates, executor, progress)
    return searched(question, bench, verb="find", probes=known)


def searched(question: Question, bench: Bench, *, verb: str, probes: bool = True) -> Peak:
    """Spend the budget and answer; Ctrl-C ends the spending, a second one is not caught."""
    if question.updates < SHORTEST + VALIDATION:
        return too_small(question, bench, verb)
    climb, interrupted = Climb(), False
    rungs = design(question.budget, question.updates, question.total) if probes else ()
    try:
        alone = min(OPEN, question.updates - VALIDATION)
        climb = tested(question, bench, test_length(question.updates, question.total) if rungs else alone)
        for k in range(len(rungs)):
            if settled(climb):
                climb = replace(climb, settled=True)
                break
            climb = climbed(climb, question, bench, rungs[k:])
        while again := contenders(climb, question, bench):
            climb = repeated(climb, bench, again)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        bench.shelf.keep(())
    return verdict(climb, question, bench, verb=verb, interrupted=interrupted)
