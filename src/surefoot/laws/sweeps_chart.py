"""The transfer plot of sweeps: where the best rate lies at each scale, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from surefoot.chart import Axis, Chart, Series
from surefoot.chart.data import Tone
from surefoot.chart.numbers import rate_text
from surefoot.chart.numbers import spread as around
from surefoot.errors import ArgumentError
from surefoot.laws.fitting_cells import UNITS, Units
from surefoot.laws.fitting_nouns import WHERE

_TONES: tuple[Tone, ...] = ("main", "second", "good", "bad", "ink")
Values = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Optimum:
    """The best rate ``lr`` at the scale ``values``, its 90 % interval, NaN where there is none, and its ``status``.

    ``status`` is "inside", or as in a fitted law's Cell: "low" or "high" for a best run at that edge of the rates,
    "flat" for no minimum, "few" for too few rates.
    """

    values: Values
    lr: float
    low: float
    high: float
    status: str

    @property
    def words(self) -> str:
        """The interval, or where the best run lies if there is none."""
        if math.isfinite(self.low):
            return f"{rate_text(self.low)} to {rate_text(self.high)}"
        return f"best {WHERE[self.status]}"

    def at(self, quantity: str) -> float:
        """Return the value of one quantity; raise KeyError where the scale has none."""
        return dict(self.values)[quantity]


def optima_chart(optima: tuple[Optimum, ...], units: Units, quantity: str | None) -> Chart:
    """Return the chart of the best rate against one quantity."""
    name = quantity or _varying(optima)
    if name != "horizon":
        optima = _without_horizon(optima)
    if not optima or any(name not in dict(one.values) for one in optima):
        known = ", ".join(dict.fromkeys(q for one in optima for q, _ in one.values)) or "none"
        raise ArgumentError(f"quantity={name!r} must be one that every scale has: {known}.")
    lines: dict[Values, list[Optimum]] = {}
    for one in sorted(optima, key=lambda found: found.at(name)):
        lines.setdefault(tuple(pair for pair in one.values if pair[0] != name), []).append(one)
    varied = {q for q, _ in next(iter(lines)) if len({dict(others).get(q) for others in lines}) > 1}
    series: list[Series] = []
    for k, (others, line) in enumerate(lines.items()):
        label = ", ".join(f"{q} {value:g}" for q, value in others if q in varied) or "best rate"
        series += _drawn(line, name, label, _TONES[k % len(_TONES)])
    sizes = [one.at(name) for one in optima]
    rates = [rate for one in optima for rate in (one.lr, one.low, one.high) if math.isfinite(rate)]
    unit = {"batch": f"batch [{UNITS.get(units.batch, 'samples')}]", "horizon": f"{UNITS[units.horizon]} of the run"}
    low, high = min(one.lr for one in optima), max(one.lr for one in optima)
    return Chart(
        f"The best rate by {name}",
        Axis(unit.get(name, name), *around(sizes, log=True), log=True),
        Axis("peak rate", *around(rates, log=True), log=True),
        tuple(series),
        (),
        f"{len(optima)} scales, best rates {rate_text(low)} to {rate_text(high)}.",
    )


def _varying(optima: tuple[Optimum, ...]) -> str:
    names = dict.fromkeys(q for one in optima for q, _ in one.values)
    found = [q for q in names if len({dict(one.values).get(q) for one in optima}) > 1]
    if len(found) == 2 and "horizon" in found:
        # As many updates of larger batches see more samples: it is the batch that was asked for.
        found.remove("horizon")
    if len(found) != 1:
        raise ArgumentError(f"quantity is needed: {', '.join(found) or 'nothing'} varies in these sweeps.")
    return found[0]


def _without_horizon(optima: tuple[Optimum, ...]) -> tuple[Optimum, ...]:
    """Return the optima without the length of their runs, where the rest tells them apart: it follows from the rest."""
    bare = [tuple(pair for pair in one.values if pair[0] != "horizon") for one in optima]
    if len(set(bare)) < len(bare) or () in bare:
        return optima
    return tuple(replace(one, values=values) for one, values in zip(optima, bare, strict=True))


def _drawn(line: list[Optimum], name: str, label: str, tone: Tone) -> list[Series]:
    inner = [one for one in line if one.status == "inside"]
    rest = [one for one in line if one.status != "inside"]
    joined = Series("line", *_places(inner, name), tone="soft")
    bars = [Series("line", (one.at(name),) * 2, (one.low, one.high), "", tone) for one in inner]
    made = [joined, *bars, Series("points", *_places(inner, name), label, tone)]
    return made if not rest else [*made, Series("points", *_places(rest, name), "not bracketed", "bad", marker="cross")]


def _places(found: list[Optimum], name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return tuple(one.at(name) for one in found), tuple(one.lr for one in found)
