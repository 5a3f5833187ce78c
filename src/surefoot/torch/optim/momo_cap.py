"""MoMo around another optimizer: its update, shortened where a model of the loss leaves less to gain."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor
from torch.optim import Optimizer

from surefoot.torch.hooks import outside_graphs
from surefoot.torch.optim.base import LOOK, WHOLE, Work, each
from surefoot.torch.optim.checking import between
from surefoot.torch.optim.eager import momo as eager
from surefoot.torch.optim.eager.gradients import Look
from surefoot.torch.optim.kernel import Kernel
from surefoot.torch.optim.momo import WATCH
from surefoot.torch.optim.polyak import NO_LOSS, Line, averaged, bound, finite, lowered, plain, raised, share, told
from surefoot.torch.optim.skipping import left_out
from surefoot.torch.optim.wrapping import Wrapper

AVERAGE = "momo_exp_avg"
_FIELDS, _STORED = ("p", "before", "exp_avg"), ("p", "before")
DESCENT = Kernel("momo:descent", _FIELDS, (), eager.descent, sums=1, stored=_STORED)
SHORTEN = Kernel("momo:shorten", _FIELDS, ("p",), eager.shorten, stored=_STORED)


@dataclass(frozen=True, slots=True)
class Model:
    """What MoMo is given: how its averages forget, the lower bound, and whether that moves."""

    beta: float
    lower_bound: float
    adapts: bool


@final
class MoMo(Wrapper):
    """Cap the steps of another optimizer where a model of the loss would fall below its lower bound.

    With u the update that ``optimizer`` makes at its own rate, f the loss of the batch, g its gradient at weights x, m,
    F and y the averages of g, f and <g, x> (by ``beta``, from 0, rho = 1 - beta^t) and lb ``lower_bound``::

        share = min(1, max(0, F + <m, x> - y - rho lb)/-<m, u>)        x = x + share u

    Around Adam without weight decay, with ``beta`` its b1, that is MoMoAdam. The rates in the groups stay as they are,
    so schedules do what they did; ``effective_lr`` is the share that stood times the wrapped rate. ``step`` needs
    the loss: ``step(loss=loss)`` after ``backward()``, or a closure; in distributed training the mean of all processes.

    State: 4 bytes a parameter besides the wrapped optimizer's, and as much again while it steps. It still needs a rate,
    which may be too large, its schedule, and a lower bound that is nearly reached. Where it loses: as MoMoSGD, and a
    wrapped optimizer whose update does not go downhill along m is left alone. Raises ArgumentError for an argument out
    of its range, and for a step without a loss.

    >>> w = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
    >>> optimizer = MoMo(torch.optim.SGD([w], lr=100.0))
    >>> loss = (w * w).sum() / 2
    >>> loss.backward()
    >>> _ = optimizer.step(loss=loss)
    >>> round(optimizer.effective_lr, 6), optimizer.param_groups[0]["lr"]
    (0.5, 100.0)

    Source: Schaipp, Ohana, Eickenberg, Defazio and Gower, MoMo: Momentum Models for Adaptive Learning Rates,
    arXiv 2305.07583, 2023. The form for any update is derived here.
    """

    needs_loss: ClassVar[bool] = True

    def __init__(
        self,
        optimizer: Optimizer,
        *,
        beta: float = 0.9,
        lower_bound: float = 0.0,
        adapt_lower_bound: bool = False,
        backend: str = "auto",
        skip_nonfinite: bool = True,
    ) -> None:
        model = Model(
            beta=between("beta", beta, 0, 1),
            lower_bound=between("lower_bound", lower_bound, -math.inf),
            adapts=adapt_lower_bound,
        )
        numbers = {"momo_k": 0, "momo_loss": 0.0, "momo_gamma": 0.0, "momo_bound": None, "momo_share": 1.0}
        super().__init__(optimizer, model, numbers, backend=backend, skip_nonfinite=skip_nonfinite)

    @outside_graphs
    def step(self, closure: Callable[[], Any] | None = None, *, loss: Any = None) -> Any:
        """Do one update with the ``loss`` of this batch, or with what ``closure`` returns; return it."""
        loss = told(closure, loss, self)
        self._loss = plain(loss)
        super().step()
        return loss

    @property
    def effective_lr(self) -> float:
        """The rate of the wrapped optimizer times the share of the last step that stood."""
        return float(self.param_groups[0]["momo_share"]) * self.inner_lr

    @property
    def lower_bound(self) -> float:
        """The lower bound of the loss that the next update assumes."""
        now = self.param_groups[0]["momo_bound"]
        return float(self._settings.lower_bound if now is None else now)

    def _update(self, work: list[Work]) -> None:
        if not finite(self._loss) or self._broken(work):
            left_out(self, *([] if finite(self._loss) else [NO_LOSS]))
            return
        model, first = self._settings, self.param_groups[0]
        beta, k = model.beta, first["momo_k"]
        mine = self._own(work)
        rows = [row for part in mine for row in self._rows(part, (AVERAGE,))]
        mx, gx, _ = self._pass(WATCH, rows, eager.Watch(beta, 0.0, 1.0, 0.0))
        loss, gamma = averaged(first["momo_loss"], self._loss, beta), averaged(first["momo_gamma"], gx, beta)
        line = Line(loss - gamma + mx, 1 - beta ** (k + 1))
        one = bound(first["momo_bound"], model.lower_bound, adapts=model.adapts)
        lower = lowered(one, line)
        stands, descent = self._stepped([(p, p.clone(), m) for p, _, m in rows], line, lower)
        self._returned(mine)
        now = raised(one._replace(now=lower), line, stands * descent)
        each(self.param_groups, momo_k=k + 1, momo_loss=loss, momo_gamma=gamma, momo_bound=now, momo_share=stands)

    def _own(self, work: list[Work]) -> list[Work]:
        return self._borrowed(work, _begun, AVERAGE)

    def _broken(self, work: list[Work]) -> bool:
        """Look at the whole of those gradients that were glanced at: the wrapped optimizer takes them as they are."""
        large = [(g,) for part in work for g in part.grads if g.numel() > WHOLE]
        return self._skips and bool(large) and any(self._pass(LOOK, large, Look(WHOLE)))

    def _stepped(self, rows: list[tuple[Tensor, ...]], line: Line, lower: float) -> tuple[float, float]:
        """Let the wrapped optimizer step, take back what is too much; return the share that stands, and -<m, u>."""
        self.optimizer.step()
        (along,) = self._pass(DESCENT, rows, eager.Share(1.0))
        stands = share(line, lower, -along)
        if stands < 1:
            self._pass(SHORTEN, rows, eager.Share(stands))
        return stands, max(-along, 0.0)


def _begun(parameter: Tensor) -> dict[str, Any]:
    wide = torch.promote_types(parameter.dtype, torch.float32)
    return {AVERAGE: torch.zeros_like(parameter, dtype=wide)}
