"""DoG's passes, in torch."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from surefoot.torch.optim.eager import foreach
from surefoot.torch.optim.eager.mechanic import dots
from surefoot.torch.optim.kernel import Fields


class Move(NamedTuple):
    """The rate, the weight decay, and the weight of the newest in the average."""

    lr: float
    weight_decay: float
    c: float


def distance(fields: Fields, s: Move) -> tuple[Tensor, ...]:
    """Return |g + wd x|^2, |x - x0|^2 and |x0|^2."""
    g, x, x0 = fields
    full = foreach.add(g, x, alpha=s.weight_decay) if s.weight_decay else g
    gone = foreach.sub(x, x0)
    return dots(full, full), dots(gone, gone), dots(x0, x0)


def move(fields: Fields, s: Move) -> tuple[Tensor, ...]:
    """X -= lr (g + wd x)."""
    g, x = fields[:2]
    if s.weight_decay:
        foreach.mul_(x, 1 - s.lr * s.weight_decay)
    foreach.add_(x, g, alpha=-s.lr)
    return ()


def averaged(fields: Fields, s: Move) -> tuple[Tensor, ...]:
    """X -= lr (g + wd x);  a += c (x - a)."""
    _, x, a = fields
    move(fields, s)
    foreach.lerp_(a, x, s.c)
    return ()
