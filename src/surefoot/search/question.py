"""The question a search is asked, checked once: the task, the run it is for, and what may be spent."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from surefoot.errors import ArgumentError
from surefoot.schedule.core import Schedule
from surefoot.search.rungs import Recipe, default_recipe
from surefoot.task import Task, checked, name_of, source_digest


@dataclass(frozen=True, slots=True)
class Question:
    """Which peak does ``task`` want in a run of ``total`` updates? At most ``updates`` may be spent on the answer.

    ``low`` and ``high`` bound the rates tried (None: the search's own), ``budget`` is ``updates`` in full runs.
    """

    task: Task
    total: int
    budget: float
    updates: int
    recipe: Recipe = default_recipe
    seed: int = 0
    knobs: Mapping[str, Any] | None = None
    low: float | None = None
    high: float | None = None

    def described(self, verb: str) -> dict[str, Any]:
        """Return what names this search in a journal."""
        return {
            "verb": verb,
            "task": name_of(self.task),
            "source": source_digest(self.task),
            "total": self.total,
            "budget": self.budget,
            "recipe": name_of(self.recipe),
            "seed": self.seed,
            "knobs": dict(self.knobs or {}),
            "low": self.low,
            "high": self.high,
        }


def asked(
    task: Task,
    *,
    total: Any,
    budget: float,
    recipe: Recipe | None = None,
    seed: int = 0,
    knobs: Mapping[str, Any] | None = None,
    low: float | None = None,
    high: float | None = None,
) -> Question:
    """Return the checked question; raise ArgumentError that names the argument that can't be."""
    whole = count(total, "total", "the updates of the full run")
    if isinstance(budget, bool) or not isinstance(budget, int | float) or not (math.isfinite(budget) and budget > 0):
        raise ArgumentError(f"budget={budget!r} must be a number > 0: full runs of total updates that may be spent.")
    rates = [None if value is None else positive(value, name) for value, name in ((low, "low"), (high, "high"))]
    if rates[0] is not None and rates[1] is not None and rates[0] >= rates[1]:
        raise ArgumentError(f"low={low!r} must be below high={high!r}: they bound the rates that are tried.")
    made = recipe_of(recipe, whole)
    seed = count(seed, "seed", "the seed of every trial", least=0)
    updates = math.floor(budget * whole + 1e-9)
    return Question(checked(task, knobs), whole, float(budget), updates, made, seed, knobs, rates[0], rates[1])


def recipe_of(recipe: Recipe | None, total: int) -> Recipe:
    """Return ``recipe``, or the default one; raise ArgumentError if it makes no Schedule of ``total`` updates."""
    if recipe is None:
        return default_recipe
    if not callable(recipe):
        raise ArgumentError(f"recipe={recipe!r} must be a function (peak, total) -> Schedule.")
    made = recipe(1e-3, total)
    if not isinstance(made, Schedule):
        raise ArgumentError(f"recipe={name_of(recipe)} returned {made!r}: it must return a Schedule of (peak, total).")
    return recipe


def count(value: Any, name: str, meaning: str, least: int = 1) -> int:
    """Return ``value`` as an int of at least ``least``; raise ArgumentError naming it otherwise."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise ArgumentError(f"{name}={value!r} must be an int >= {least}: {meaning}.")
    return number


def positive(value: Any, name: str) -> float:
    """Return ``value`` as a finite rate > 0; raise ArgumentError naming it otherwise."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number > 0) or isinstance(value, bool | str):
        raise ArgumentError(f"{name}={value!r} must be a finite rate > 0.")
    return number
