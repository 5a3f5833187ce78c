"""Schedule-Free's passes, in torch."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from surefoot.torch.optim.eager import foreach, fused
from surefoot.torch.optim.kernel import Fields

Tensors = tuple[Tensor, ...] | list[Tensor]


class SGDScalars(NamedTuple):
    """The rate of z and that of y, the weight of z in the average, the decay at y and that at z."""

    lr: float
    y_lr: float
    c: float
    decay_y: float
    decay_z: float


class AdamWScalars(NamedTuple):
    """As for SGD; b2, 1/sqrt(1 - b2^(k+1)) and eps."""

    lr: float
    y_lr: float
    c: float
    decay_y: float
    decay_z: float
    b2: float
    root: float
    eps: float


class HeavyScalars(NamedTuple):
    """As for AdamW; the inner momentum m, and 1/(1 - m^(k+1))."""

    lr: float
    y_lr: float
    c: float
    decay_y: float
    decay_z: float
    b2: float
    root: float
    eps: float
    m: float
    lift: float


def sgd(fields: Fields, s: SGDScalars) -> tuple[Tensor, ...]:
    """U = g + decay;  y += c (z - y) - y_lr u;  z -= lr u."""
    y, g, z = fields
    # Decay is added in place, and a gradient is left as it is.
    _moved(y, z, foreach.mul(g, 1.0) if s.decay_y or s.decay_z else g, s)
    return ()


def adamw(fields: Fields, s: AdamWScalars) -> tuple[Tensor, ...]:
    """V = b2 v + (1 - b2) g^2;  u = g/(sqrt(v) root + eps) + decay;  y += c (z - y) - y_lr u;  z -= lr u."""
    y, g, z, v = fields
    if s.lr and s.root and fused.suits(z, s.b2):
        _by_fused(y, g, z, v, s)
    else:
        _moved(y, z, foreach.div(g, _below(v, g, s)), s)
    return ()


def _by_fused(y: list[Tensor], g: list[Tensor], z: list[Tensor], v: list[Tensor], s: AdamWScalars) -> None:
    """Do the same with the step of z fused: y takes k = y_lr/lr of it, the difference of z after and before."""
    k, left = s.y_lr / s.lr, 1 - s.lr * s.decay_z
    share = (s.c - s.y_lr * s.decay_z) / left
    if s.decay_z:
        foreach.mul_(z, left)
    if s.decay_y:
        foreach.add_(z, y, alpha=-s.lr * s.decay_y)
    foreach.mul_(y, 1 - s.c - s.y_lr * s.decay_y + share * s.lr * s.decay_y)
    foreach.add_(y, z, alpha=share - k)
    fused.adam(z, g, v, lr=s.lr, b2=s.b2, root=s.root, eps=s.eps)
    foreach.add_(y, z, alpha=k)


def heavy(fields: Fields, s: HeavyScalars) -> tuple[Tensor, ...]:
    """M = m_ m + (1 - m_) g, in the place of g in the step of ``adamw``: u = lift m/(sqrt(v) root + eps) + decay."""
    y, g, z, v, m = fields
    foreach.lerp_(m, g, 1 - s.m)
    u = foreach.div(m, _below(v, g, s))
    foreach.mul_(u, s.lift)
    _moved(y, z, u, s)
    return ()


def _below(v: list[Tensor], g: list[Tensor], s: AdamWScalars | HeavyScalars) -> Tensors:
    foreach.mul_(v, s.b2)
    foreach.addcmul_(v, g, g, value=1 - s.b2)
    below = foreach.sqrt(v)
    foreach.mul_(below, s.root)
    foreach.add_(below, s.eps)
    return below


def _moved(y: list[Tensor], z: list[Tensor], u: Tensors, s: SGDScalars | AdamWScalars | HeavyScalars) -> None:
    for decay, at in ((s.decay_y, y), (s.decay_z, z)):
        if decay:
            foreach.add_(u, at, alpha=decay)
    foreach.lerp_(y, z, s.c)
    foreach.add_(y, u, alpha=-s.y_lr)
    foreach.add_(z, u, alpha=-s.lr)
