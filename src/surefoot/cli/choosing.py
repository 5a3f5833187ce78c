"""The recipe a search is for, and the plan that follows from its answer."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from surefoot.cli.recipes import recipe_function
from surefoot.curve import Peak
from surefoot.errors import ArgumentError
from surefoot.report.words import code
from surefoot.schedule.core import Schedule
from surefoot.search.planning import FALLBACK_WARMUP, Choice, choose, plan

Recipe = Callable[[float, int], Schedule]


def asked_recipe(name: str | None, *, extendable: bool) -> Recipe | None:
    """Return the recipe to search for: the one named, WSD for a run that may be extended, or None: the search's own.

    Raises ArgumentError for a name that is unknown, asks for more than a peak and a total, or goes with extendable.
    """
    if name is None:
        return _named("wsd, extendable", _extendable) if extendable else None
    if extendable:
        raise ArgumentError(f"recipe={name!r} and extendable both choose the schedule: pass one of them.")
    recipe = recipe_function(name)
    known = inspect.signature(recipe).parameters
    needed = {p.name for p in known.values() if p.default is p.empty and p.kind is not p.VAR_KEYWORD}
    if not needed <= {"peak", "total"} or "peak" not in known or "total" not in known:
        raise ArgumentError(f"recipe={name!r} needs more than a peak and a total: pass a function of them in Python.")
    warmed: dict[str, Any] = {"warmup": FALLBACK_WARMUP} if "warmup" in known and known["warmup"].default == 0 else {}
    return _named(name, lambda peak, total: recipe(peak, total=total, **warmed))


def _named(name: str, recipe: Recipe) -> Recipe:
    # A journal tells searches apart by the name of the recipe, so no two may share one.
    def named(peak: float, total: int) -> Schedule:
        return recipe(peak, total)

    named.__qualname__ = name
    return named


def _extendable(peak: float, total: int) -> Schedule:
    return plan(peak, total=total, extendable=True)


def chosen(
    peak: Peak, total: int | None, name: str | None, recipe: Recipe | None, *, extendable: bool
) -> Choice | None:
    """Return the plan for ``peak``, with its reason and advice; None without an answer or a total."""
    if peak.lr is None or total is None:
        return None
    choice = choose(peak, total=total, extendable=extendable)
    if name is None or recipe is None:
        return choice
    schedule = recipe(peak.lr, total)
    reason = f"The schedule is {name}, as asked; the short runs aimed at its peak."
    rise = schedule.phases[0].steps if schedule.phases[0].stop > schedule.phases[0].start else 0
    warmup = f"Warmup of {rise} updates, as the recipe has it." if rise else "The recipe has no warmup."
    notes = (warmup, *choice.notes[1:])
    return Choice(schedule, reason, rise or 0, choice.clip, notes, f"schedule = {code(schedule)}")
