"""The course of a search on the command line: ask, watch, write, and say what was found."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import click
from rich.console import Console

from surefoot.cli.asking import said_again, total_of
from surefoot.cli.choosing import asked_recipe, chosen
from surefoot.cli.executing import executor_of
from surefoot.cli.place import Place, searched
from surefoot.cli.racing import race_summary, raced
from surefoot.cli.result import peak_result, text
from surefoot.cli.run import INTERRUPTED, NO_ANSWER
from surefoot.cli.screen import err, only_answers, out
from surefoot.cli.summary import peak_summary
from surefoot.cli.values import knobs
from surefoot.cli.watching import watching
from surefoot.curve import Peak
from surefoot.errors import ArgumentError
from surefoot.report.page import page, write
from surefoot.search.finding import find
from surefoot.search.racing import included
from surefoot.search.tuning import tune
from surefoot.task import name_of
from surefoot.tasks.resolve import resolve

Search = Callable[..., Any]


def peak_of(
    verb: str, asked: Mapping[str, Any], *, open_end: bool = False, include: tuple[str, ...] = (), **more: Any
) -> int:
    """Run ``tune`` or ``find`` as ``asked`` on the command line; write, print, and return the exit code.

    ``include`` names methods to race against the plan that was tuned.
    """
    name = str(asked["task"])
    task = resolved(asked)
    included(task, include)
    total = asked["total"] if open_end and asked["total"] is None else total_of(name, asked["total"])
    recipe = asked_recipe(asked["recipe"], extendable=asked["extendable"])
    own = {key: asked[key] for key in ("budget", "low", "high", "seed")}
    search: Search = tune if verb == "tune" else find
    search = curved(search) if asked["curvature"] else search
    place, exact = ran(search, asked, total=total, recipe=recipe, **own, **more)
    peak = rounded(exact)
    choice = chosen(peak, total, asked["recipe"], recipe, extendable=asked["extendable"])
    contest = None
    if include and choice is not None and not peak.curve.interrupted:
        contest = raced(task, asked, place, peak, plan=choice.schedule, include=include)
    result = text(peak_result(verb, name, peak, choice, contest))
    length = f"for a run of {total:,} updates" if total else "from a range test alone"
    items: list[Any] = [peak] if choice is None else [peak, choice]
    items += [] if contest is None else [contest]
    written(place, f"surefoot {verb} {name}", f"Searched {length}, {today()}.", items, result)
    if asked["as_json"]:
        click.echo(result, nl=False)
    else:
        peak_summary(out(), peak, choice, place, rules=bool(asked.get("rules")))
    if contest is not None and not asked["as_json"]:
        race_summary(out(), contest)
    stopped = peak.curve.interrupted or (contest is not None and contest.interrupted)
    return code(err(), interrupted=stopped, answered=peak.lr is not None)


def curved(search: Search) -> Search:
    """Return ``search`` with the curvature measured beside its answer; it raises ArgumentError for a plain function."""

    def both(task: Callable[..., Any], **arguments: Any) -> Peak:
        told = getattr(task, "with_curvature", None)
        if told is None:
            raise ArgumentError(
                f"--curvature needs to see the model, and {name_of(task)} is a function: make the task with "
                "st.task(model, optimizer, loader, loss_fn)."
            )
        peak: Peak = told(search(task, **arguments), seed=arguments["seed"])
        return peak

    return both


def rounded(peak: Peak) -> Peak:
    """Return ``peak`` with three digits to a rate, which is more than any search knows, and its whole time.

    A search that was resumed has the time of its own session; the trials remember theirs.
    """
    lr, low, high, edge = map(_three, (peak.lr, peak.low, peak.high, peak.edge))
    spent = math.fsum(trial.seconds for trial in peak.curve.trials)
    return replace(peak, lr=lr, low=low, high=high, edge=edge, seconds=max(peak.seconds, spent))


def _three(rate: float | None) -> float | None:
    return None if rate is None else float(f"{rate:.3g}")


def ran(search: Search, asked: Mapping[str, Any], **arguments: Any) -> tuple[Place, Any]:
    """Run ``search`` as ``asked``, watched and journaled; return its place and what it found."""
    task, console = resolved(asked), err()
    values = knobs(asked["knob"])

    def at(place: Place) -> Any:
        with only_answers(wanted=asked["as_json"]), executor_of(asked) as executor, watching(console) as progress:
            return search(task, knobs=values, executor=executor, journal=place.journal, progress=progress, **arguments)

    place, found = searched(str(asked["task"]), asked["out"], at)
    if place.finished:
        trials = "1 finished trial was" if place.finished == 1 else f"{place.finished} finished trials were"
        console.print(f"Resumed: {trials} taken from {place.journal}.", soft_wrap=True)
    return place, found


def resolved(asked: Mapping[str, Any]) -> Callable[..., Any]:
    """Return the task that was asked for."""
    with only_answers(wanted=asked["as_json"]):
        return resolve(str(asked["task"]))


def written(place: Place, title: str, subtitle: str, items: list[Any], result: str) -> None:
    """Write the result and the report."""
    write(place.result, result)
    page(items, place.report, title=title, subtitle=subtitle, resume=said_again(str(place.directory)))


def today() -> str:
    """Return the day as people write it."""
    now = time.localtime()
    return f"{now.tm_mday} {time.strftime('%B %Y', now)}"


def code(console: Console, *, interrupted: bool, answered: bool) -> int:
    """Return the exit code, and say what Ctrl-C means."""
    if interrupted:
        said = "Interrupted: this is the best answer so far; the same command goes on where it stopped."
        console.print(said, soft_wrap=True)
        return INTERRUPTED
    return 0 if answered else NO_ANSWER
