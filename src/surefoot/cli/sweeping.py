"""The course of a sweep on the command line: one curve, one a scale, or two rates at once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from surefoot.chart import curve_chart, rate_text
from surefoot.chart.surfaces import surface_chart
from surefoot.cli.asking import total_of
from surefoot.cli.choosing import asked_recipe
from surefoot.cli.place import Place
from surefoot.cli.result import surface_result, sweep_result, sweeps_result, text
from surefoot.cli.screen import drawn, err, out
from surefoot.cli.searching import code, ran, resolved, today, written
from surefoot.cli.summary import paths, rows_beside
from surefoot.curve import Curve
from surefoot.curve.surface import Surface
from surefoot.errors import ArgumentError
from surefoot.laws.sweeps import Sweeps
from surefoot.report.words import between, counted
from surefoot.search.sweeping import sweep


def swept(asked: Mapping[str, Any], **more: Any) -> int:
    """Run ``sweep`` as ``asked`` on the command line; write, print, and return the exit code."""
    name = str(asked["task"])
    resolved(asked)
    timed = {"total", "steps"} & set(more.get("scale") or ())
    total = asked["total"] if timed else total_of(name, asked["total"])
    recipe = asked_recipe(asked["recipe"], extendable=False)
    began = time.monotonic()
    place, found = ran(sweep, asked, seeds=asked["seeds"], total=total, recipe=recipe, **more)
    seconds = time.monotonic() - began
    if isinstance(found, Sweeps):
        result, answered = sweeps_result(name, found, total, seconds), any(c.best for c in found.values())
    elif isinstance(found, Surface):
        result, answered = surface_result(name, found, total, seconds), found.best is not None
    else:
        result, answered = sweep_result(name, found, total, seconds), found.best is not None
    # Where the scale is the horizon itself, the total is only the last one asked for.
    length = "Whole runs" if timed or total is None else f"Whole runs of {total:,} updates"
    written(place, f"surefoot sweep {name}", f"{length}, {today()}.", [found], text(result))
    if asked["as_json"]:
        click.echo(text(result), nl=False)
    else:
        summary(out(), found, place)
    return code(err(), interrupted=found.interrupted, answered=answered)


def summary(console: Console, found: Curve | Sweeps | Surface, place: Place) -> None:
    """Print the picture, the answer, and where the files are."""
    if isinstance(found, Sweeps):
        _sweeps(console, found)
    elif isinstance(found, Surface):
        _surface(console, found)
    else:
        _curve(console, found)
    paths(console, place)


def _curve(console: Console, curve: Curve) -> None:
    if curve.trials:
        console.print(drawn(console, curve_chart(curve)), "")
    best, good = curve.best, curve.plateau()
    if best is None:
        _nothing(console)
        return
    console.print(Text.assemble(("Best rate ", "bold"), (rate_text(best.lr), "bold green"), f", loss {best.loss:.4g}"))
    rows = [("runs", f"{len(curve.trials)}, {counted(curve.cost_steps, 'update')}")]
    if good is not None:
        rows.append(("good range", f"{between(*good)}, of the rates that ran"))
    rows.append(("edge", "none found" if curve.edge is None else rate_text(curve.edge)))
    rows_beside(console, [*rows, *sensitivity_rows(curve)])


def sensitivity_rows(curve: Curve) -> list[tuple[str, str]]:
    """Return the LR sensitivity of a sweep as a row, none where it shows none."""
    value, best = curve.sensitivity(), curve.best
    if value is None or best is None:
        return []
    gain = curve.start_loss - best.loss
    share = f", {value / gain:.0%} of what training gains" if gain > 0 else ""
    return [("sensitivity", f"{value:.3g} in loss{share}, for a rate chosen blindly from 3 decades")]


def _nothing(console: Console) -> None:
    console.print(Text.assemble(("No answer: ", "bold red"), "no run ended with a finite loss."))


def _sweeps(console: Console, sweeps: Sweeps) -> None:
    if not any(curve.best for curve in sweeps.values()):
        _nothing(console)
        return
    try:
        console.print(drawn(console, sweeps.chart()), "")
    except ArgumentError:
        # Several quantities vary: the table alone says it.
        console.print("")
    console.print(Text("Best rate by scale", "bold"))
    rows = []
    for one in sweeps.optima:
        scale = ", ".join(f"{name} {value:g}" for name, value in one.values)
        rows.append((scale, f"{rate_text(one.lr)} ({one.words})"))
    rows_beside(console, rows)


def _surface(console: Console, surface: Surface) -> None:
    best = surface.best
    if best is None:
        _nothing(console)
        return
    first, second = surface.names
    console.print(drawn(console, surface_chart(surface)), "")
    pair = f"{first} {rate_text(best.lr)}, {second} {rate_text(best.other)}"
    console.print(Text.assemble(("Best pair ", "bold"), (pair, "bold green"), f", loss {best.loss:.4g}"))
    rows_beside(console, [(f"{second} {rate_text(one.other)}", f"best {first} {rate_text(one.lr)}, loss {one.loss:.4g}")
                          for one in surface.along()])  # fmt: skip
