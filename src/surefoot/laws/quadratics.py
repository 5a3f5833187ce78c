"""Quadratics, exactly: edges, best rates and rates of convergence of gradient descent, heavy ball and Nesterov.

``high`` (L) and ``low`` (mu) are the largest and smallest curvature, k = L/mu. A rate of convergence is what the
distance to the minimum is multiplied by, per update, in the long run. The edges of torch's optimizers as they are set
are in ``surefoot.torch.stability``; these are the pure formulas. They bound, they do not recommend: networks move to
where the curvature fits the rate.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from surefoot.errors import ArgumentError
from surefoot.laws.numbers import inside, positive


class Best(NamedTuple):
    """The best ``lr`` and ``momentum`` on a quadratic, and the ``rate`` of convergence there."""

    lr: float
    momentum: float
    rate: float


def edge(curvature: float, momentum: float = 0.0, *, nesterov: bool = False) -> float:
    """Return the rate at which SGD turns unstable: 2 (1 + mu) / L, with Nesterov 2 (1 + mu) / ((1 + 2 mu) L).

    ``curvature`` (L) the largest, ``momentum`` (mu) without dampening. Momentum raises the edge to at most twice that
    of gradient descent; Nesterov's lowers it, to at least two thirds.

    >>> edge(10), round(edge(10, 0.269874), 6), round(edge(10, 0.9, nesterov=True), 6)
    (0.2, 0.253975, 0.135714)

    Source: derived, and confirmed by running [D, X]; 2207.14484 (2022) for the constants.
    """
    top = positive(curvature, "curvature", "the largest curvature")
    mu = inside(momentum, "momentum", "SGD's momentum")
    return (2.0 + 2.0 * mu) / ((1.0 + 2.0 * mu if nesterov else 1.0) * top)


def adam_edge(curvature: float, beta1: float = 0.9) -> float:
    """Return the rate at which an averaged momentum turns unstable, (2 + 2 beta1) / ((1 - beta1) L).

    ``curvature`` (L) the largest of the *preconditioned* Hessian, diag(1 / (sqrt(v) + eps)) H, taken as frozen: an
    average is heavy ball at lr (1 - beta1).

    >>> [round(adam_edge(1, beta1), 9) for beta1 in (0, 0.5, 0.8, 0.9, 0.95)]
    [2.0, 6.0, 18.0, 38.0, 78.0]

    Source: Adaptive Gradient Methods at the Edge of Stability, arXiv 2207.14484 (2022): constant [m]; derived [D].
    """
    return edge(curvature, beta1) / (1.0 - beta1)


def gradient_descent(high: float, low: float) -> Best:
    """Return the best rate 2 / (L + mu), which converges by (k - 1) / (k + 1).

    >>> [round(v, 6) for v in gradient_descent(100, 1)]
    [0.019802, 0.0, 0.980198]

    Source: textbook; confirmed by running [X].
    """
    top, bottom = _curvatures(high, low)
    return Best(2.0 / (top + bottom), 0.0, (top - bottom) / (top + bottom))


def heavy_ball(high: float, low: float) -> Best:
    """Return the best rate 4 / (sqrt L + sqrt mu)^2 and momentum ((sqrt k - 1) / (sqrt k + 1))^2.

    It converges by (sqrt k - 1) / (sqrt k + 1).

    >>> [round(v, 6) for v in heavy_ball(100, 1)]
    [0.033058, 0.669421, 0.818182]

    Source: textbook (Polyak 1964); confirmed by running [X].
    """
    top, bottom = (math.sqrt(v) for v in _curvatures(high, low))
    rate = (top - bottom) / (top + bottom)
    return Best(4.0 / (top + bottom) ** 2, rate**2, rate)


def nesterov(high: float, low: float) -> Best:
    """Return the best rate 4 / (3 L + mu) and momentum (sqrt(3k + 1) - 2) / (sqrt(3k + 1) + 2) of constant Nesterov.

    It converges by 1 - 2 / sqrt(3k + 1).

    >>> [round(v, 6) for v in nesterov(100, 1)]
    [0.013289, 0.793275, 0.884722]

    Source: Lessard, Recht, Packard 2016, Analysis and Design of Optimization Algorithms via Integral Quadratic
    Constraints, arXiv 1408.3595 [m]; confirmed by running [X].
    """
    top, bottom = _curvatures(high, low)
    root = math.sqrt(3.0 * top / bottom + 1.0)
    return Best(4.0 / (3.0 * top + bottom), (root - 2.0) / (root + 2.0), 1.0 - 2.0 / root)


def convergence(lr: float, curvature: float, momentum: float = 0.0, *, nesterov: bool = False) -> float:
    """Return what one update multiplies the distance by, in the long run, along one ``curvature``: below 1 it shrinks.

    The largest root of z^2 - (1 + mu - a) z + mu - b = 0, with a = lr L for heavy ball and b = 0, a = lr L (1 + mu)
    and b = lr L mu for Nesterov.

    >>> round(convergence(0.1, 10.0), 12), round(convergence(0.2, 10.0), 12)
    (0.0, 1.0)

    Source: the update rule itself [D].
    """
    step = positive(lr, "lr", "a rate") * positive(curvature, "curvature", "a curvature")
    mu = inside(momentum, "momentum", "SGD's momentum")
    half = (1.0 + mu - step * (1.0 + mu if nesterov else 1.0)) / 2.0
    product = mu - step * mu if nesterov else mu
    root = half * half - product
    return math.sqrt(product) if root < 0 else abs(half) + math.sqrt(root)


def _curvatures(high: float, low: float) -> tuple[float, float]:
    top, bottom = positive(high, "high", "the largest curvature"), positive(low, "low", "the smallest curvature")
    if top < bottom:
        raise ArgumentError(f"high={high!r} must be at least low={low!r}: the largest and the smallest curvature.")
    return top, bottom
