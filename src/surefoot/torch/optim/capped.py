"""Capped: methods whose step goes no farther than a model of the loss says it pays."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

from surefoot.torch.hooks import outside_graphs
from surefoot.torch.optim.base import Method, Work, each
from surefoot.torch.optim.polyak import NO_LOSS, Line, averaged, bound, finite, lowered, plain, raised, share, told
from surefoot.torch.optim.skipping import left_out


class Seen(NamedTuple):
    """One group with what its pass saw: its decay's divisor, <m, x>, <g, x> and the squared length of its step."""

    part: Work
    divisor: float
    mx: float
    gx: float
    length: float


class Capped(Method):
    """A method whose step goes no farther than where its model of the loss reaches a lower bound; abstract.

    A method says in ``_watch`` and ``_move`` how its direction is made and followed, in ``_rho`` what the weights of
    its averages add up to, and in ``_beta`` how they forget. Groups share the model: the share of the step that stands
    is the same for all, their rates need not be.
    """

    needs_loss: ClassVar[bool] = True

    @outside_graphs
    def step(self, closure: Callable[[], Any] | None = None, *, loss: Any = None) -> Any:
        """Do one update with the ``loss`` of this batch, or with what ``closure`` returns; return it."""
        loss = told(closure, loss, self)
        self._loss = plain(loss)
        super().step()
        return loss

    @property
    def effective_lr(self) -> float:
        """The largest rate of a group times the share of the last step that stood."""
        first = self.param_groups[0]
        return float(first["share"]) * max(float(group["lr"]) for group in self.param_groups)

    @property
    def lower_bound(self) -> float:
        """The lower bound of the loss that the next update assumes."""
        first = self.param_groups[0]
        return float(first["lower_bound"] if first["bound"] is None else first["bound"])

    @abstractmethod
    def _beta(self, k: int) -> float:
        """Return the beta of the averages in update ``k``, from 0."""

    @abstractmethod
    def _rho(self, k: int) -> float:
        """Return the sum of the weights in an average after update ``k``."""

    @abstractmethod
    def _watch(self, part: Work, k: int) -> tuple[float, float, float]:
        """Take the gradients in; return <m, x>, <g, x> and |m|^2 in the method's own norm."""

    @abstractmethod
    def _move(self, part: Work, rate: float, keep: float, k: int) -> None:
        """Step by ``rate`` along the direction, then multiply the weights by ``keep``."""

    def _update(self, work: list[Work]) -> None:
        if not finite(self._loss):
            left_out(self, NO_LOSS)
            return
        first = self.param_groups[0]
        k: int = first["k"]
        beta, rho = self._beta(k), self._rho(k)
        seen = [self._look(part, k, rho) for part in work]
        loss = averaged(first["loss_avg"], self._loss, beta)
        gamma = averaged(first["gamma"], math.fsum(one.gx for one in seen), beta)
        flat = Line(loss - gamma + math.fsum(one.mx for one in seen), rho)
        line = Line(loss - gamma + math.fsum(one.mx / one.divisor for one in seen), rho)
        one = bound(first["bound"], first["lower_bound"], adapts=first["adapt_lower_bound"])
        lower = lowered(one, line)
        stands = share(line, lower, math.fsum(group.length / group.divisor for group in seen))
        now = raised(one._replace(now=lower), flat, stands * math.fsum(group.length for group in seen))
        for part, divisor, *_ in seen:
            self._move(part, stands * float(part.group["lr"]) / rho, 1 / divisor, k)
        each(self.param_groups, k=k + 1, loss_avg=loss, gamma=gamma, bound=now, share=stands)

    def _look(self, part: Work, k: int, rho: float) -> Seen:
        lr = float(part.group["lr"])
        mx, gx, mm = self._watch(part, k)
        return Seen(part, 1 + lr * part.group["weight_decay"], mx, gx, lr / rho * mm)
