"""Chart: what is to be drawn, as data; renderers (SVG, terminal, matplotlib) only draw it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from surefoot.chart.numbers import count_text, linear_ticks, log_ticks, rate_text
from surefoot.errors import ArgumentError

Kind = Literal["line", "points", "band", "steps"]
Marker = Literal["dot", "ring", "cross"]
Tone = Literal["ink", "soft", "main", "second", "good", "bad"]
MarkKind = Literal["line", "region", "label"]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: its ``label``, its range ``low`` < ``high`` in data units, and whether it is logarithmic.

    Raises ArgumentError for an empty range, or a log axis that reaches 0.

    >>> Axis("rate", 1e-4, 1e-2, log=True).at(1e-3)
    0.5
    """

    label: str
    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ArgumentError(f"axis {self.label!r}: low={self.low!r} must be below high={self.high!r}, both finite.")
        if self.log and self.low <= 0:
            raise ArgumentError(f"axis {self.label!r}: low={self.low!r} must be > 0 on a log axis.")

    def at(self, value: float) -> float:
        """Return where ``value`` lies, 0 at ``low`` and 1 at ``high``; NaN if it has no place on the axis."""
        if not math.isfinite(value) or (self.log and value <= 0):
            return math.nan
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self, about: int = 5) -> tuple[float, ...]:
        """Return about ``about`` round values inside the range."""
        return log_ticks(self.low, self.high, about) if self.log else linear_ticks(self.low, self.high, about)

    def text(self, value: float) -> str:
        """Return ``value`` as this axis writes it: a small quantity as a rate, a large one as a count."""
        return rate_text(value) if self.log or self.high < 1 else count_text(value)


@dataclass(frozen=True, slots=True)
class Series:
    """Values to draw: ``y`` over ``x`` as a line, steps or points, or the band between ``y`` and ``upper``.

    A value that is not finite leaves a gap; ``tone`` is the role of the series, which a renderer turns into a colour.
    """

    kind: Kind
    x: tuple[float, ...]
    y: tuple[float, ...]
    label: str = ""
    tone: Tone = "main"
    upper: tuple[float, ...] = ()
    marker: Marker = "dot"

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y) or (self.kind == "band" and len(self.upper) != len(self.x)):
            raise ArgumentError(f"series {self.label!r}: x, y and a band's upper must have one length.")

    def runs(self) -> tuple[tuple[tuple[float, float], ...], ...]:
        """Return the stretches of finite values: what a renderer joins with lines."""
        done: list[list[tuple[float, float]]] = [[]]
        for point in zip(self.x, self.y, strict=True):
            if math.isfinite(point[0]) and math.isfinite(point[1]):
                done[-1].append(point)
            elif done[-1]:
                done.append([])
        return tuple(tuple(run) for run in done if run)


@dataclass(frozen=True, slots=True)
class Mark:
    """Something to point at: a vertical ``line`` at ``x``, a ``region`` from ``x`` to ``end``, or a bare ``label``."""

    kind: MarkKind
    x: float
    end: float | None = None
    label: str = ""
    tone: Tone = "ink"
    y: float | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture as data: two axes, the series in drawing order, and the marks over them."""

    title: str
    x: Axis
    y: Axis
    series: tuple[Series, ...] = ()
    marks: tuple[Mark, ...] = ()
    description: str = ""
