"""D-Adaptation for SGD, by dual averaging."""

from __future__ import annotations

import math
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from surefoot.torch.optim.base import Group, Work, each
from surefoot.torch.optim.checking import between
from surefoot.torch.optim.dadapt import LIMIT, Adapting, common, grown, working
from surefoot.torch.optim.eager import dadapt as eager
from surefoot.torch.optim.kernel import Kernel
from surefoot.torch.optim.skipping import left_out

SQUARE = Kernel("dadapt:square", ("p", "g"), (), eager.square, sums=1)
SGD = Kernel("dadapt:sgd", ("p", "g", "s", "x0"), ("p", "s"), eager.sgd, sums=2, stored=("p", "g", "x0"))


@final
class DAdaptSGD(Adapting):
    """SGD by dual averaging at the rate d lr/G0, where d estimates, from below, the distance to the solution.

    G0 is the norm of the first gradient that is not 0. With x0 the weights at the start, s = 0 and num = 0 there, wd
    ``weight_decay``, sums over all groups, and d as the update before left it::

        e = d lr/G0        g = g + wd p        num = num + e <g, s>        s = s + e g
        p = momentum p + (1 - momentum)(x0 - s)
        d = max(d, min(2 num/||s||, d growth_rate, d_limit))

    ``p.grad`` stays as it is. d begins at ``d0``. A gradient that never changes lets d grow to ``d_limit``, no further.
    The reference moves p in a second pass and keeps z = x0 - s as well, with the same numbers.

    State: 8 bytes a parameter (float32). It still needs a schedule: the one that you would use anyway, with a peak
    ``lr`` of 1. Where it loses: dual averaging holds on to its start, and G0 to one batch, so tuned SGD with momentum
    is matched at best; weights in bfloat16 lose small moves where there is momentum. ``effective_lr`` is 0 until G0 is
    known. Raises ArgumentError for an argument out of its range, and in ``step`` where rates of groups differ.

    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = DAdaptSGD([w])
    >>> for _ in range(40):
    ...     w.grad = w.detach().clone()
    ...     optimizer.step()
    >>> 0.1 < optimizer.d <= 1
    True

    Source: Defazio and Mishchenko, Learning-Rate-Free Learning by D-Adaptation, arXiv 2301.07733, 2023.
    """

    _sums: ClassVar[tuple[str, ...]] = ("numerator_weighted", "g0_norm")
    _agreed: ClassVar[tuple[str, ...]] = ("momentum",)

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        *,
        momentum: float = 0.0,
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
        }
        super().__init__(params, defaults, backend=backend, skip_nonfinite=skip_nonfinite)

    def _begin(self, parameter: Tensor, _group: Group) -> dict[str, Any]:
        return {"s": torch.zeros_like(parameter, dtype=working(parameter)), "x0": parameter.detach().clone()}

    def _rate(self, group: Group, lr: float) -> float:
        return float(group["d"]) * lr / group["g0_norm"] if group["g0_norm"] else 0.0

    def _advance(self, groups: list[Group], parts: list[Work], lr: float) -> None:
        head = groups[0]
        if not head["g0_norm"]:
            above = sum(self._pass(SQUARE, self._rows(part, ()), eager.SquareScalars())[0] for part in parts)
            if not math.isfinite(above):
                left_out(self)
            if not 0 < above < math.inf:
                return
            each(groups, g0_norm=math.sqrt(above))
        e = self._rate(head, lr)
        num, square = head["numerator_weighted"], 0.0
        for part in parts:
            s = eager.SGDScalars(float(part.group["weight_decay"]), e, float(part.group["momentum"]))
            along, long = self._pass(SGD, self._rows(part, ("s", "x0")), s)
            num += e * along
            square += long
        if square:
            each(groups, numerator_weighted=num, d=grown(head, 2 * num / math.sqrt(square)), k=head["k"] + 1)
