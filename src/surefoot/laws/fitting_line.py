"""A power law through optima: a weighted straight line in logarithms, with bootstrap draws and what they say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from surefoot.laws.fitting_bowl import Array, solver_of

LEVEL = 0.9
_TAILS = (50.0 * (1 - LEVEL), 100.0 - 50.0 * (1 - LEVEL))
_HALVINGS = 60
_LEVERAGE = 1.0 - 1e-6


@dataclass(frozen=True, slots=True)
class Line:
    """log optimum = ``constant`` + sum over ``names`` of slope * (log quantity - center).

    ``draws`` are bootstrap draws of (constant, slopes..., the scatter of a new scale).
    """

    names: tuple[str, ...]
    centers: tuple[float, ...]
    constant: float
    slopes: tuple[float, ...]
    draws: tuple[tuple[float, ...], ...]

    def at(self, logs: Mapping[str, float]) -> float:
        """Return the log optimum where the quantities have these logarithms; one that is left out is at its center."""
        return self.constant + sum(s * x for s, x in zip(self.slopes, self._moved(logs), strict=True))

    def drawn(self, logs: Mapping[str, float], *, scatter: bool = True) -> Array:
        """Return the log optimum of every draw, with the scatter of a scale that was not seen."""
        table = np.array(self.draws)
        made: Array = table[:, :-1] @ np.array([1.0, *self._moved(logs)]) + (table[:, -1] if scatter else 0.0)
        return made

    def interval(self, name: str) -> tuple[float, float]:
        """Return the 90 % interval of the exponent of ``name``."""
        return spread(np.array(self.draws)[:, 1 + self.names.index(name)])

    def prefactor(self) -> float:
        """Return a of ``optimum = a * prod quantity^slope``."""
        return math.exp(self.constant - sum(s * c for s, c in zip(self.slopes, self.centers, strict=True)))

    def _moved(self, logs: Mapping[str, float]) -> list[float]:
        return [logs.get(name, center) - center for name, center in zip(self.names, self.centers, strict=True)]


@dataclass(frozen=True, slots=True)
class Fit:
    """A line, the error of each cell when left out (``left_out``, log optimum; NaN if it is indispensable), and bends.

    ``bends`` are the second-order terms of quantities where their interval excludes 0: (name, value, low, high).
    """

    line: Line
    left_out: tuple[float, ...]
    bends: tuple[tuple[str, float, float, float], ...]


def fitted_line(
    names: tuple[str, ...], logs: Array, optima: Array, drawn: Array, shared: Array, *, rng: np.random.Generator
) -> Fit:
    """Fit ``optima`` [n] over ``logs`` [n, k] with the cells' own draws ``drawn`` [draws, n].

    Weights are 1 / (s^2 + t^2), s the spread of a cell's draws, t the scatter of cells about the line beyond it
    (Paule and Mandel's: the weighted squares equal the degrees of freedom). A draw of the line refits the cells' draws,
    each with a scatter of t times a Student variable, since t comes from few cells; ``shared`` [draws] is the error
    that all cells have in common.
    """
    centers = logs.mean(0)
    design = np.column_stack([np.ones(len(optima)), logs - centers])
    solver, unsure, errors = _solved(design, optima, drawn, rng)
    found = solver @ optima
    moved = found + errors @ solver.T + np.outer(shared, np.eye(len(found))[0])
    table = np.column_stack([moved, unsure * rng.standard_normal(len(drawn))])
    line = Line(
        names,
        tuple(map(float, centers)),
        float(found[0]),
        tuple(map(float, found[1:])),
        tuple(tuple(float(f"{v:.6g}") for v in row) for row in table),
    )
    return Fit(line, _left_out(design, optima, solver), _bends(names, design, optima, drawn, rng))


def spread(values: Array) -> tuple[float, float]:
    """Return the 90 % interval of draws."""
    low, high = np.percentile(values, _TAILS)
    return float(low), float(high)


def _solved(design: Array, optima: Array, drawn: Array, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Return the solver [k, n], the scatter of each draw, and the errors [draws, n] of the optima."""
    own, freedom = drawn.std(0), len(optima) - design.shape[1]
    scatter = _scatter(design, optima, own, freedom)
    unsure = scatter * np.sqrt(freedom / rng.chisquare(max(freedom, 1), len(drawn)))
    errors = drawn - optima + unsure[:, None] * rng.standard_normal(drawn.shape)
    return solver_of(design, 1.0 / (own**2 + scatter**2)), unsure, errors


def _scatter(design: Array, optima: Array, own: Array, freedom: int) -> float:
    def squares(extra: float) -> float:
        weights = 1.0 / (own**2 + extra**2)
        return float((weights * (optima - design @ (solver_of(design, weights) @ optima)) ** 2).sum())

    low, high = 0.0, max(float(np.ptp(optima)), 1e-6)
    if freedom < 1 or squares(low) <= freedom:
        return 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if squares(middle) > freedom else (low, middle)
    return high


def _left_out(design: Array, optima: Array, solver: Array) -> tuple[float, ...]:
    leverage = np.einsum("ij,ji->i", design, solver)
    rest = optima - design @ (solver @ optima)
    return tuple(
        float(r / (1.0 - h)) if h < _LEVERAGE else math.nan for r, h in zip(rest, leverage, strict=True)
    )  # fmt: skip


def _bends(
    names: tuple[str, ...], design: Array, optima: Array, drawn: Array, rng: np.random.Generator
) -> tuple[tuple[str, float, float, float], ...]:
    found = []
    for k, name in enumerate(names, 1):
        more = np.column_stack([design, design[:, k] ** 2])
        if len(np.unique(design[:, k].round(6))) < 3 or len(more) <= more.shape[1]:
            continue
        solver, _, errors = _solved(more, optima, drawn, rng)
        value = float(solver[-1] @ optima)
        low, high = spread(value + errors @ solver[-1])
        if low > 0 or high < 0:
            found.append((name, value, low, high))
    return tuple(found)
