"""MoMo: SGD and Adam whose rate is capped by what a model of the loss leaves to gain."""

from __future__ import annotations

import math
from typing import Any, final

import torch
from torch import Tensor

from surefoot.torch.optim.base import Group, Work
from surefoot.torch.optim.capped import Capped
from surefoot.torch.optim.checking import betas_of, between
from surefoot.torch.optim.eager import momo as eager
from surefoot.torch.optim.kernel import Kernel

_SGD, _ADAM = ("p", "g", "exp_avg"), ("p", "g", "exp_avg", "exp_avg_sq")
WATCH = Kernel("momo:watch", _SGD, ("exp_avg",), eager.watch, sums=3)
APPLY = Kernel("momo:apply", _SGD, ("p",), eager.apply)
WATCH_ADAM = Kernel("momo:watch_adam", _ADAM, ("exp_avg", "exp_avg_sq"), eager.watch_adam, sums=3)
APPLY_ADAM = Kernel("momo:apply_adam", _ADAM, ("p",), eager.apply_adam)


@final
class MoMoSGD(Capped):
    """SGD with an averaged gradient, whose rate is capped where a model of the loss would fall below its lower bound.

    With f the loss of the batch, g its gradient at weights x, m, F and y the averages by ``beta`` of g, f and <g, x>
    (all begin with the first value; rho = 1. With ``bias_correction`` they begin at 0, rho = 1 - beta^t), c = 1 + lr wd
    and lb ``lower_bound``::

        rate = min(lr/rho, max(0, c (F - rho lb - y) + <m, x>)/|m|^2)        x = (x - rate m)/c

    With several groups the same share of each group's rate stands. ``adapt_lower_bound`` moves lb with what the model
    gains (section 4 of the paper). ``step`` needs the loss: ``step(loss=loss)`` after ``backward()``, or a closure; in
    distributed training the mean of all processes. ``effective_lr`` is the share that stood times lr.

    State: 4 bytes a parameter. It still needs a rate, which may be too large by some powers of ten, the schedule that
    goes with it, and a lower bound that is nearly reached: where the loss ends far above 0 and the bound is 0, the cap
    hardly ever binds. Where it loses: it never takes a larger rate than it is given, so one that is too low stays too
    low. Raises ArgumentError for an argument out of its range, and for a step without a loss.

    >>> w = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
    >>> optimizer = MoMoSGD([w], lr=100.0)
    >>> loss = (w * w).sum() / 2
    >>> loss.backward()
    >>> _ = optimizer.step(loss=loss)
    >>> optimizer.effective_lr, w.tolist()
    (0.5, [1.5, 2.0])

    Source: Schaipp, Ohana, Eickenberg, Defazio and Gower, MoMo: Momentum Models for Adaptive Learning Rates,
    arXiv 2305.07583, 2023.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        *,
        beta: float = 0.9,
        weight_decay: float = 0.0,
        lower_bound: float = 0.0,
        adapt_lower_bound: bool = False,
        bias_correction: bool = False,
        backend: str = "auto",
        skip_nonfinite: bool = True,
    ) -> None:
        defaults = {
            **_shared(lr, weight_decay, lower_bound, adapts=adapt_lower_bound),
            "beta": between("beta", beta, 0, 1),
            "bias_correction": bias_correction,
        }
        super().__init__(params, defaults, backend=backend, skip_nonfinite=skip_nonfinite)

    def _begin(self, parameter: Tensor, _group: Group) -> dict[str, Any]:
        return {"exp_avg": torch.zeros_like(parameter, dtype=torch.promote_types(parameter.dtype, torch.float32))}

    def _beta(self, k: int) -> float:
        first = self.param_groups[0]
        beta: float = first["beta"]
        return beta if k or first["bias_correction"] else 0.0

    def _rho(self, k: int) -> float:
        first = self.param_groups[0]
        rho: float = 1 - first["beta"] ** (k + 1) if first["bias_correction"] else 1.0
        return rho

    def _watch(self, part: Work, k: int) -> tuple[float, float, float]:
        beta = self._beta(k)
        mx, gx, mm = self._pass(WATCH, self._rows(part, ("exp_avg",)), eager.Watch(beta, 0.0, 1.0, 0.0))
        return mx, gx, mm

    def _move(self, part: Work, rate: float, keep: float, k: int) -> None:  # noqa: ARG002  Adam's needs it
        self._pass(APPLY, self._rows(part, ("exp_avg",)), eager.Apply(rate, keep, 1.0, 0.0))


@final
class MoMoAdam(Capped):
    """Adam whose rate is capped where a model of the loss would fall below its lower bound.

    As MoMoSGD with b1 for ``beta`` and bias correction, |m|^2 being <m, m/D> with D = sqrt(v/(1 - b2^t)) + eps and
    v = b2 v + (1 - b2) g^2::

        rate = min(lr/(1 - b1^t), max(0, c (F - (1 - b1^t) lb - y) + <m, x>)/<m, m/D>)        x = (x - rate m/D)/c

    State: 8 bytes a parameter. What it needs, where it loses, how the loss gets in and what ``effective_lr`` is: as
    with MoMoSGD. Raises ArgumentError for an argument out of its range, and for a step without a loss.

    Source: Schaipp, Ohana, Eickenberg, Defazio and Gower, MoMo: Momentum Models for Adaptive Learning Rates,
    arXiv 2305.07583, 2023.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-2,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        lower_bound: float = 0.0,
        adapt_lower_bound: bool = False,
        backend: str = "auto",
        skip_nonfinite: bool = True,
    ) -> None:
        defaults = {
            **_shared(lr, weight_decay, lower_bound, adapts=adapt_lower_bound),
            "betas": betas_of(betas),
            "eps": between("eps", eps, 0),
        }
        super().__init__(params, defaults, backend=backend, skip_nonfinite=skip_nonfinite)

    def _begin(self, parameter: Tensor, _group: Group) -> dict[str, Any]:
        m = torch.zeros_like(parameter, dtype=torch.promote_types(parameter.dtype, torch.float32))
        return {"exp_avg": m, "exp_avg_sq": torch.zeros_like(m)}

    def _beta(self, k: int) -> float:  # noqa: ARG002  SGD's needs it
        beta: float = self.param_groups[0]["betas"][0]
        return beta

    def _rho(self, k: int) -> float:
        return 1 - self._beta(k) ** (k + 1)

    def _watch(self, part: Work, k: int) -> tuple[float, float, float]:
        (b1, b2), eps = part.group["betas"], part.group["eps"]
        scalars = eager.Watch(b1, b2, _root(b2, k), eps)
        mx, gx, mm = self._pass(WATCH_ADAM, self._rows(part, ("exp_avg", "exp_avg_sq")), scalars)
        return mx, gx, mm

    def _move(self, part: Work, rate: float, keep: float, k: int) -> None:
        scalars = eager.Apply(rate, keep, _root(part.group["betas"][1], k), part.group["eps"])
        self._pass(APPLY_ADAM, self._rows(part, ("exp_avg", "exp_avg_sq")), scalars)


def _root(b2: float, k: int) -> float:
    return 1 / math.sqrt(1 - b2 ** (k + 1))


def _shared(lr: float, weight_decay: float, lower_bound: float, *, adapts: bool) -> dict[str, Any]:
    return {
        "lr": between("lr", lr, 0),
        "weight_decay": between("weight_decay", weight_decay, 0),
        "lower_bound": between("lower_bound", lower_bound, -math.inf),
        "adapt_lower_bound": adapts,
        "bound": None,
        "k": 0,
        "loss_avg": 0.0,
        "gamma": 0.0,
        "share": 1.0,
    }
