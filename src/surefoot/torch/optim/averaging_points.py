"""The points of Schedule-Free: z takes the steps, x is the average of z, y between them is where gradients are taken.

    y = (1 - b1) z + b1 x        hence        x = y + (1 - 1/b1)(z - y)

Source: Defazio et al., The Road Less Scheduled, arXiv 2405.15682, 2024.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Group = dict[str, Any]
State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Share:
    """The weight ``c`` of z in its average at one update, and the sums that lead to the next update's."""

    c: float
    lr_max: float
    weight_sum: float

    def kept(self, group: Group) -> None:
        """Write the sums into ``group`` and count the update."""
        group.update(lr_max=self.lr_max, weight_sum=self.weight_sum, k=group["k"] + 1)


def share(group: Group, lr: float) -> Share:
    """Return the Share of the next update, whose rate is ``lr``; nothing is written.

    With k the updates before it: amax = max(amax, lr), w = (k+1)^r amax^weight_lr_power, W = W + w, c = w/W, and 0
    while W is 0. With ``averaging`` = C: c = min(1, (1 - b1) C w/W); C = 1/(1 - b1) is the same as None.
    """
    lr_max = max(group["lr_max"], lr)
    weight = (group["k"] + 1) ** group["r"] * lr_max ** group["weight_lr_power"]
    total = group["weight_sum"] + weight
    c = weight / total if total else 0.0
    if group.get("averaging") is not None:
        c = min(1.0, (1 - beta(group)) * group["averaging"] * c)
    return Share(c, lr_max, total)


def beta(group: Group) -> float:
    """Return the share b1 of x in y, as the group says now."""
    return float(group["betas"][0] if "betas" in group else group["momentum"])


def x_of(y: Tensor, z: Tensor, b1: float) -> Tensor:
    """Return the average, in the type of ``y``."""
    return _between(y, z, 1 - 1 / b1)


def y_of(x: Tensor, z: Tensor, b1: float) -> Tensor:
    """Return where gradients are taken, in the type of ``x``."""
    return _between(x, z, 1 - b1)


def remixed(y: Tensor, z: Tensor, before: float, after: float) -> Tensor:
    """Return the y of the same x and z for another b1."""
    return _between(y, z, 1 - after / before)


def _between(a: Tensor, b: Tensor, weight: float) -> Tensor:
    wide = a.detach().to(b.dtype)
    return torch.add(wide, b - wide, alpha=weight).to(a.dtype)
