"""Prodigy's pass, in torch."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from surefoot.torch.optim.eager import foreach
from surefoot.torch.optim.eager.dadapt import decayed, moved, size, total
from surefoot.torch.optim.kernel import Fields


class Scalars(NamedTuple):
    """How many elements one of s stands for, which fields there are, and the factors of one step.

    ``anchored``: there is a p0 (0 otherwise); ``tracked``: the way gone is there in its place; ``moving``: there is an
    m (the gradient otherwise). ``coupled`` is the decay that is added to the gradient, ``decay`` the one that the rate
    multiplies; ``b1``, ``b2``, ``b3`` are the factors of m, v and s, and ``take``, ``square``, ``push`` of what they
    take up; ``e`` is the rate, ``floor`` what is added to sqrt(v).
    """

    every: int
    anchored: bool
    tracked: bool
    moving: bool
    coupled: float
    decay: float
    b1: float
    take: float
    b2: float
    square: float
    b3: float
    push: float
    e: float
    floor: float


class AveragedScalars(NamedTuple):
    """Factors of v and s, and of what they take up; what is added to sqrt(v); d, the decay at y; as Schedule-Free."""

    b2: float
    square: float
    b3: float
    push: float
    floor: float
    d: float
    decay: float
    lr: float
    y_lr: float
    c: float


def step(fields: Fields, s: Scalars) -> tuple[Tensor, ...]:
    """One step of Adam, s, and the way gone.  Sums, of every n-th element: <g, p0 - p> with p from before, and |s|."""
    p, given, v, far = fields[:4]
    g = decayed(given, p, s.coupled)
    few, slope = _few(p, s.every), _few(g, s.every)
    if s.tracked:
        gone = foreach.mul(fields[4], 1.0)
    else:
        gone = foreach.sub(fields[4], few) if s.anchored else foreach.mul(few, -1.0)
    foreach.mul_(gone, slope)
    foreach.mul_(far, s.b3)
    foreach.add_(far, slope, alpha=s.push)
    along, long = total(gone), size(far)
    foreach.mul_(v, s.b2)
    foreach.addcmul_(v, g, g, value=s.square)
    below = foreach.sqrt(v)
    foreach.add_(below, s.floor)
    if s.moving:
        foreach.mul_(fields[-1], s.b1)
        foreach.add_(fields[-1], g, alpha=s.take)
    way = foreach.div(fields[-1] if s.moving else foreach.mul(g, s.take), below)
    moved(p, list(way), s.e, s.decay)
    if s.tracked:
        foreach.add_(fields[4], _few(list(way), s.every), alpha=s.e)
    return along, long


def averaged(fields: Fields, s: AveragedScalars) -> tuple[Tensor, ...]:
    """U = d g/(sqrt(v) + floor) + decay y;  y += c (z - y) - y_lr u;  z -= lr u.  Sums: <g, p0 - y>, and |s|."""
    y, g, z, v, far, start = fields
    gone = foreach.sub(start, y)
    foreach.mul_(gone, g)
    foreach.mul_(far, s.b3)
    foreach.add_(far, g, alpha=s.push)
    foreach.mul_(v, s.b2)
    foreach.addcmul_(v, g, g, value=s.square)
    below = foreach.sqrt(v)
    foreach.add_(below, s.floor)
    u = foreach.div(g, below)
    foreach.mul_(u, s.d)
    if s.decay:
        foreach.add_(u, y, alpha=s.decay)
    foreach.lerp_(y, z, s.c)
    foreach.add_(y, u, alpha=-s.y_lr)
    foreach.add_(z, u, alpha=-s.lr)
    return total(gone), size(far)


def _few(tensors: list[Tensor], every: int) -> list[Tensor]:
    return tensors if every == 1 else [t.reshape(-1)[::every] for t in tensors]
