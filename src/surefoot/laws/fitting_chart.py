"""The transfer plot of a fitted law: the optimum of each scale against one quantity, and the law through them."""

from __future__ import annotations

import math

import numpy as np

from surefoot.chart import Axis, Chart, Series
from surefoot.chart.numbers import rate_text
from surefoot.chart.numbers import spread as around
from surefoot.errors import ArgumentError
from surefoot.laws.fitting_cells import UNITS, Units
from surefoot.laws.fitting_line import Line, spread
from surefoot.laws.fitting_nouns import Cell

_POINTS = 33
_BEYOND = 2.0


def law_chart(
    line: Line,
    cells: tuple[Cell, ...],
    units: Units,
    quantity: str | None = None,
) -> Chart:
    """Return the chart against ``quantity`` (the first of the law), the optima moved along it to the others' means."""
    if (quantity or line.names[0]) not in line.names:
        raise ArgumentError(f"quantity={quantity!r} must be one of the law: {', '.join(line.names)}.")
    name = quantity or line.names[0]
    seen = [dict(cell.values)[name] for cell in cells]
    x = tuple(float(v) for v in np.geomspace(min(seen) / _BEYOND, max(seen) * _BEYOND, _POINTS))
    bands = [spread(line.drawn({name: math.log(v)})) for v in x]
    lower, upper = (tuple(math.exp(band[k]) for band in bands) for k in (0, 1))
    series = [
        Series("band", x, lower, "90 %", "soft", upper),
        Series(
            "line", x, tuple(math.exp(line.at({name: math.log(v)})) for v in x), f"law, {name}^{_slope(line, name)}"
        ),
    ]
    placed = [(dict(cell.values)[name], _moved(line, cell, name), cell) for cell in cells]
    used, rest = ([one for one in placed if (one[2].status == "inside") is inside] for inside in (True, False))
    series += [Series("line", (v, v), (cell.low * k, cell.high * k), "", "ink") for v, k, cell in used]
    series.append(Series("points", *_places(used), "optimum of a scale", "ink"))
    if rest:
        series.append(Series("points", *_places(rest), "left out", "bad", marker="cross"))
    best = [cell.lr for cell in cells if cell.status == "inside"]
    rates = [v for one in series for v in (*one.y, *one.upper)]
    unit = {"batch": f"batch [{UNITS[units.batch]}]", "horizon": f"{UNITS[units.horizon]} of the run"}
    return Chart(
        f"The best rate by {name}",
        Axis(unit.get(name, name), min(x), max(x), log=True),
        Axis("peak rate", *around(rates, log=True), log=True),
        tuple(series),
        (),
        f"{len(best)} scales, best rates {rate_text(min(best))} to {rate_text(max(best))}.",
    )


def _places(placed: list[tuple[float, float, Cell]]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(at for at, _, _ in placed), tuple(cell.lr * times for _, times, cell in placed)


def _moved(line: Line, cell: Cell, name: str) -> float:
    """Return what multiplies the optimum of ``cell`` to where every quantity but ``name`` is at the law's mean."""
    logs = {one: math.log(value) for one, value in cell.values if one != name}
    return math.exp(line.constant - line.at(logs))


def _slope(line: Line, name: str) -> str:
    low, high = line.interval(name)
    return f"{line.slopes[line.names.index(name)]:.2f} ({low:.2f} to {high:.2f})"
