"""The picture of a coordinate check: size against width, a line a layer, both axes logarithmic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from surefoot.chart import Axis, Chart, Series
from surefoot.chart.data import Tone
from surefoot.chart.numbers import spread
from surefoot.errors import ArgumentError

_QUANTITIES = ("change", "activation")
_TONES: tuple[Tone, ...] = ("main", "second", "good", "ink")
_LABELLED = 6


class Measured(Protocol):
    """What is read of a row."""

    @property
    def layer(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def step(self) -> int: ...
    @property
    def activation(self) -> float: ...
    @property
    def change(self) -> float: ...


class Grown(Protocol):
    """What is read of a slope."""

    @property
    def layer(self) -> str: ...
    @property
    def activation(self) -> float: ...
    @property
    def change(self) -> float: ...
    @property
    def fault(self) -> str: ...


class Checked(Protocol):
    """What is read of Coordinates."""

    @property
    def rows(self) -> Sequence[Measured]: ...
    @property
    def slopes(self) -> Sequence[Grown]: ...
    @property
    def verdict(self) -> str: ...


def coordinate_chart(found: Checked, quantity: str = "change") -> Chart:
    """Return the chart of ``quantity`` (``change`` or ``activation``) by width after the last update, a line a layer.

    Layers that fail are red and named with their exponent; of the others the first few are. Raises ArgumentError for
    another quantity, or where nothing is above zero.
    """
    if quantity not in _QUANTITIES:
        raise ArgumentError(f"quantity={quantity!r} must be one of {', '.join(_QUANTITIES)}.")
    last = max(row.step for row in found.rows)
    series = []
    for k, slope in enumerate(found.slopes):
        mine = [row for row in found.rows if row.layer == slope.layer and row.step == last]
        x, y = tuple(float(row.width) for row in mine), tuple(float(getattr(row, quantity)) for row in mine)
        named = slope.fault or k < _LABELLED
        label = f"{slope.layer} {getattr(slope, quantity):+.2f}" if named else ""
        series.append(Series("line", x, y, label, "bad" if slope.fault else _TONES[k % len(_TONES)]))
    sizes = [value for one in series for value in one.y if value > 0.0]
    if not sizes:
        raise ArgumentError(f"quantity={quantity!r} is zero in every layer: there is nothing to draw.")
    return Chart(
        f"Mean |{quantity}| after {last} updates, by width",
        Axis("width", *spread([row.width for row in found.rows], log=True), log=True),
        Axis(f"mean |{quantity}|", *spread(sizes, log=True), log=True),
        tuple(series),
        description=found.verdict,
    )
