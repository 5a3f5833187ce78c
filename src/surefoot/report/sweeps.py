"""What a page says about sweeps across scales and over two rates."""

from __future__ import annotations

import math
from collections.abc import Iterator

from surefoot.chart import rate_text
from surefoot.chart.surfaces import surface_chart
from surefoot.curve.surface import Surface
from surefoot.errors import ArgumentError
from surefoot.laws.sweeps import Sweeps
from surefoot.report.html import facts, paragraph, picture, section, table
from surefoot.report.words import counted


def sweeps_sections(sweeps: Sweeps) -> Iterator[str]:
    """Yield the transfer plot of sweeps and a table of their best rates."""
    if not any(curve.best for curve in sweeps.values()):
        yield section("", '<p class="rate">No answer</p>', paragraph("No run ended with a finite loss."), kind="answer")
        return
    try:
        yield section("", picture(sweeps.chart(), 370), kind="chart")
    except ArgumentError:
        # Several quantities vary: one picture would hide the others.
        names = [name for name, _ in sweeps.optima[0].values]
        for name in names:
            yield section("", picture(sweeps.chart(name), 330), kind="chart")
    rows = []
    for one in sweeps.optima:
        scale = ", ".join(f"{name} {value:g}" for name, value in one.values)
        rows.append(("" if math.isfinite(one.low) else "warn", (scale, rate_text(one.lr), one.words)))
    said = f"{counted(len(sweeps), 'scale')}, {counted(sweeps.cost_steps, 'update')}; intervals are of 90 %."
    parts = table(("scale", "best rate", "interval"), rows, texts=("scale", "interval"))
    yield section("Best rate by scale", paragraph(said), parts)


def surface_sections(surface: Surface) -> Iterator[str]:
    """Yield the best pair of two rates, the chart, and the best first rate for each second one."""
    best = surface.best
    if best is None:
        yield section("", '<p class="rate">No answer</p>', paragraph("No run ended with a finite loss."), kind="answer")
        return
    first, second = surface.names
    pair = f"{rate_text(best.lr)}, {rate_text(best.other)}"
    rate = f'<p class="rate">{pair}<small>best {first} and {second} of the sweep</small></p>'
    cost = counted(surface.cost_steps, "update"), counted(len(surface.trials), "run")
    yield section("", rate, facts([("Loss", f"{best.loss:.4g}", ""), ("Cost", *cost)]), kind="answer")
    yield section("", picture(surface_chart(surface), 370), kind="chart")
    rows = [
        ("best" if one.other == best.other else "", (rate_text(one.other), rate_text(one.lr), f"{one.loss:.4g}"))
        for one in surface.along()
    ]
    yield section(f"Best {first} by {second}", table((second, f"best {first}", "loss"), rows))
