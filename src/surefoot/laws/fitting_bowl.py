"""The optimum of one sweep: a paraboloid in the logarithms of the rate (and the batch), near the lowest loss.

``search.parabola`` fits another thing, the clipped regrets of a search under way, five points at a time: the two share
no code.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
DRAWS = 400
_OCTAVE = math.log(2.0)
# Checked on surfaces with a steep high side: wider windows bias the optimum, narrower ones let the noise in.
_WINDOW, _NARROWEST, _CORE = 2.5, 1.5, 1.2
_ROUNDS = 3
# A parabola is not the true curve, and all scales of a sweep share its fault: the steep side pushes the centre away by
# up to a tenth of the window's half width on surfaces as steep as those of language models. Alone, a centre is trusted
# to a twentieth of the grid's spacing, or to three where no point is to spare that could contradict the parabola.
_SHAPE, _ALONE, _UNCHECKED = 0.1, 0.05, 0.1


@dataclass(frozen=True, slots=True)
class Bowl:
    """The fitted optimum ``center`` [d], natural logarithms, of losses at points; or why there is none (``status``).

    ``status``: "inside"; "low" or "high", at the grid's edge in the first dimension, "small" or "large" in the second;
    "flat", no minimum; "few", too few points. ``squares`` and ``freedom`` are the weighted squares of the residuals of
    the log loss and their degrees of freedom, ``bend`` [d, d] the second derivatives.
    """

    status: str
    center: Array
    spacing: Array
    squares: float = 0.0
    freedom: float = 0.0
    bend: Array | None = None
    points: Array | None = None
    solver: Array | None = None
    fitted: Array | None = None


def bowl(points: Array, losses: Array) -> Bowl:
    """Fit the paraboloid: ``points`` [n, d] are logarithms, d = 1 or 2, ``losses`` [n] of any sign, inf for a failure.

    log loss(z) = c + g z + z H z / 2 over the points within 2.5 spacings (at least 1.5 octaves) of the optimum, with
    weights 1 / (1 + (excess / e)^2), where e is the excess that leaves 1.2 times as many points as coefficients. The
    lowest failed rate counts as the worst loss of the others: that it failed is known, how badly is not.

    >>> rates = np.log([[0.1], [0.2], [0.4], [0.8]])
    >>> found = bowl(rates, np.exp(0.5 * (rates[:, 0] - np.log(0.25)) ** 2))
    >>> found.status, round(float(np.exp(found.center[0])), 6)
    ('inside', 0.25)
    """
    spacing = np.array([_spacing(column) for column in points.T])
    seen, logs = _censored(points, losses)
    whole = np.isfinite(losses)
    best = points[int(np.argmin(losses))]
    if not whole.any() or any(len(np.unique(column.round(9))) < 3 for column in seen.T):
        return Bowl("few", best, spacing)
    edge = _at_edge(best, points)
    if edge and points.shape[1] == 1:
        return Bowl(edge, best, spacing)
    found = _fitted(seen, logs, best, spacing)
    if found.status == "inside":
        beyond = _at_edge(found.center, points)
        return Bowl(beyond, best, spacing) if beyond else found
    return Bowl(edge, best, spacing) if edge else found


def centers(found: Bowl, noise: float, rng: np.random.Generator, draws: int = DRAWS) -> tuple[Array, Array]:
    """Return optima [draws, d] and ridges [draws] of the bowl under new ``noise`` (standard deviation of log loss).

    The ridge is d log rate / d log batch along which the rate is best, 0 where d = 1.
    """
    if found.solver is None or found.fitted is None or found.points is None:
        return np.repeat(found.center[None], draws, 0), np.zeros(draws)
    d = found.points.shape[1]
    losses = found.fitted + noise * rng.standard_normal((draws, len(found.fitted)))
    coefficients = losses @ found.solver.T
    bends = _bends(coefficients, d)
    good = np.linalg.eigvalsh(bends)[:, 0] > 0
    # A draw without a minimum says only that the optimum is not known within the window.
    reach = np.abs(found.points).max(0)
    loose = rng.uniform(-1, 1, (draws, d)) * reach
    safe = np.where(good[:, None, None], bends, np.eye(d))
    moved = -np.linalg.solve(safe, coefficients[:, 1 : 1 + d, None])[:, :, 0]
    shape = (_ALONE + _UNCHECKED / (1.0 + found.freedom)) * found.spacing * rng.standard_normal((draws, d))
    ridge = -safe[:, 0, 1] / safe[:, 0, 0] if d > 1 else np.zeros(draws)
    return found.center + np.clip(np.where(good[:, None], moved, loose), -reach, reach) + shape, ridge


def common(spacing: Array, rng: np.random.Generator, draws: int = DRAWS) -> Array:
    """Return draws [draws, d] of the error that the centers of all bowls of one ``spacing`` [d] share."""
    return np.asarray(_SHAPE * _reach(spacing) * rng.standard_normal((draws, len(spacing))), dtype=np.float64)


def _reach(spacing: Array) -> Array:
    return np.asarray(np.maximum(_WINDOW * spacing, _NARROWEST * _OCTAVE) + 1e-9, dtype=np.float64)


def _fitted(points: Array, logs: Array, start: Array, spacing: Array) -> Bowl:
    center, d = start, points.shape[1]
    reach = _reach(spacing)
    count = 1 + d + d * (d + 1) // 2
    for _ in range(_ROUNDS):
        near = (np.abs(points - center) <= reach).all(1)
        z, y = points[near] - center, logs[near]
        if len(y) < count or any(len(np.unique(column.round(9))) < 3 for column in z.T):
            return Bowl("few", start, spacing)
        weights = _weights(y, count)
        design = _design(z)
        solver = solver_of(design, weights)
        coefficients = solver @ y
        bend = _bends(coefficients[None], d)[0]
        if float(np.linalg.eigvalsh(bend)[0]) <= 0:
            return Bowl("flat", start, spacing)
        origin = center
        step = -np.linalg.solve(bend, coefficients[1 : 1 + d])
        center = np.clip(origin + step, points.min(0) - spacing, points.max(0) + spacing)
    # The weights squared, so that where the bowl is no paraboloid any more counts little as noise.
    hat = design @ solver
    residuals = y - hat @ y
    freedom = float((weights**2 * (1.0 - 2.0 * np.diag(hat) + (hat**2).sum(1))).sum())
    squares = float((weights**2 * residuals**2).sum())
    shifted = _design(z + origin - center)
    again = solver_of(shifted, weights)
    return Bowl(
        "inside", center, spacing, squares, freedom, bend, z + origin - center, again, shifted @ (again @ y)
    )  # fmt: skip


def _weights(y: Array, count: int) -> Array:
    excess = y - y.min()
    core = float(np.sort(excess)[min(int(_CORE * count), len(y) - 1)])
    made: Array = 1.0 / (1.0 + (excess / max(core, 1e-12)) ** 2)
    return made


def solver_of(design: Array, weights: Array) -> Array:
    """Return the matrix [k, n] that turns values [n] into the coefficients [k] of their weighted least squares."""
    root = np.sqrt(weights)
    return np.asarray(np.linalg.pinv(design * root[:, None]) * root, dtype=np.float64)


def _design(z: Array) -> Array:
    d = z.shape[1]
    products = [z[:, i] * z[:, j] for i in range(d) for j in range(i, d)]
    return np.stack([np.ones(len(z)), *z.T, *products], 1)


def _bends(coefficients: Array, d: int) -> Array:
    made = np.zeros((len(coefficients), d, d))
    for k, (row, column) in enumerate((i, j) for i in range(d) for j in range(i, d)):
        made[:, row, column] += coefficients[:, 1 + d + k]
        made[:, column, row] += coefficients[:, 1 + d + k]
    return made


def _censored(points: Array, losses: Array) -> tuple[Array, Array]:
    """Return the points and log losses to fit, with the lowest failed rate of each batch as bad as the worst run."""
    whole = np.isfinite(losses)
    if not whole.any():
        return points[:0], losses[:0]
    # The logarithm of a loss is nearer to a parabola; a loss at or below 0 has none.
    logs = np.log(losses[whole]) if (losses[whole] > 0).all() else losses[whole]
    kept, values = [*points[whole]], [*logs]
    for other in np.unique(points[:, 1:], axis=0):
        same = (points[:, 1:] == other).all(1)
        ended = points[same & whole][:, 0].max(initial=-math.inf)
        failed = points[same & ~whole & (points[:, 0] > ended)]
        if len(failed):
            kept.append(failed[np.argmin(failed[:, 0])])
            values.append(max(logs))
    return np.array(kept), np.array(values)


def _spacing(column: Array) -> float:
    values = np.unique(column.round(9))
    return float(np.median(np.diff(values))) if len(values) > 1 else _OCTAVE


def _at_edge(best: Array, points: Array) -> str:
    for k, names in enumerate((("low", "high"), ("small", "large"))[: points.shape[1]]):
        if best[k] <= points[:, k].min():
            return names[0]
        if best[k] >= points[:, k].max():
            return names[1]
    return ""
