"""Adam's pass, in torch."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from surefoot.torch.optim.eager import foreach
from surefoot.torch.optim.kernel import Fields


class AdamScalars(NamedTuple):
    """lr/(1 - b1^t), what the weights keep of themselves, b1, the b2 of this update, 1/sqrt(1 - b2^t), and eps."""

    lr: float
    keep: float
    b1: float
    b2: float
    root: float
    eps: float


def adam(fields: Fields, s: AdamScalars) -> tuple[Tensor, ...]:
    """M = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;  p = keep p - lr m/(sqrt(v) root + eps)."""
    p, g, m, v = fields
    foreach.lerp_(m, g, 1 - s.b1)
    foreach.mul_(v, s.b2)
    foreach.addcmul_(v, g, g, value=1 - s.b2)
    below = foreach.sqrt(v)
    foreach.mul_(below, s.root)
    foreach.add_(below, s.eps)
    if s.keep != 1:
        foreach.mul_(p, s.keep)
    foreach.addcdiv_(p, m, below, value=-s.lr)
    return ()
