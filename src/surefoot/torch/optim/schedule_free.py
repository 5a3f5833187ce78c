"""Schedule-Free AdamW and RAdam: good weights at any time, without a horizon."""

from __future__ import annotations

import math
from typing import Any, final

from torch import Tensor

from surefoot.torch.optim.averaging_points import Group, share
from surefoot.torch.optim.base import Work
from surefoot.torch.optim.eager import schedule_free as eager
from surefoot.torch.optim.kernel import Kernel
from surefoot.torch.optim.schedule_free_settings import Point, ScheduleFree, decays, mean, point, warmed

_STATE = ("z", "exp_avg_sq")
ADAMW = Kernel("schedule_free:adamw", ("p", "g", *_STATE), ("p", *_STATE), eager.adamw)
HEAVY = Kernel("schedule_free:heavy", ("p", "g", *_STATE, "exp_avg"), ("p", *_STATE, "exp_avg"), eager.heavy)


@final
class ScheduleFreeAdamW(ScheduleFree):
    """AdamW without a schedule: z takes the steps, x is their average, gradients are taken at y between them.

    With k the updates before this one, g the gradient at y, (b1, b2) ``betas``, all elementwise::

        a = lr (k+1)/warmup_steps while k < warmup_steps, then lr;     amax = max(amax, a)
        w = (k+1)^r amax^weight_lr_power;  W = W + w;  c = w/W
        v = b2 v + (1 - b2) g^2;   u = g/(sqrt(v/(1 - b2^(k+1))) + eps) + wd y
        z = z - a u;   x = (1 - c) x + c z;   y = (1 - b1) z + b1 x

    The parameters hold y in train mode and x in eval mode; see ``attach``, ``evaluating`` and ``evaluation_state_dict``
    for how x is saved. Options: ``averaging`` = C makes c = min(1, (1 - b1) C w/W), which tells the window of the
    average from b1 (None is C = 1/(1 - b1)); ``inner_momentum`` = m puts the mean of the gradients in the place of g
    (4 bytes more). The decay wd = ``weight_decay`` is coupled to the rate and taken at y, with ``decay_at="z"`` at z.
    z and v are float32 at least; gradients are left as they are. A parameter that never had a gradient is x, y and z.

    State: 8 bytes a parameter, and in eval mode one copy of it. It still needs: a rate (1 to 10 times that of a
    scheduled AdamW: do not reuse that one), a warmup (a few percent of the updates; an st.Scheduler that warms up does
    it too), and for long runs b1 of 0.95 or 0.98, to which it is sensitive. Where it loses: short runs, and any budget
    that is known beforehand, where a tuned AdamW with warmup and a decay to zero is matched at best. BatchNorm needs
    ``recalibrate_batchnorm`` before x is evaluated. A decaying schedule defeats its purpose. With bfloat16 parameters
    x is as exact as y is: prefer float32 parameters under autocast. Untested with ZeRO.
    Raises ArgumentError for an argument out of its range.

    >>> import torch
    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = ScheduleFreeAdamW([w], lr=0.1)
    >>> for _ in range(3):
    ...     w.grad = w.detach().clone()
    ...     optimizer.step()
    >>> y = w.item()
    >>> with optimizer.evaluating():
    ...     print(round(w.item(), 3))
    0.806
    >>> w.item() == y
    True

    Sources: Defazio et al., The Road Less Scheduled, arXiv 2405.15682, 2024; ``averaging``: Song et al., Through the
    River: Understanding the Benefit of Schedule-Free Methods for Language Model Training, arXiv 2507.09846, 2025.
    """

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
        averaging: float | None = None,
        inner_momentum: float = 0.0,
        decay_at: Point = "y",
        backend: str = "auto",
        skip_nonfinite: bool = True,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "warmup_steps": warmup_steps,
            "r": r,
            "weight_lr_power": weight_lr_power,
            "averaging": averaging,
            "inner_momentum": inner_momentum,
            "decay_at": decay_at,
        }
        super().__init__(params, defaults, backend=backend, skip_nonfinite=skip_nonfinite)

    def _begin(self, parameter: Tensor, group: Group) -> dict[str, Any]:
        k, m = group["k"], group["inner_momentum"]
        square = mean(parameter, 2, group["betas"][1], k)
        heavy = {"exp_avg": mean(parameter, 1, m, k)} if m else {}
        return {**point(parameter), "exp_avg_sq": square, **heavy}

    def _rate(self, group: Group) -> float:
        return warmed(group)

    def _advance(self, work: list[Work]) -> None:
        for part in work:
            group = part.group
            k, b2 = group["k"], group["betas"][1]
            now = share(group, rate := self._rate(group))
            root = 1 / math.sqrt(1 - b2 ** (k + 1))
            scalars = (rate, self._y_rate(group), now.c, *decays(group), b2, root, group["eps"])
            if m := group["inner_momentum"]:
                heavy = eager.HeavyScalars(*scalars, m, 1 / (1 - m ** (k + 1)))
                self._pass(HEAVY, self._rows(part, (*_STATE, "exp_avg")), heavy)
            else:
                self._pass(ADAMW, self._rows(part, _STATE), eager.AdamWScalars(*scalars))
            now.kept(group)


