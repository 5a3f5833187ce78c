"""Prediction and Forecast: what a law expects of schedules, with its evidence and its limits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from surefoot.chart import Chart
from surefoot.forecasting.picture import forecast_chart
from surefoot.forecasting.planner_elbow import Elbow
from surefoot.forecasting.spreading import Constant
from surefoot.laws.sources import MARKS, Mark
from surefoot.schedule.core import Schedule
from surefoot.svg import svg
from surefoot.trial import plain


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a law expects of one ``schedule``: the final ``loss``, nine times in ten between ``low`` and ``high``.

    ``rank`` counts from 1, the lowest loss; ``tied`` says that it cannot be told from the best (their difference is
    within its own interval, or below .002, which reruns differ by). ``losses`` is the curve after ``steps`` updates,
    thinned. ``elbow`` is what a decay after a hold is worth, None without one. ``notes`` are warnings.
    """

    name: str
    schedule: Schedule
    loss: float
    low: float
    high: float
    steps: tuple[int, ...] = ()
    losses: tuple[float, ...] = ()
    elbow: Elbow | None = None
    notes: tuple[str, ...] = ()
    rank: int = 0
    tied: bool = False

    def row(self) -> dict[str, Any]:
        """Return the prediction as plain data for JSON."""
        names = ("name", "loss", "low", "high", "rank", "tied", "steps", "losses", "notes")
        made = {name: plain(getattr(self, name)) for name in names}
        made["elbow"] = None if self.elbow is None else plain(self.elbow)
        return made | {"schedule": json.loads(self.schedule.to_json()), "described": self.schedule.describe()}

    def __str__(self) -> str:
        tie = ", tied with the best" if self.tied and self.rank > 1 else ""
        return f"{self.rank}. {self.name}: {self.loss:.4f} ({self.low:.4f} to {self.high:.4f}){tie}"


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a loss-curve law, fitted to runs at one ``peak``, expects of schedules at that peak.

    ``predictions`` are in the order they were asked for, ``ranking`` from the lowest loss on. ``law``, ``formula``,
    ``source`` and ``confidence`` (how well the source was checked) say what was fitted; ``constants`` are by the names
    of the publication, with intervals, and ``weak`` where the runs do not identify them. ``column``
    was fitted; ``error`` is the spread of the runs about the law, relative to the loss. ``seen`` holds steps and losses
    of each run as the fit saw them. ``notes`` say what was assumed and what not to trust.
    """

    predictions: tuple[Prediction, ...]
    law: str
    formula: str
    source: str
    confidence: Mark
    constants: Mapping[str, Constant]
    peak: float
    column: str
    error: float
    seen: tuple[tuple[tuple[int, ...], tuple[float, ...]], ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "constants", MappingProxyType(dict(self.constants)))

    @property
    def ranking(self) -> tuple[Prediction, ...]:
        """The predictions, the lowest final loss first."""
        return tuple(sorted(self.predictions, key=lambda one: one.rank))

    @property
    def best(self) -> Prediction:
        """The prediction with the lowest final loss."""
        return self.ranking[0]

    @property
    def chart(self) -> Chart:
        """The runs as they were and the curves that are expected, as data."""
        return forecast_chart(self)

    def row(self) -> dict[str, Any]:
        """Return the forecast as plain data for JSON."""
        names = ("law", "formula", "source", "confidence", "peak", "column", "error", "notes")
        made = {name: plain(getattr(self, name)) for name in names}
        made["confidence_in_words"] = MARKS[self.confidence]
        made["constants"] = {name: plain(one) for name, one in self.constants.items()}
        return made | {"predictions": [one.row() for one in self.predictions], "best": self.best.name}

    def to_json(self) -> str:
        """Return the forecast as JSON text."""
        return json.dumps(self.row(), allow_nan=False)

    def __len__(self) -> int:
        return len(self.predictions)

    def __iter__(self) -> Iterator[Prediction]:
        return iter(self.predictions)

    def __getitem__(self, k: int) -> Prediction:
        return self.predictions[k]

    def __str__(self) -> str:
        lines = [f"{self.law} at peak {self.peak:.3g}, {self.column}:", *map(str, self.ranking)]
        return "\n".join([*lines, *(f"Note: {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        return svg(self.chart)
