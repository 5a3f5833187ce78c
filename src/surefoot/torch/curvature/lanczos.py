"""Lanczos: the largest eigenvalue of a symmetric matrix that can only be multiplied by."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

Product = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True, eq=False)
class Ritz:
    """An eigenpair as Lanczos sees it: ``value``, unit ``vector``, and ``residual`` = |A vector - value vector|.

    An eigenvalue lies within ``residual`` of ``value``, and the largest one not below it. ``products`` were made.
    """

    value: float
    vector: torch.Tensor
    residual: float
    products: int


def largest(product: Product, start: torch.Tensor, *, products: int, tolerance: float) -> Ritz:
    """Return the largest eigenvalue of a symmetric A, given ``product(x) = A x`` and a ``start`` not blind to it.

    Vectors have any one shape. It ends when the residual is at most ``tolerance`` times the value, or
    after ``products`` products; each keeps one vector. Every new vector is made orthogonal to all
    before it; the coefficients are summed in float64. A product that is not finite ends it with NaN.

    >>> ritz = largest(lambda x: torch.tensor([1.0, 5.0, 2.0]) * x, torch.ones(3), products=9, tolerance=1e-6)
    >>> f"{ritz.value:.4f}", ritz.products
    ('5.0000', 3)

    Source: Lanczos, An iteration method for the solution of the eigenvalue problem (1950); full reorthogonalisation:
    Parlett, The Symmetric Eigenvalue Problem (1980), chapter 13.
    """
    basis = [start / norm(start)]
    diagonal: list[float] = []
    beside: list[float] = []
    while True:
        w = product(basis[-1])
        if not math.isfinite(size := norm(w)):
            return Ritz(math.nan, basis[0], math.nan, len(basis))
        diagonal.append(float(dots([basis[-1]], w)[0]))
        rest = _orthogonal(w, basis)
        left = norm(rest)
        values, vectors = _eigen(diagonal, beside)
        scale, residual = max(abs(values[0]), abs(values[-1])), left * abs(float(vectors[-1, -1]))
        done = residual <= tolerance * abs(values[-1])
        # What is left of the product after rounding is no direction: the matrix has been seen whole.
        if done or left <= 1e-6 * max(size, scale) or len(basis) == products:
            return Ritz(float(values[-1]), _mixed(basis, vectors[:, -1]), residual, len(basis))
        beside.append(left)
        basis.append(rest / left)


def dots(ones: Sequence[torch.Tensor], other: torch.Tensor) -> NDArray[np.float64]:
    """Return the dot product of each of ``ones`` with ``other``, the sums over their last axis summed in float64."""
    parts = torch.stack([torch.linalg.vecdot(one, other).reshape(-1) for one in ones])
    sums: NDArray[np.float64] = parts.cpu().double().sum(-1).numpy()
    return sums


def norm(vector: torch.Tensor) -> float:
    """Return the length of a vector of any shape."""
    return math.sqrt(float(dots([vector], vector)[0]))


def _orthogonal(w: torch.Tensor, basis: list[torch.Tensor]) -> torch.Tensor:
    rest, before = w.clone(), norm(w)
    # Twice is enough; once, where little was taken away.
    for _ in range(2):
        for vector, dot in zip(basis, dots(basis, rest), strict=True):
            rest.sub_(vector, alpha=float(dot))
        after = norm(rest)
        if after > 0.7 * before:
            break
        before = after
    return rest


def _eigen(diagonal: list[float], beside: list[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    matrix = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
    values, vectors = np.linalg.eigh(matrix)
    return values, vectors


def _mixed(basis: list[torch.Tensor], weights: NDArray[np.float64]) -> torch.Tensor:
    mixed = torch.zeros_like(basis[0])
    for vector, weight in zip(basis, weights, strict=True):
        mixed.add_(vector, alpha=float(weight))
    return mixed / norm(mixed)