@final
class ScheduleFreeRAdam(ScheduleFree):
    """ScheduleFreeAdamW with the rectified rate of RAdam in the place of a warmup.

    With rho_inf = 2/(1 - b2) - 1 and rho = rho_inf - 2 t b2^t/(1 - b2^t), t = k + 1 from 1::

        a = lr sqrt((rho-4)(rho-2) rho_inf / ((rho_inf-4)(rho_inf-2) rho))     where rho > 4
        a = 0 before (the first 4 updates at b2 = 0.999); with silent_sgd_phase=False a = lr and u = g + wd y

    and the rest as in ScheduleFreeAdamW, whose documentation holds here too; c = 0 while W = 0. State: 8 bytes a
    parameter. It still needs a rate, and no warmup.

    >>> import torch
    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = ScheduleFreeRAdam([w], lr=0.1)
    >>> w.grad = torch.ones(1)
    >>> optimizer.step()
    >>> w.item(), optimizer.effective_lr
    (1.0, 0.0)

    Sources: as ScheduleFreeAdamW; Liu et al., On the Variance of the Adaptive Learning Rate and Beyond,
    arXiv 1908.03265, 2019.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 0.0025,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        r: float = 0.0,
        weight_lr_power: float = 2.0,
        silent_sgd_phase: bool = True,
        averaging: float | None = None,
        decay_at: Point = "y",
        backend: str = "auto",
        skip_nonfinite: bool = True,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "r": r,
            "weight_lr_power": weight_lr_power,
            "silent_sgd_phase": silent_sgd_phase,
            "averaging": averaging,
            "decay_at": decay_at,
        }
        super().__init__(params, defaults, backend=backend, skip_nonfinite=skip_nonfinite)

    def _begin(self, parameter: Tensor, group: Group) -> dict[str, Any]:
        return {**point(parameter), "exp_avg_sq": mean(parameter, 2, group["betas"][1], group["k"])}

    def _rate(self, group: Group) -> float:
        adapted = _rectified(group["k"] + 1, group["betas"][1])
        early = 0.0 if group["silent_sgd_phase"] else 1.0
        return float(group["lr"]) * (early if adapted is None else adapted)

    def _advance(self, work: list[Work]) -> None:
        for part in work:
            group = part.group
            b2, t = group["betas"][1], group["k"] + 1
            now = share(group, rate := self._rate(group))
            # Before v can be trusted nothing is divided by it.
            tame = _rectified(t, b2) is None
            root, eps = (0.0, 1.0) if tame else (1 / math.sqrt(1 - b2**t), group["eps"])
            scalars = eager.AdamWScalars(rate, self._y_rate(group), now.c, *decays(group), b2, root, eps)
            self._pass(ADAMW, self._rows(part, _STATE), scalars)
            now.kept(group)


def _rectified(t: int, b2: float) -> float | None:
    """Return the factor of the rate at update ``t`` from 1; None while v has seen too little."""
    whole = 2 / (1 - b2) - 1
    rho = whole - 2 * t * b2**t / (1 - b2**t)
    if rho <= 4:
        return None
    return math.sqrt((rho - 4) * (rho - 2) * whole / ((whole - 4) * (whole - 2) * rho))
