"""FittedLaw: the best rate (and batch) as a power law of one's own scales, with its evidence."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from surefoot.chart import Chart
from surefoot.errors import ArgumentError
from surefoot.laws.factor import Factor
from surefoot.laws.fitting_bowl import Array
from surefoot.laws.fitting_cells import UNITS, Units
from surefoot.laws.fitting_chart import law_chart
from surefoot.laws.fitting_line import Line, spread
from surefoot.laws.fitting_nouns import Cell, Exponent, Rival
from surefoot.laws.fitting_reading import FORMAT, law_fields
from surefoot.laws.names import family
from surefoot.laws.scale import Scale, amount
from surefoot.laws.sources import NONLINEAR
from surefoot.svg import svg
from surefoot.trial import plain

_INSIDE, _FAR = 1.05, 4.0


@dataclass(frozen=True, slots=True)
class FittedLaw:
    """A power law of the best rate, ``lr = a * prod over q of q^exponent``, fitted by ``fit_law`` on one's own sweeps.

    ``rate`` and ``batch`` (None unless the batch was fitted too) are the lines, with bootstrap draws; ``ridge`` how the
    best rate follows a batch that is not the best one. ``cells`` are the optima of the single scales, ``ranges`` what
    the sweeps span, ``along`` quantities that grew along with those of the law. ``error`` is the factor by which the
    rate of a scale that is left out is missed (root mean square), ``rivals`` the regrets of this and of published laws
    on the same cells, ``notes`` what to doubt.
    """

    rate: Line
    cells: tuple[Cell, ...]
    ranges: tuple[tuple[str, float, float], ...]
    units: Units
    error: float
    batch: Line | None = None
    ridge: Line | None = None
    along: tuple[str, ...] = ()
    optimizer: str | None = None
    rivals: tuple[Rival, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def covers(self) -> frozenset[str]:
        """The quantities that the law answers for in ``transfer``."""
        return frozenset({*self.rate.names, *self.along, *(() if self.ridge is None else ("batch",))})

    @property
    def exponents(self) -> tuple[Exponent, ...]:
        """The exponents of the rate, and of the batch where it was fitted, with 90 % intervals."""
        lines = (("lr", self.rate), ("batch", self.batch))
        return tuple(
            Exponent(name, slope, *line.interval(name), of)
            for of, line in lines
            if line is not None
            for name, slope in zip(line.names, line.slopes, strict=True)
        )

    @property
    def formula(self) -> str:
        """The law of the rate as text, each quantity with its unit."""
        return f"lr = {_power(self.rate, self.units)}"

    def predict(self, scale: Scale) -> tuple[float, float, float]:
        """Return the best rate at ``scale`` and its 90 % interval, at the best batch unless ``scale`` gives one.

        Raises ArgumentError where ``scale`` does not give a quantity of the law.
        """
        logs = self._logs(scale, needed=True)
        low, high = spread(self._drawn(logs))
        return math.exp(self._at(logs)), math.exp(low), math.exp(high)

    def predict_batch(self, scale: Scale) -> tuple[float, float, float]:
        """Return the best batch, in the units of the sweeps, with its 90 % interval; ArgumentError if there is none."""
        if self.batch is None:
            raise ArgumentError("this law has no best batch: fit it with batch='best' on sweeps over rate and batch.")
        logs = self._logs(scale, needed=True)
        low, high = spread(self.batch.drawn(logs))
        return math.exp(self.batch.at(logs)), math.exp(low), math.exp(high)

    def beyond(self, scale: Scale) -> tuple[str, ...]:
        """Return a sentence on each quantity of ``scale`` that leaves what the sweeps span, with the factor."""
        values = self.units.values(scale)
        found = []
        for name, low, high in self.ranges:
            times = max(values[name] / high, low / values[name]) if name in values else 1.0
            if times > _INSIDE:
                bent = f": best rates bend upward at scale ({NONLINEAR} [P, abstract])" if times > _FAR else ""
                where = f"{name}={values[name]:g} is a factor {times:.3g} beyond the sweeps ({low:g} to {high:g}){bent}"
                found.append(where)
        return tuple(found)

    def factor(self, from_scale: Scale, to_scale: Scale) -> Factor:
        """Return the factor of the rate between two scales, with its 90 % interval: what ``transfer(law=...)`` asks.

        A quantity that neither gives is taken as unchanged. Raises ArgumentError for an optimizer of another family.
        """
        for scale in (from_scale, to_scale):
            if self.optimizer and scale.optimizer and family(scale.optimizer) != family(self.optimizer):
                raise ArgumentError(f"the law was fitted with {self.optimizer}, not with {scale.optimizer}.")
        a, b = (self._logs(scale, needed=False) for scale in (from_scale, to_scale))
        if a.keys() != b.keys():
            raise ArgumentError(f"{min(a.keys() ^ b.keys())} must be given in both scales, or in neither.")
        lr = math.exp(self._at(b) - self._at(a))
        low, high = (math.exp(end) for end in spread(self._drawn(b) - self._drawn(a, scatter=False)))
        whole = b.keys() >= set(self.rate.names)
        inner = len([cell for cell in self.cells if cell.status == "inside"])
        return Factor(
            lr=lr,
            low=low,
            high=high,
            optimum=math.exp(self._at(b)) if whole else None,
            batch_optimum=self._batch_tokens(to_scale) if whole else None,
            law="own",
            formula=f"{self.formula} gives {lr:.4g} (90 %: {low:.4g} to {high:.4g})",
            range=", ".join(f"{name} {low:g} to {high:g}" for name, low, high in self.ranges),
            outside="; ".join(dict.fromkeys((*self.beyond(from_scale), *self.beyond(to_scale)))),
            source=f"fitted on {sum(cell.runs for cell in self.cells)} own runs at {inner} scales",
            confidence="fit",
            why=f"fitted on your own sweeps, so preferred to published laws; a scale that is left out is missed by a "
            f"factor {self.error:.3g}.",
            notes=self.notes,
        )

    def chart(self, quantity: str | None = None) -> Chart:
        """Return the picture: optima against one quantity, with intervals, and the law's line with its own."""
        return law_chart(self.rate, self.cells, self.units, quantity)

    def to_json(self) -> str:
        """Return the law as JSON text; ``from_json`` reads it back to an equal law."""
        return json.dumps({"format": FORMAT, **{k: _plain(v) for k, v in asdict(self).items()}}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> FittedLaw:
        """Return the law that ``to_json`` wrote; raise FormatError if it is none."""
        return cls(**law_fields(text))

    def __str__(self) -> str:
        lines = [f"{self.formula}; a scale that is left out is missed by a factor {self.error:.3g}"]
        lines += [f"  {e.of} ~ {e.quantity}^{e.value:.3f} (90 %: {e.low:.3f} to {e.high:.3f})" for e in self.exponents]
        lines += [f"  {r.law} ({r.how}): regret {r.mean:.2f} permille, worst {r.worst:.2f}" for r in self.rivals]
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        return svg(self.chart())

    def _logs(self, scale: Scale, *, needed: bool) -> dict[str, float]:
        known = self.units.values(scale)
        wanted = (*self.rate.names, *(() if self.ridge is None else ("batch",)))
        missing = [name for name in self.rate.names if name not in known]
        if missing and needed:
            unit = UNITS[self.units.horizon] if missing[0] == "horizon" else missing[0]
            raise ArgumentError(f"{unit} is missing in the scale: the law needs {', '.join(self.rate.names)}.")
        return {name: math.log(known[name]) for name in wanted if name in known}

    def _at(self, logs: dict[str, float]) -> float:
        if self.batch is None or self.ridge is None or "batch" not in logs:
            return self.rate.at(logs)
        return self.rate.at(logs) + self.ridge.constant * (logs["batch"] - self.batch.at(logs))

    def _drawn(self, logs: dict[str, float], *, scatter: bool = True) -> Array:
        found = self.rate.drawn(logs, scatter=scatter)
        if self.batch is None or self.ridge is None or "batch" not in logs:
            return found
        apart = logs["batch"] - self.batch.drawn(logs, scatter=scatter)
        made: Array = found + np.asarray(self.ridge.drawn({}, scatter=scatter)) * apart
        return made

    def _batch_tokens(self, scale: Scale) -> float | None:
        if self.batch is None:
            return None
        found = math.exp(self.batch.at(self._logs(scale, needed=True)))
        if self.units.batch == "tok":
            return found
        return None if scale.sequence is None else amount(found, "tok", scale, "batch")


def _power(line: Line, units: Units) -> str:
    named = {"horizon": UNITS[units.horizon]}
    parts = [f"{named.get(n, n)}^{slope:.3f}" for n, slope in zip(line.names, line.slopes, strict=True)]
    return " ".join([f"{line.prefactor():.4g}", *parts])


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else plain(value)
