"""D-Adaptation for Adam."""

from __future__ import annotations

import math
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from surefoot.torch.optim.base import Group, Work, each
from surefoot.torch.optim.checking import above, betas_of
from surefoot.torch.optim.dadapt import LIMIT, Adapting, common, decays, grown, working
from surefoot.torch.optim.eager import dadapt as eager
from surefoot.torch.optim.kernel import Kernel

_STATE = ("exp_avg", "exp_avg_sq", "s")
ADAM = Kernel("dadapt:adam", ("p", "g", *_STATE), ("p", *_STATE), eager.adam, sums=2)


@final
class DAdaptAdam(Adapting):
    """Adam at the rate d lr, where d is an estimate, from below, of the distance from the start to the solution.

    With k updates done, (b1, b2) ``betas``, q = sqrt(b2), r the ``layer_scale`` of a group, wd ``weight_decay``, all
    elementwise, sums over all groups, and d as the update before left it::

        e = d lr                                      times sqrt(1 - b2^(k+1))/(1 - b1^(k+1)) if use_bias_correction
        a = sum r e <g, s/(sqrt(v) + eps)>
        m = b1 m + (1 - b1) r e g        v = b2 v + (1 - b2) g^2        s = q s + (1 - q) e g
        p = p - e wd p - m/(sqrt(v) + eps)
        num = q num + (1 - q) a          d = max(d, min(num/((1 - q) sum r |s|), d growth_rate, d_limit))

    Decay is AdamW's with ``decouple``, otherwise wd p is added to g (``p.grad`` stays as it is). d begins at ``d0``;
    a smaller one costs a few updates more. A gradient that never changes lets d grow to ``d_limit``, no further.
    The reference computes d before it moves p, which takes a second pass and gives the same numbers.

    State: 12 bytes a parameter (float32). It still needs a schedule: the one that you would use anyway, with a peak
    ``lr`` of 1 (0.5 to 2 where d comes out wrong), its warmup included, and more weight decay than a hand-tuned run.
    Where it loses: d can come out several times too large or small, so a tuned AdamW with warmup and cosine is matched
    at best; its authors now point to Prodigy. Groups scale their rates with ``layer_scale`` alone. Where all gradients
    are 0 at first, decoupled decay alone moves the weights. Raises ArgumentError for an argument out of its range, and
    in ``step`` where rates of groups differ.

    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = DAdaptAdam([w])
    >>> for _ in range(10):
    ...     w.grad = w.detach().clone()
    ...     optimizer.step()
    >>> 0.1 < optimizer.d < 1
    True

    Source: Defazio and Mishchenko, Learning-Rate-Free Learning by D-Adaptation, arXiv 2301.07733, 2023.
    """

    _sums: ClassVar[tuple[str, ...]] = ("numerator_weighted",)
    _agreed: ClassVar[tuple[str, ...]] = ("betas", "use_bias_correction")
    _apart: ClassVar[str] = "scale a group with its layer_scale, 0 leaves it as it is"

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decouple: bool = False,
        use_bias_correction: bool = False,
        layer_scale: float = 1.0,
        d0: float = 1e-6,
        growth_rate: float = math.inf,
        d_limit: float = LIMIT,
        backend: str = "auto",
        skip_nonfinite: bool = True,
    ) -> None:
        defaults = {
            **common(lr, weight_decay, d0, growth_rate, d_limit),
            "betas": betas_of(betas),
            "eps": above("eps", eps),
            "decouple": decouple,
            "use_bias_correction": use_bias_correction,
            "layer_scale": above("layer_scale", layer_scale),
        }
        super().__init__(params, defaults, backend=backend, skip_nonfinite=skip_nonfinite)

    def _begin(self, parameter: Tensor, _group: Group) -> dict[str, Any]:
        return {name: torch.zeros_like(parameter, dtype=working(parameter)) for name in _STATE}

    def _advance(self, groups: list[Group], parts: list[Work], lr: float) -> None:
        head = groups[0]
        e, q = self._rate(head, lr), math.sqrt(head["betas"][1])
        along = size = 0.0
        for part in parts:
            r = float(part.group["layer_scale"])
            here, long = self._pass(ADAM, self._rows(part, _STATE), _scalars(part.group, e, r, q))
            along += r * e * here
            size += r * long
        if size:
            num = q * head["numerator_weighted"] + (1 - q) * along
            each(groups, numerator_weighted=num, d=grown(head, num / ((1 - q) * size)), k=head["k"] + 1)


def _scalars(group: Group, e: float, r: float, q: float) -> eager.AdamScalars:
    coupled, decay = decays(group)
    b1, b2 = group["betas"]
    return eager.AdamScalars(
        coupled=coupled,
        e=e,
        decay=decay,
        b1=float(b1),
        take=(1 - b1) * r * e,
        b2=float(b2),
        rest=1.0 - b2,
        q=q,
        push=(1 - q) * e,
        eps=float(group["eps"]),
    )
