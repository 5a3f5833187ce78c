"""Schedule-Free's passes, in torch."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from surefoot.torch.optim.eager import foreach
from surefoot.torch.optim.kernel import Fields


class AdamWScalars(NamedTuple):
    """The rate of z and that of y, the weight of the average, 1/sqrt(1 - b2^k), and what the method was given."""

    lr: float
    y_lr: float
    c: float
    weight_decay: float
    b2: float
    root: float
    eps: float


def adamw(fields: Fields, s: AdamWScalars) -> tuple[Tensor, ...]:
    """V = b2 v + (1 - b2) g^2;  u = g/(sqrt(v) root + eps) + wd y;  y += c (z - y) - y_lr u;  z -= lr u."""
    y, g, z, v = fields
    foreach.mul_(v, s.b2)
    foreach.addcmul_(v, g, g, value=1 - s.b2)
    below = foreach.sqrt(v)
    foreach.mul_(below, s.root)
    foreach.add_(below, s.eps)
    u = foreach.div(g, below)
    if s.weight_decay:
        foreach.add_(u, y, alpha=s.weight_decay)
    foreach.lerp_(y, z, s.c)
    foreach.add_(y, u, alpha=-s.y_lr)
    foreach.add_(z, u, alpha=-s.lr)
    return ()
