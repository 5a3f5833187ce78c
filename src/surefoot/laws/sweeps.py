"""Sweeps: one curve a scale, and where the best rate lies at each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from surefoot.chart import Chart
from surefoot.curve import Curve
from surefoot.errors import ArgumentError
from surefoot.laws.fitting_bowl import centers
from surefoot.laws.fitting_cells import Group, Units, grouped, noises, units_of
from surefoot.laws.fitting_line import spread
from surefoot.laws.fitting_runs import runs_of
from surefoot.laws.scale import Scale
from surefoot.laws.sweeps_chart import Optimum, optima_chart
from surefoot.svg import svg


@dataclass(frozen=True)
class Sweeps(Mapping[Scale, Curve]):
    """A mapping of Scale and Curve, as ``sweep(task, scale=...)`` returns it and ``fit_law`` takes it.

    ``pairs`` are the scales in the order they were asked for, each with its curve. Raises ArgumentError for a scale
    given twice.

    >>> from surefoot.curve import Trial
    >>> def swept(width):
    ...     losses = {2.0**-k: math.exp(0.1 * math.log2(2.0**-k * width) ** 2) for k in range(1, 12)}
    ...     return Curve(tuple(Trial(lr, 0, 10, 10, loss) for lr, loss in losses.items()))
    >>> sweeps = Sweeps(tuple((Scale(width=w), swept(w)) for w in (16, 64)))
    >>> [(round(found.lr * found.at("width"), 2), found.status) for found in sweeps.optima]
    [(1.0, 'inside'), (1.0, 'inside')]
    """

    pairs: tuple[tuple[Scale, Curve], ...]

    def __post_init__(self) -> None:
        scales = [scale for scale, _ in self.pairs]
        twice = next((scale for k, scale in enumerate(scales) if scale in scales[:k]), None)
        if twice is not None:
            raise ArgumentError(f"scale={twice!r} is given twice: give each scale once.")

    def __getitem__(self, scale: Scale) -> Curve:
        for one, curve in self.pairs:
            if one == scale:
                return curve
        raise KeyError(scale)

    def __iter__(self) -> Iterator[Scale]:
        return (scale for scale, _ in self.pairs)

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def interrupted(self) -> bool:
        """Whether the sweeps were stopped before their last trial."""
        return any(curve.interrupted for _, curve in self.pairs)

    @property
    def cost_steps(self) -> int:
        """The updates that all runs took."""
        return sum(curve.cost_steps for _, curve in self.pairs)

    @cached_property
    def units(self) -> Units:
        """What a batch and the length of a run are counted in."""
        return units_of(runs_of(self))

    @cached_property
    def optima(self) -> tuple[Optimum, ...]:
        """The best rate of each scale, from small to large, with its 90 % interval, as ``fit_law`` finds it.

        That of a parabola through the log losses over log lr near the best run; where there is none (``status`` says
        why) the best rate that was run, without an interval.
        """
        groups = grouped(runs_of(self), self.units, joint=False)
        inner = [one for one in groups if one.found.status == "inside"]
        known = dict(zip(map(id, inner), noises(inner), strict=True)) if inner else {}
        return tuple(_optimum(group, known.get(id(group))) for group in groups)

    def chart(self, quantity: str | None = None) -> Chart:
        """Return the transfer plot: the best rate against ``quantity`` (width, batch, horizon, ...), with intervals.

        ``quantity`` is the one that varies; where several do, it must be named, and a line joins scales that are alike
        in the others. Raises ArgumentError for one that no scale has.
        """
        return optima_chart(self.optima, self.units, quantity)

    def _repr_html_(self) -> str | None:
        try:
            return svg(self.chart())
        except ArgumentError:
            return None


def _optimum(group: Group, noise: float | None) -> Optimum:
    best = math.exp(float(group.found.center[0]))
    values = tuple(group.values.items())
    if noise is None:
        return Optimum(values, best, math.nan, math.nan, group.found.status)
    drawn, _ = centers(group.found, noise, np.random.default_rng(0))
    low, high = (math.exp(value) for value in spread(drawn[:, 0]))
    return Optimum(values, best, low, high, "inside")
