"""Surface: the loss by two rates at once, for a task with two optimizers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from surefoot.chart.surfaces import surface_chart
from surefoot.curve.curve import Curve
from surefoot.errors import ArgumentError
from surefoot.svg import svg
from surefoot.trial import Trial


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rates and the mean loss of the runs at both; ``lr`` is the schedule's peak, ``other`` the second rate."""

    lr: float
    other: float
    loss: float


@dataclass(frozen=True, slots=True)
class Surface:
    """What a sweep over two rates measured: one Curve over the first for each value of the second.

    ``names`` are those of the two rates, ``curves`` pairs of a second rate and its Curve, by rising rate.

    >>> def curve(other):
    ...     return Curve(tuple(Trial(lr, 0, 9, 9, abs(lr - 0.1) + abs(other - 2.0)) for lr in (0.05, 0.1, 0.2)))
    >>> surface = Surface(("lr", "ratio"), tuple((other, curve(other)) for other in (1.0, 2.0)))
    >>> surface.best
    Pair(lr=0.1, other=2.0, loss=0.0)
    """

    names: tuple[str, str]
    curves: tuple[tuple[float, Curve], ...]

    @property
    def best(self) -> Pair | None:
        """The pair of rates with the lowest mean loss over seeds; None where every run failed."""
        pairs = (Pair(lr, other, loss) for (lr, other), loss in self.by_rates().items() if math.isfinite(loss))
        return min(pairs, key=lambda pair: pair.loss, default=None)

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The trials of all curves."""
        return tuple(trial for _, curve in self.curves for trial in curve.trials)

    @property
    def interrupted(self) -> bool:
        """Whether the sweep was stopped before its last trial."""
        return any(curve.interrupted for _, curve in self.curves)

    @property
    def cost_steps(self) -> int:
        """The updates that all runs took."""
        return sum(curve.cost_steps for _, curve in self.curves)

    def by_rates(self) -> dict[tuple[float, float], float]:
        """Return the mean loss over seeds of each pair (first, second) that was run; infinite where a run failed."""
        return {(lr, other): loss for other, curve in self.curves for lr, loss in curve.by_rate().items()}

    def along(self) -> tuple[Pair, ...]:
        """Return the best first rate of each second one: how much the one depends on the other."""
        best = ((other, min(curve.by_rate().items(), key=lambda one: one[1])) for other, curve in self.curves)
        return tuple(Pair(lr, other, loss) for other, (lr, loss) in best if math.isfinite(loss))

    def curve(self, other: float) -> Curve:
        """Return the Curve over the first rate at one second rate; raise ArgumentError for one that was not run."""
        for value, curve in self.curves:
            if math.isclose(value, other, rel_tol=1e-9):
                return curve
        known = ", ".join(f"{value:g}" for value, _ in self.curves)
        raise ArgumentError(f"other={other!r} was not run: {self.names[1]} was {known}.")

    def _repr_html_(self) -> str | None:
        try:
            return svg(surface_chart(self))
        except ArgumentError:
            return None


def surface_of(names: tuple[str, str], curves: Sequence[tuple[float, Any]]) -> Surface:
    """Return the surface of ``curves``, those without a trial left out, by rising second rate."""
    there = ((other, curve) for other, curve in curves if curve.trials)
    return Surface(names, tuple(sorted(there, key=lambda one: one[0])))
