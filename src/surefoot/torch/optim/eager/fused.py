"""torch's fused AdamW on a CPU, which does in one pass over memory what takes seven of plain operations."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor


def suits(tensors: list[Tensor], b2: float) -> bool:
    """Say whether the operation is there for these: it has no public name, so what it does is tried out first.

    It counts updates in float32, which is not exact enough for float64.
    """
    return tensors[0].is_cpu and tensors[0].dtype == torch.float32 and 0 < b2 < 1 and _works()


def adam(z: list[Tensor], g: list[Tensor], v: list[Tensor], *, lr: float, b2: float, root: float, eps: float) -> None:
    """Do v = b2 v + (1 - b2) g^2 and z -= lr g/(sqrt(v) root + eps); ``root`` is 1/sqrt(1 - b2^k)."""
    # The average of gradients has to be somewhere: with b1 = 0 it is a copy of the gradient. Zeros, as 0 NaN is NaN.
    spare = [torch.zeros_like(t) for t in z]
    steps = [torch.tensor(_updates(b2, root))] * len(z)
    torch._fused_adamw_(
        z, g, spare, v, [], steps,
        amsgrad=False, lr=lr, beta1=0.0, beta2=b2, weight_decay=0.0, eps=eps, maximize=False,
    )  # fmt: skip


def _updates(b2: float, root: float) -> float:
    """Return the k of which ``root`` is 1/sqrt(1 - b2^k).

    >>> round(_updates(0.999, 1 / math.sqrt(1 - 0.999**20)), 6)
    20.0
    """
    left = 1 - 1 / root**2
    return math.log(left) / math.log(b2) if left > 0 else 1e9


@cache
def _works() -> bool:
    one, g, v = torch.ones(1), torch.ones(1), torch.zeros(1)
    try:
        adam([one], [g], [v], lr=0.25, b2=0.5, root=1 / math.sqrt(0.5), eps=0.0)
    except (AttributeError, RuntimeError, TypeError):
        return False
    return abs(one.item() - 0.75) < 1e-6 and v.item() == 0.5 and g.item() == 1.0
