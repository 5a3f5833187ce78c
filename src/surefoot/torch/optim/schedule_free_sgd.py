"""Schedule-Free SGD: the averaged method without a second moment."""

from __future__ import annotations

from typing import Any, final

from torch import Tensor

from surefoot.torch.optim.averaging_points import Group, share
from surefoot.torch.optim.base import Work
from surefoot.torch.optim.eager import schedule_free as eager
from surefoot.torch.optim.kernel import Kernel
from surefoot.torch.optim.schedule_free_settings import Point, ScheduleFree, decays, point, warmed

SGD = Kernel("schedule_free:sgd", ("p", "g", "z"), ("p", "z"), eager.sgd)


@final
class ScheduleFreeSGD(ScheduleFree):
    """SGD with momentum without a schedule: z takes the steps, x is their average, gradients are taken at y.

    As ScheduleFreeAdamW, with b1 = ``momentum`` (above 0 and below 1) and u = g + wd y: the direction is the gradient
    itself::

        z = z - a u;   x = (1 - c) x + c z;   y = (1 - b1) z + b1 x

    The documentation of ScheduleFreeAdamW holds here too. State: 4 bytes a parameter, and in eval mode one copy of it.
    It still needs a rate (10 to 50 times that of a scheduled SGD, says the paper's code) and a warmup.
    Raises ArgumentError for an argument out of its range.

    >>> import torch
    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = ScheduleFreeSGD([w], lr=0.5)
    >>> w.grad = torch.ones(1)
    >>> optimizer.step()
    >>> w.item()
    0.5

    Source: Defazio et al., The Road Less Scheduled, arXiv 2405.15682, 2024.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        *,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        warmup_steps: int = 0,
        r: float = 0.0,
        weight_lr_power: float = 2.0,
        averaging: float | None = None,
        decay_at: Point = "y",
        backend: str = "auto",
        skip_nonfinite: bool = True,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "weight_decay": weight_decay,
            "warmup_steps": warmup_steps,
            "r": r,
            "weight_lr_power": weight_lr_power,
            "averaging": averaging,
            "decay_at": decay_at,
        }
        super().__init__(params, defaults, backend=backend, skip_nonfinite=skip_nonfinite)

    def _begin(self, parameter: Tensor, _group: Group) -> dict[str, Any]:
        return point(parameter)

    def _rate(self, group: Group) -> float:
        return warmed(group)

    def _advance(self, work: list[Work]) -> None:
        for part in work:
            group = part.group
            now = share(group, rate := self._rate(group))
            scalars = eager.SGDScalars(rate, self._y_rate(group), now.c, *decays(group))
            self._pass(SGD, self._rows(part, ("z",)), scalars)
            now.kept(group)
