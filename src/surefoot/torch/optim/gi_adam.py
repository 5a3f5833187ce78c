"""GI-Adam: Adam whose second moment begins at the first gradient, which is a warmup of its own."""

from __future__ import annotations

import math
from typing import Any, final

import torch
from torch import Tensor

from surefoot.torch.optim.base import Group, Method, Work
from surefoot.torch.optim.checking import betas_of, between
from surefoot.torch.optim.eager import gi_adam as eager
from surefoot.torch.optim.kernel import Kernel
from surefoot.torch.optim.wrapping import alike

ADAM = Kernel("gi_adam:adam", ("p", "g", "exp_avg", "exp_avg_sq"), ("p", "exp_avg", "exp_avg_sq"), eager.adam)


@final
class GIAdam(Method):
    """AdamW whose second moment begins at the square of the first gradient g0: an automatic warmup.

    With t the number of a parameter's updates from 1, (b1, b2) ``betas``, all elementwise::

        m = b1 m + (1 - b1) g        v = g0^2 at t = 1, then b2 v + (1 - b2) g^2
        p = p - lr wd p - lr m/(1 - b1^t) / (sqrt(v/(1 - b2^t)) + eps)

    v alone does not begin at 0, so dividing it by 1 - b2^t makes early updates small: those of Adam times
    sqrt(1 - b2^t) while gradients are steady (0.03 at the first update, 0.31 at t = 100, 0.80 at t = 1000 for
    b2 = 0.999; derived). ``effective_lr`` is lr times that factor.

    State: 8 bytes a parameter (float32). It still needs the rate and its decay; not the warmup. Where it loses: it
    is Adam afterwards, so a badly chosen rate costs what it costs Adam, and an entry whose first gradient is 0 has no
    warmup. Raises ArgumentError for an argument out of its range.

    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = GIAdam([w], lr=0.1)
    >>> w.grad = torch.ones(1)
    >>> optimizer.step()
    >>> round(1 - w.item(), 6)
    0.003162

    Source: Kalra and Barkeshli, Why Warmup the Learning Rate? Underlying Mechanisms and Improvements,
    arXiv 2406.09405, 2024.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        backend: str = "auto",
        skip_nonfinite: bool = True,
    ) -> None:
        defaults = {
            "lr": between("lr", lr, 0),
            "betas": betas_of(betas),
            "eps": between("eps", eps, 0),
            "weight_decay": between("weight_decay", weight_decay, 0),
        }
        super().__init__(params, defaults, backend=backend, skip_nonfinite=skip_nonfinite)

    @property
    def effective_lr(self) -> float:
        """The largest rate of a group times sqrt(1 - b2^t), t being the next update of its oldest parameter."""
        return max(
            float(group["lr"]) * math.sqrt(1 - group["betas"][1] ** (self._age(group) + 1))
            for group in self.param_groups
        )

    def _age(self, group: Group) -> int:
        return max((int(self.state[p]["step"]) for p in group["params"] if p in self.state), default=0)

    def _begin(self, parameter: Tensor, _group: Group) -> dict[str, Any]:
        work = torch.promote_types(parameter.dtype, torch.float32)
        zeros = torch.zeros_like(parameter, dtype=work)
        return {"step": torch.tensor(0.0), "exp_avg": zeros, "exp_avg_sq": torch.zeros_like(zeros)}

    def _update(self, work: list[Work]) -> None:
        for state in (state for part in work for state in part.states):
            state["step"] += 1
        # A parameter that came later has its own warmup, which its own count of updates makes.
        for t, parts in alike(work, lambda _, state: int(state["step"])).items():
            for part in parts:
                self._pass(ADAM, self._rows(part, ("exp_avg", "exp_avg_sq")), _scalars(part.group, t))


def _scalars(group: Group, t: int) -> eager.AdamScalars:
    lr = float(group["lr"])
    b1, b2 = group["betas"]
    return eager.AdamScalars(
        lr=lr / (1 - b1**t),
        keep=1 - lr * group["weight_decay"],
        b1=b1,
        # With b2 = 0 the first update leaves v at the square of its gradient.
        b2=b2 if t > 1 else 0.0,
        root=1 / math.sqrt(1 - b2**t),
        eps=group["eps"],
    )
