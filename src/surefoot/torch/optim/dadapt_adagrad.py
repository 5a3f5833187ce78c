"""D-Adaptation for AdaGrad."""

from __future__ import annotations

import math
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from surefoot.torch.optim.base import Group, Work, each
from surefoot.torch.optim.checking import above, between
from surefoot.torch.optim.dadapt import LIMIT, Adapting, common, grown, working
from surefoot.torch.optim.eager import dadapt as eager
from surefoot.torch.optim.kernel import Kernel

_STATE = ("alpha", "s", "x0")
ADAGRAD = Kernel("dadapt:adagrad", ("p", "g", *_STATE), ("p", "alpha", "s"), eager.adagrad, 3, stored=("p", "g", "x0"))
BEGIN = 1e-6


@final
class DAdaptAdaGrad(Adapting):
    """AdaGrad at the rate d lr, where d is an estimate, from below, of the distance from the start to the solution.

    With x0 the weights at the start, s = 0 and alpha = 1e-6 there, wd ``weight_decay``, all elementwise, sums over all
    groups, and d as the update before left it::

        g = g + wd p        alpha = alpha + g^2        h = sqrt(alpha) + eps        s = s + d lr g
        G = G + (d lr)^2 sum g^2/h
        p = momentum p + (1 - momentum)(x0 - s/h)
        d = max(d, min((sum s^2/h - G)/sum |s|, d growth_rate, d_limit))

    ``p.grad`` stays as it is. d begins at ``d0``. Gradients must be dense. A gradient that never changes lets d grow
    to ``d_limit`` at most. The reference moves p in a second pass, with the same numbers.

    State: 12 bytes a parameter (float32). It still needs a schedule: the one that you would use anyway, with a peak
    ``lr`` of 1. Where it loses: d comes late (in 60 updates of a quadratic it is a thousandth of what DAdaptAdam finds
    in 20); its authors advise DAdaptAdam or DAdaptSGD instead. Raises ArgumentError for an argument out of its range,
    and in ``step`` where rates of groups differ.

    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = DAdaptAdaGrad([w])
    >>> for _ in range(10):
    ...     w.grad = w.detach().clone()
    ...     optimizer.step()
    >>> 1e-6 < optimizer.d < 1
    True

    Source: Defazio and Mishchenko, Learning-Rate-Free Learning by D-Adaptation, arXiv 2301.07733, 2023.
    """

    _sums: ClassVar[tuple[str, ...]] = ("gsq_weighted", "sksq_weighted", "skl1")
    _agreed: ClassVar[tuple[str, ...]] = ("momentum",)

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        *,
        momentum: float = 0.0,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        d0: float = 1e-6,
        growth_rate: float = math.inf,
        d_limit: float = LIMIT,
        backend: str = "auto",
        skip_nonfinite: bool = True,
    ) -> None:
        defaults = {
            **common(lr, weight_decay, d0, growth_rate, d_limit),
            "momentum": between("momentum", momentum, 0, 1),
            "eps": above("eps", eps),
        }
        super().__init__(params, defaults, backend=backend, skip_nonfinite=skip_nonfinite)

    def _begin(self, parameter: Tensor, _group: Group) -> dict[str, Any]:
        kind = working(parameter)
        return {
            "alpha": torch.full_like(parameter, BEGIN, dtype=kind),
            "s": torch.zeros_like(parameter, dtype=kind),
            "x0": parameter.detach().clone(),
        }

    def _advance(self, groups: list[Group], parts: list[Work], lr: float) -> None:
        head = groups[0]
        e = self._rate(head, lr)
        paid, reached, size = head["gsq_weighted"], head["sksq_weighted"], head["skl1"]
        for part in parts:
            g = part.group
            s = eager.AdaGradScalars(float(g["weight_decay"]), e, float(g["momentum"]), float(g["eps"]))
            weighed, gained, longer = self._pass(ADAGRAD, self._rows(part, _STATE), s)
            paid += e * e * weighed
            reached += gained
            size += longer
        if size > 0:
            d = grown(head, (reached - paid) / size)
            each(groups, gsq_weighted=paid, sksq_weighted=reached, skl1=size, d=d, k=head["k"] + 1)
