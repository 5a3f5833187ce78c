"""A small Levenberg-Marquardt: least squares with a Jacobian that is given, in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from surefoot.forecasting.course import Floats

Residuals = Callable[[Floats], tuple[Floats, Floats]]
_TRIES = 14


@dataclass(frozen=True, slots=True, eq=False)
class Minimum:
    """Where a sum of squares is least: ``x``, the sum there (``cost``), and whether the steps had died down."""

    x: Floats
    cost: float
    settled: bool


def minimum(residuals: Residuals, start: Floats, *, iterations: int = 80, tolerance: float = 1e-8) -> Minimum:
    """Return the local minimum of ``sum r(x)^2`` near ``start``, by Levenberg-Marquardt.

    ``residuals(x)`` returns r [m] and its derivatives [m, p]; a step to where r is not finite is not taken. It ends
    when a step lowers the sum by less than ``tolerance`` of it, or after ``iterations`` steps. Method: An Algorithm
    for Least-Squares Estimation of Nonlinear Parameters (Marquardt 1963) [m].

    >>> found = minimum(lambda x: (np.array([x[0] - 2.0, x[1] ** 2]), np.array([[1.0, 0.0], [0.0, 2 * x[1]]])),
    ...                 np.array([0.0, 1.0]))
    >>> bool(abs(found.x[0] - 2) < 1e-6)
    True
    """
    x = np.array(start, dtype=np.float64)
    r, slopes = residuals(x)
    cost, damping = float(r @ r), 1e-3
    for _ in range(iterations):
        square, gradient = slopes.T @ slopes, slopes.T @ r
        scale = np.diag(np.diag(square) + 1e-12)
        for _ in range(_TRIES):
            trial = x - np.linalg.solve(square + damping * scale, gradient)
            r_new, slopes_new = residuals(trial)
            new = float(r_new @ r_new)
            if np.isfinite(new) and new < cost:
                break
            damping *= 4
        else:
            return Minimum(x, cost, settled=True)
        gained, x, r, slopes = cost - new, trial, r_new, slopes_new
        settled, cost, damping = gained <= tolerance * cost, new, max(damping / 5, 1e-12)
        if settled:
            return Minimum(x, cost, settled=True)
    return Minimum(x, cost, settled=False)


def softened(z: Floats, corner: float) -> tuple[Floats, Floats]:
    """Return ``sign(z) sqrt(2 rho(z))`` for Huber's rho, and its slope: its square is what Huber's loss adds.

    ``corner`` is where rho turns from a square to a line, in standard deviations (Huber, Robust Estimation of a
    Location Parameter, 1964) [m].

    >>> softened(np.array([0.5, 4.0]), 1.0)[0].round(3).tolist()
    [0.5, 2.646]
    """
    size = np.abs(z)
    root = np.where(size <= corner, size, np.sqrt(corner * np.maximum(2 * size - corner, 0.0)))
    slope = np.where(size <= corner, 1.0, corner / np.maximum(root, corner))
    return np.sign(z) * root, slope
