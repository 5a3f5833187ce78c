"""sweep: full runs of the recipe over rates and seeds, at one scale or several, over one rate or two."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Literal, overload

from surefoot.curve import Curve
from surefoot.curve.surface import Surface
from surefoot.errors import ArgumentError
from surefoot.laws.scale import Scale
from surefoot.laws.sweeps import Sweeps
from surefoot.search.execution import Bench, Report
from surefoot.search.journal import opened
from surefoot.search.question import Question, asked
from surefoot.search.refining import Adaptive, adaptive
from surefoot.search.rungs import Recipe
from surefoot.search.settings import Setting, scaled
from surefoot.search.swept import Sweeping, across, curve_of, over_both, rates_of, seeds_of
from surefoot.task import Task

Scales = Mapping[str, Sequence[Any]] | Sequence[Scale]


@overload
def sweep(
    task: Task,
    lrs: Mapping[str, Iterable[float]],
    *,
    total: int,
    recipe: Recipe | None = None,
    seeds: int | Iterable[int] = 1,
    executor: Executor | None = None,
    journal: str | Path | None = None,
    knobs: Mapping[str, Any] | None = None,
    progress: Report | None = None,
    by: Literal["grid", "coordinate"] = "grid",
    second: Literal["rate", "schedule"] = "rate",
) -> Surface: ...
@overload
def sweep(
    task: Task,
    lrs: Iterable[float] | int | None = None,
    *,
    scale: Scales,
    total: int | None = None,
    recipe: Recipe | None = None,
    seeds: int | Iterable[int] = 1,
    executor: Executor | None = None,
    journal: str | Path | None = None,
    knobs: Mapping[str, Any] | None = None,
    progress: Report | None = None,
    low: float | None = None,
    high: float | None = None,
) -> Sweeps: ...
@overload
def sweep(
    task: Task,
    lrs: Iterable[float] | int | None = None,
    *,
    total: int,
    recipe: Recipe | None = None,
    seeds: int | Iterable[int] = 1,
    executor: Executor | None = None,
    journal: str | Path | None = None,
    knobs: Mapping[str, Any] | None = None,
    progress: Report | None = None,
    low: float | None = None,
    high: float | None = None,
) -> Curve: ...
def sweep(
    task: Task,
    lrs: Any = None,
    *,
    total: int | None = None,
    recipe: Recipe | None = None,
    seeds: int | Iterable[int] = 1,
    executor: Executor | None = None,
    journal: str | Path | None = None,
    knobs: Mapping[str, Any] | None = None,
    progress: Report | None = None,
    low: float | None = None,
    high: float | None = None,
    scale: Scales | None = None,
    by: Literal["grid", "coordinate"] = "grid",
    second: Literal["rate", "schedule"] = "rate",
) -> Curve | Sweeps | Surface:
    """Return the Curve of complete runs of ``recipe(lr, total)`` at every rate of ``lrs`` under every seed.

    ``lrs`` are the rates; or how many (12 unless given): six over ``low`` to ``high`` (1e-5 to 1, and beyond unless
    given), then more where the best is, to a quarter of an octave. ``seeds`` is how many (0, 1, ...) or which; all
    rates see the same. The runs are done by ``executor`` where one is given; ``journal`` is a path that makes the sweep
    survive a kill, with the same answer. Ctrl-C returns what ended, marked ``interrupted``.

    ``scale`` asks for the curve at several scales, and for Sweeps instead: values by name, ``{"width": [64, 128]}``,
    which the task gets as knobs (``"total"``: lengths of the run), each with each; or Scales, of which the task gets
    what it takes, and its length where steps, or batch and tokens or samples, are given.

    ``lrs={"lr": [...], "muon_lr": [...]}`` varies two rates at once, for a task with two optimizers, and returns a
    Surface: "lr" is the schedule's peak, the other a knob that gets the number, or with ``second="schedule"`` the
    recipe's Schedule at it. ``by="grid"`` runs each with each; "coordinate" goes along one and then the other, from the
    middle of the second, until the best pair stays. Raises ArgumentError, TaskError, JournalError.

    >>> def bowl(schedule, curvature=4.0):
    ...     x = 1.0
    ...     for step in range(schedule.total):
    ...         x -= schedule(step) * curvature * x
    ...         yield 0.5 * curvature * x * x
    >>> curve = sweep(bowl, [0.01, 0.1, 1.0], total=40)
    >>> curve.best.lr, [trial.status for trial in curve.trials]
    (0.1, ['done', 'done', 'diverged'])
    >>> sorted(len(one.trials) for one in sweep(bowl, 8, scale={"total": [20, 40]}).values())
    [8, 8]
    """
    two = isinstance(lrs, Mapping)
    _check(by, second, two=two, more=scale is not None or low is not None or high is not None)
    # Scales may bring the length of their runs; a question needs one all the same.
    length = 1 if total is None and scale is not None else total
    question = asked(task, total=length, budget=1, recipe=recipe, knobs=knobs, low=low, high=high)
    seen = seeds_of(seeds)

    def bench(updates: int, more: dict[str, Any]) -> Bench:
        described = question.described("sweep") | {"seeds": list(seen)} | more
        return Bench(opened(journal, described), updates * len(seen), executor, progress)

    if two:
        given = {name: rates_of(values, f"lrs[{name!r}]") for name, values in lrs.items()}
        updates = math.prod(map(len, given.values())) * question.total
        sweeping = Sweeping(question, bench(updates, {"lrs": given, "by": by, "second": second}), seen)
        return over_both(sweeping, given, by=by, scheduled=second == "schedule")
    rates, chosen = _rates(lrs, question)
    settings: tuple[Setting, ...] = (Setting("sweep", question.total, dict(knobs or {})),)
    more: dict[str, Any] = {"lrs": lrs if chosen is not None else rates}
    if scale is not None:
        settings = scaled(question, scale, timed=total is not None)
        more["scale"] = [[one.stage, one.total] for one in settings]
    tries = len(rates) if chosen is None else chosen.count
    sweeping = Sweeping(question, bench(tries * sum(one.total for one in settings), more), seen)
    interrupted = across(sweeping, settings, rates, chosen)
    curves = [curve_of(sweeping, one, interrupted=interrupted) for one in settings]
    if scale is None:
        return curves[0]
    return Sweeps(tuple((one.scale, curve) for one, curve in zip(settings, curves, strict=True) if one.scale))


def _check(by: str, second: str, *, two: bool, more: bool) -> None:
    if two and more:
        raise ArgumentError("lrs over two rates goes without scale, low and high: give the rates of both.")
    if by not in {"grid", "coordinate"} or second not in {"rate", "schedule"}:
        raise ArgumentError(f"by={by!r} must be 'grid' or 'coordinate', second={second!r} 'rate' or 'schedule'.")
    if not two and (by, second) != ("grid", "rate"):
        raise ArgumentError('by and second are for two rates: give lrs={"lr": [...], "muon_lr": [...]}.')


def _rates(lrs: Any, question: Question) -> tuple[list[float], Adaptive | None]:
    """Return the rates that were given, or how they are to be chosen."""
    if lrs is None or isinstance(lrs, int):
        return [], adaptive(lrs, question)
    rates = rates_of(lrs)
    if question.low is not None or question.high is not None:
        raise ArgumentError("low and high bound the rates that are chosen: leave them out where lrs are the rates.")
    return rates, None
