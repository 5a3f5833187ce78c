"""D-Adaptation's passes, in torch. Each returns sums that tell how far the start is from the solution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from surefoot.torch.optim.eager import foreach
from surefoot.torch.optim.kernel import Fields


class SquareScalars(NamedTuple):
    """Nothing: the square of a gradient needs no number."""


class SGDScalars(NamedTuple):
    """The decay that is added to the gradient, e = d lr/G0, and the momentum."""

    coupled: float
    e: float
    momentum: float


class AdamScalars(NamedTuple):
    """The decay added to the gradient; e, and the decay beside it; factors of m, v and s, and of what each takes up."""

    coupled: float
    e: float
    decay: float
    b1: float
    take: float
    b2: float
    rest: float
    q: float
    push: float
    eps: float


class AdaGradScalars(NamedTuple):
    """The decay that is added to the gradient, e = d lr, the momentum and eps."""

    coupled: float
    e: float
    momentum: float
    eps: float


class LionScalars(NamedTuple):
    """The decay, e = d lr, the betas, and what m and s take up."""

    decay: float
    e: float
    b1: float
    b2: float
    take: float
    q: float
    push: float


def total(parts: Sequence[Tensor]) -> Tensor:
    """Return the sum over all elements of all tensors, as one number that stays where they are."""
    return torch.stack([part.sum() for part in parts]).sum(dtype=torch.float64)


def size(parts: list[Tensor]) -> Tensor:
    """Return the sum of the absolute values of all elements of all tensors."""
    return torch.stack(list(foreach.norm(parts, 1))).sum(dtype=torch.float64)


def decayed(g: list[Tensor], p: list[Tensor], decay: float) -> list[Tensor]:
    """Return g + decay p; the gradient that the user sees stays as it is."""
    return list(foreach.add(g, p, alpha=decay)) if decay else g


def moved(p: list[Tensor], way: list[Tensor], e: float, decay: float) -> None:
    """P -= e (way + decay p), rounded once: while d is small the weights could not hold two such numbers."""
    if decay:
        foreach.add_(way, p, alpha=decay)
    foreach.add_(p, way, alpha=-e)


def square(fields: Fields, _s: SquareScalars) -> tuple[Tensor, ...]:
    """Return the sum of g^2."""
    return (total(foreach.mul(fields[1], fields[1])),)


def sgd(fields: Fields, s: SGDScalars) -> tuple[Tensor, ...]:
    """S += e g;  p = momentum p + (1 - momentum)(x0 - s).  Sums: <g, s> with s from before, and s^2."""
    p, given, far, start = fields
    g = decayed(given, p, s.coupled)
    along = total(foreach.mul(g, far))
    foreach.add_(far, g, alpha=s.e)
    foreach.mul_(p, s.momentum)
    foreach.add_(p, foreach.sub(start, far), alpha=1 - s.momentum)
    return along, total(foreach.mul(far, far))


def adam(fields: Fields, s: AdamScalars) -> tuple[Tensor, ...]:
    """One step of Adam, and s.  Sums: <g, s/(sqrt(v) + eps)> with s and v from before, and |s|."""
    p, given, m, v, far = fields
    g = decayed(given, p, s.coupled)
    below = foreach.sqrt(v)
    foreach.add_(below, s.eps)
    scaled = foreach.div(far, below)
    foreach.mul_(scaled, g)
    along = total(scaled)
    foreach.mul_(m, s.b1)
    foreach.add_(m, g, alpha=s.take)
    foreach.mul_(v, s.b2)
    foreach.addcmul_(v, g, g, value=s.rest)
    foreach.mul_(far, s.q)
    foreach.add_(far, g, alpha=s.push)
    below = foreach.sqrt(v)
    foreach.add_(below, s.eps)
    moved(p, list(foreach.div(m, below)), 1.0, s.e * s.decay)
    return along, size(far)


def adagrad(fields: Fields, s: AdaGradScalars) -> tuple[Tensor, ...]:
    """One step of AdaGrad from x0.  Sums: g^2/h, and what s^2/h and |s| have gained, h = sqrt(alpha) + eps."""
    p, given, alpha, far, start = fields
    g = decayed(given, p, s.coupled)
    weighed, long = total(_over(far, alpha, s.eps)), size(far)
    foreach.addcmul_(alpha, g, g, value=1.0)
    foreach.add_(far, g, alpha=s.e)
    gained = total(_over(far, alpha, s.eps)) - weighed
    below = foreach.sqrt(alpha)
    foreach.add_(below, s.eps)
    foreach.mul_(p, s.momentum)
    foreach.add_(p, start, alpha=1 - s.momentum)
    foreach.addcdiv_(p, far, below, value=s.momentum - 1)
    return total(_over(g, alpha, s.eps)), gained, size(far) - long


def _over(numbers: list[Tensor], alpha: list[Tensor], eps: float) -> Sequence[Tensor]:
    below = foreach.sqrt(alpha)
    foreach.add_(below, eps)
    squares = foreach.mul(numbers, numbers)
    foreach.div_(squares, below)
    return squares


def lion(fields: Fields, s: LionScalars) -> tuple[Tensor, ...]:
    """One step of Lion, and s.  Sums: <u, s> with s from before, and |s|."""
    p, g, m, far = fields
    u = foreach.mul(m, s.b1)
    foreach.add_(u, g, alpha=1 - s.b1)
    u = foreach.sign(u)
    along = total(foreach.mul(u, far))
    foreach.mul_(m, s.b2)
    foreach.add_(m, g, alpha=s.take)
    foreach.mul_(far, s.q)
    foreach.add_(far, u, alpha=s.push)
    moved(p, list(u), s.e, s.decay)
    return along, size(far)
