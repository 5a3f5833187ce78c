"""Prodigy with Schedule-Free's averages: an experiment."""

from __future__ import annotations

import math
import warnings
from typing import Any, final

import torch
from torch import Tensor

from surefoot.torch.optim.averaging import Averaged
from surefoot.torch.optim.averaging_points import share
from surefoot.torch.optim.base import Group, Work, each
from surefoot.torch.optim.checking import above, betas_of, between
from surefoot.torch.optim.dadapt import LIMIT, common, joining, one_rate, working
from surefoot.torch.optim.eager import prodigy as eager
from surefoot.torch.optim.kernel import Kernel
from surefoot.torch.optim.prodigy import estimate
from surefoot.torch.optim.schedule_free_settings import point

EXPERIMENT = (
    "ProdigyScheduleFree is an experiment: the method scored 0 in AlgoPerf 0.5, where Schedule-Free AdamW won. "
    "Take Prodigy with a schedule, or ScheduleFreeAdamW."
)
_STATE = ("z", "exp_avg_sq", "s", "p0")
AVERAGED = Kernel(
    "prodigy:averaged",
    ("p", "g", *_STATE),
    ("p", "z", "exp_avg_sq", "s"),
    eager.averaged,
    sums=2,
    stored=("p", "g", "p0"),
)


@final
class ProdigyScheduleFree(Averaged):
    """Prodigy whose weights are Schedule-Free's averages; an experiment, which scored 0 in AlgoPerf 0.5.

    With k the updates before this one, g the gradient at y, (b1, b2) ``betas``, b3 ``beta3`` (sqrt(b2) if None), p0
    the weights at the start, all elementwise, sums over all groups, and d as the update before left it::

        e = d lr                     times sqrt(1 - b2^(k+1)) if use_bias_correction
        num = b3 num + (d/d0) e sum <g, p0 - y>;   s = b3 s + (d/d0) e g
        v = b2 v + (1 - b2) d^2 g^2;   u = d g/(sqrt(v) + d eps) + wd y
        w = max(e so far)^2;   W = W + w;   c = w/W
        z = z - e u;   x = (1 - c) x + c z;   y = (1 - b1) z + b1 x
        d_hat = d_coef num/sum |s|        d_max = max(d_max, d_hat)        d = min(d_max, d growth_rate, d_limit)

    The parameters hold y in train mode and x in eval mode, with all that ScheduleFreeAdamW says of saving x. Groups
    have one d, and rates that are equal or 0, as in Prodigy. Building one warns that it is an experiment.

    State: 16 bytes a parameter (float32), and in eval mode one copy of it. It needs no schedule and a peak ``lr`` of
    1. Where it loses: everywhere that was measured; while d grows, v remembers a smaller one and steps are up to
    1/sqrt(1 - b2) times too long. Raises ArgumentError for an argument out of its range.

    >>> import warnings
    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> with warnings.catch_warnings(action="ignore"):
    ...     optimizer = ProdigyScheduleFree([w])
    >>> for _ in range(60):
    ...     w.grad = w.detach().clone()
    ...     optimizer.step()
    >>> with optimizer.evaluating():
    ...     print(abs(w.item()) < 0.5)
    True

    Sources: Mishchenko and Defazio, Prodigy: An Expeditiously Adaptive Parameter-Free Learner, arXiv 2306.06101, 2023;
    Defazio et al., The Road Less Scheduled, arXiv 2405.15682, 2024.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        beta3: float | None = None,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        use_bias_correction: bool = False,
        d0: float = 1e-6,
        d_coef: float = 1.0,
        growth_rate: float = math.inf,
        d_limit: float = LIMIT,
        backend: str = "auto",
        skip_nonfinite: bool = True,
    ) -> None:
        defaults = {
            **common(lr, weight_decay, d0, growth_rate, d_limit),
            "betas": betas_of(betas),
            "beta3": beta3 if beta3 is None else between("beta3", beta3, 0, 1),
            "eps": above("eps", eps),
            "use_bias_correction": use_bias_correction,
            "d_coef": above("d_coef", d_coef),
            "r": 0.0,
            "weight_lr_power": 2.0,
        }
        above("betas[0]", betas[0], why="x is read out of y = (1 - b1) z + b1 x")
        warnings.warn(EXPERIMENT, stacklevel=2)
        super().__init__(params, defaults, backend=backend, skip_nonfinite=skip_nonfinite)

    @property
    def d(self) -> float:
        """The estimate now."""
        return float(self.param_groups[0]["d"])

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group, which shares in the common d; ArgumentError where it differs in what that is made from."""
        if isinstance(param_group, dict):
            sums = ("d_numerator", "d_max", "d_hat")
            agreed = ("betas", "beta3", "d_coef", "use_bias_correction")
            param_group.update(joining(self, param_group, sums, agreed))
            if self.param_groups:
                param_group.update({name: self.param_groups[0][name] for name in ("weight_sum", "lr_max")})
        super().add_param_group(param_group)

    def _begin(self, parameter: Tensor, _group: Group) -> dict[str, Any]:
        zeros = torch.zeros_like(parameter, dtype=working(parameter))
        p0 = parameter.detach().clone()
        return {**point(parameter), "exp_avg_sq": zeros, "s": torch.zeros_like(zeros), "p0": p0}

    def _rate(self, group: Group) -> float:
        root = math.sqrt(1 - group["betas"][1] ** (group["k"] + 1)) if group["use_bias_correction"] else 1.0
        return float(group["d"]) * float(group["lr"]) * root

    def _advance(self, work: list[Work]) -> None:
        groups = self.param_groups
        if not one_rate(groups, "0 leaves a group as it is"):
            return
        head = max(groups, key=lambda group: float(group["lr"]))
        e, now = self._rate(head), share(head, self._rate(head))
        b3 = math.sqrt(head["betas"][1]) if head["beta3"] is None else head["beta3"]
        along = size = 0.0
        for part in work:
            if part.group["lr"]:
                s = self._scalars(part.group, e, now.c, b3)
                here, long = self._pass(AVERAGED, self._rows(part, _STATE), s)
                along, size = along + here, size + long
        if size:
            num = b3 * head["d_numerator"] + head["d"] / head["d0"] * e * along
            each(groups, d_numerator=num, **estimate(head, head["d_coef"] * num / size))
            for group in groups:
                now.kept(group)

    def _scalars(self, group: Group, e: float, c: float, b3: float) -> eager.AveragedScalars:
        (b1, b2), d = group["betas"], float(group["d"])
        return eager.AveragedScalars(
            b2=b2,
            square=(1 - b2) * d * d,
            b3=b3,
            push=d / group["d0"] * e,
            floor=d * group["eps"],
            d=d,
            decay=group["weight_decay"],
            lr=e,
            y_lr=e * (1 - b1 * (1 - c)),
            c=c,
        )
