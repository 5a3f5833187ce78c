"""Schedule-Free: optimizers that need no horizon."""

from __future__ import annotations

import math
from typing import Any, final

import torch
from torch import Tensor

from surefoot.torch.optim.base import Group, Method, Work
from surefoot.torch.optim.eager import schedule_free as eager
from surefoot.torch.optim.kernel import Kernel

ADAMW = Kernel("schedule_free:adamw", ("p", "g", "z", "exp_avg_sq"), ("p", "z", "exp_avg_sq"), eager.adamw)


@final
class ScheduleFreeAdamW(Method):
    """AdamW without a schedule."""

    def __init__(
        self,
        params: Any,
        lr: float = 0.0025,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        warmup_steps: int = 0,
        r: float = 0.0,
        weight_lr_power: float = 2.0,
        backend: str = "auto",
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "warmup_steps": warmup_steps,
            "r": r,
            "weight_lr_power": weight_lr_power,
            "k": 0,
            "weight_sum": 0.0,
            "lr_max": -1.0,
        }
        super().__init__(params, defaults, backend=backend)

    @property
    def effective_lr(self) -> float:
        return 0.0

    def _begin(self, parameter: Tensor, _group: Group) -> dict[str, Any]:
        work = torch.promote_types(parameter.dtype, torch.float32)
        return {"z": parameter.detach().to(work, copy=True), "exp_avg_sq": torch.zeros_like(parameter, dtype=work)}

    def _update(self, work: list[Work]) -> None:
        for part in work:
            g = part.group
            k: int = g["k"]
            b1, b2 = g["betas"]
            lr = g["lr"] * min((k + 1) / g["warmup_steps"], 1) if g["warmup_steps"] else g["lr"]
            g["lr_max"] = max(g["lr_max"], lr)
            weight = (k + 1) ** g["r"] * g["lr_max"] ** g["weight_lr_power"]
            g["weight_sum"] += weight
            c = weight / g["weight_sum"] if g["weight_sum"] else 0.0
            s = eager.AdamWScalars(
                lr, lr * (1 - b1 * (1 - c)), c, g["weight_decay"], b2, 1 / math.sqrt(1 - b2 ** (k + 1)), g["eps"]
            )
            self._pass(ADAMW, self._rows(part, ("z", "exp_avg_sq")), s)
            g["k"] = k + 1
