"""D-Adaptation for Lion."""

from __future__ import annotations

import math
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from surefoot.torch.optim.base import Group, Work, each
from surefoot.torch.optim.checking import betas_of
from surefoot.torch.optim.dadapt import LIMIT, Adapting, common, grown, working
from surefoot.torch.optim.eager import dadapt as eager
from surefoot.torch.optim.kernel import Kernel

_STATE = ("exp_avg", "s")
LION = Kernel("dadapt:lion", ("p", "g", *_STATE), ("p", *_STATE), eager.lion, sums=2)


@final
class DAdaptLion(Adapting):
    """Lion at the rate d lr, where d is an estimate of the distance from the start to the solution; an experiment.

    With (b1, b2) ``betas``, q = sqrt(b2), wd ``weight_decay``, all elementwise, sums over all groups, and d as the
    update before left it::

        e = d lr        u = sign(b1 m + (1 - b1) g)        a = sum e <u, s>
        p = p - e wd p - e u        m = b2 m + (1 - b2) e g        s = q s + (1 - q) e u
        num = q num + (1 - q) a        d = max(d, min(num/((1 - q) sum |s|), d growth_rate, d_limit))

    m holds gradients times e, but is added to a gradient that is not: while d is small, u is the sign of the gradient
    alone. That is the reference's own form, kept here; it has been tested little, and no paper derives it.
    d begins at ``d0``; gradients whose signs never change let it grow to ``d_limit``, no further.

    State: 8 bytes a parameter (float32). It still needs a schedule: the one that you would use anyway, with a peak
    ``lr`` of 1. Where it loses: a tuned Lion or AdamW; d is that of the signs and tends to come out large. Raises
    ArgumentError for an argument out of its range, and in ``step`` where rates of groups differ.

    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = DAdaptLion([w])
    >>> for _ in range(10):
    ...     w.grad = w.detach().clone()
    ...     optimizer.step()
    >>> 1e-6 < optimizer.d < 1
    True

    Source: the dadaptation package, release 3.2, 2023, after Defazio and Mishchenko, Learning-Rate-Free Learning by
    D-Adaptation, arXiv 2301.07733, 2023, and Chen et al., Symbolic Discovery of Optimization Algorithms, arXiv
    2302.06675, 2023.
    """

    _sums: ClassVar[tuple[str, ...]] = ("numerator_weighted",)
    _agreed: ClassVar[tuple[str, ...]] = ("betas",)

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        d0: float = 1e-6,
        growth_rate: float = math.inf,
        d_limit: float = LIMIT,
        backend: str = "auto",
        skip_nonfinite: bool = True,
    ) -> None:
        defaults = {**common(lr, weight_decay, d0, growth_rate, d_limit), "betas": betas_of(betas)}
        super().__init__(params, defaults, backend=backend, skip_nonfinite=skip_nonfinite)

    def _begin(self, parameter: Tensor, _group: Group) -> dict[str, Any]:
        return {name: torch.zeros_like(parameter, dtype=working(parameter)) for name in _STATE}

    def _advance(self, groups: list[Group], parts: list[Work], lr: float) -> None:
        head = groups[0]
        e, q = self._rate(head, lr), math.sqrt(head["betas"][1])
        along = size = 0.0
        for part in parts:
            b1, b2 = part.group["betas"]
            s = eager.LionScalars(part.group["weight_decay"], e, float(b1), float(b2), (1 - b2) * e, q, (1 - q) * e)
            here, long = self._pass(LION, self._rows(part, _STATE), s)
            along += e * here
            size += long
        if size:
            num = q * head["numerator_weighted"] + (1 - q) * along
            each(groups, numerator_weighted=num, d=grown(head, num / ((1 - q) * size)), k=head["k"] + 1)
