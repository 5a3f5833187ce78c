"""Distance: what the methods share whose rate is the distance that was gone, over the gradients that were met."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from surefoot.torch.optim.base import Group, Work, each
from surefoot.torch.optim.beside import Beside
from surefoot.torch.optim.checking import above, between
from surefoot.torch.optim.eager import dog as eager
from surefoot.torch.optim.kernel import Kernel, Row
from surefoot.torch.optim.skipping import left_out

LOOK = Kernel("dog:distance", ("g", "x", "x0"), (), eager.distance, sums=3, stored=("g",))
MOVE = Kernel("dog:move", ("g", "x"), ("x",), eager.move, stored=("g",))
AVERAGED = Kernel("dog:averaged", ("g", "x", "average"), ("x", "average"), eager.averaged, stored=("g",))
FARTHEST = 1e6
"""How far a distance may grow, in units of 1 + |x0|: under a steady gradient it grows like exp(2 sqrt(t))."""


class Distance(Beside):
    """SGD whose rate follows from how far the weights have come and the gradients they met; abstract.

    A method says in ``_paces`` which parameters share a rate, and what it is. Shared are the start x0 of every
    parameter, a float32 copy of weights that are stored in fewer bits (the first steps are a millionth of them), and
    the average of polynomial decay, a = a + c (x - a) with c = (1 + gamma)/(t + gamma) at update t from 1.
    """

    def __init__(
        self, params: Any, defaults: dict[str, Any], *, average: float | None, backend: str, skip_nonfinite: bool
    ) -> None:
        shared = {
            "lr": above("lr", defaults.pop("lr"), why="1.0 leaves the method as it is"),
            "weight_decay": between("weight_decay", defaults.pop("weight_decay"), 0),
            "average": average if average is None else between("average", average, 0),
            "k": 0,
            "pace": 0.0,
        }
        super().__init__(params, {**shared, **defaults}, backend=backend, skip_nonfinite=skip_nonfinite)

    @property
    def effective_lr(self) -> float:
        """The largest rate that the last update had, of a group or a parameter; 0 before the first."""
        return max(float(group["lr"]) * float(group["pace"]) for group in self.param_groups)

    @property
    @abstractmethod
    def d(self) -> float:
        """The farthest that the weights have been from their start, and what stands for it at first."""

    @abstractmethod
    def _paces(self, work: list[Work]) -> list[tuple[Work, float]] | None:
        """Return ``work`` in parts with the pace of each, which is its rate over lr; None for gradients beyond use."""

    def _begin(self, parameter: Tensor, group: Group) -> dict[str, Any]:
        wide = torch.promote_types(parameter.dtype, torch.float32)
        x = parameter.detach()
        state = {"x0": x.to(wide, copy=True)}
        if wide != parameter.dtype:
            state["x"] = x.to(wide, copy=True)
        if group["average"] is not None:
            state["average"] = x.to(wide, copy=True)
        return state

    def _update(self, work: list[Work]) -> None:
        parts = self._paces(work)
        if parts is None:
            left_out(self)
            return
        for part in work:
            part.group.update(k=part.group["k"] + 1, pace=0.0)
        for part, pace in parts:
            group = part.group
            group["pace"] = max(group["pace"], pace)
            gamma, t = group["average"] or 0.0, group["k"]
            move = eager.Move(float(group["lr"]) * pace, group["weight_decay"], (1 + gamma) / (t + gamma))
            self._moved(part, move, averaging=group["average"] is not None)

    def _moved(self, part: Work, move: eager.Move, *, averaging: bool) -> None:
        rows = _wide(part)
        if averaging:
            rows = [(*row, state["average"]) for row, state in zip(rows, part.states, strict=True)]
        self._pass(AVERAGED if averaging else MOVE, rows, move)
        for p, state in zip(part.parameters, part.states, strict=True):
            if "x" in state:
                p.copy_(state["x"])

    def _seen(self, part: Work) -> tuple[float, float, float]:
        """Return |g|^2 (weight decay in it), |x - x0|^2 and |x0|^2 over the parameters of ``part``."""
        rows = [(*row, state["x0"]) for row, state in zip(_wide(part), part.states, strict=True)]
        slope, gone, start = self._pass(LOOK, rows, eager.Move(0.0, part.group["weight_decay"], 0.0))
        return slope, gone, start

    def _seen_by_all(self, work: list[Work]) -> tuple[float, float, float]:
        """Return the same three over everything that has a gradient."""
        columns = zip(*(self._seen(part) for part in work), strict=True)
        slope, gone, start = (math.fsum(column) for column in columns)
        return slope, gone, start

    def _shared(self, **values: Any) -> None:
        each(self.param_groups, **values)


def reached(before: float, gone: float, start: float) -> float:
    """Return the farthest distance, of ``before`` and the root of ``gone``, within what is allowed at all."""
    return min(max(before, math.sqrt(gone)), FARTHEST * (1 + math.sqrt(start)))


def single(part: Work) -> list[Work]:
    """Return ``part`` in parts of one parameter each."""
    columns = zip(part.parameters, part.grads, part.states, strict=True)
    return [replace(part, parameters=[p], grads=[g], states=[state]) for p, g, state in columns]


def _wide(part: Work) -> list[Row]:
    """Return the gradient and the weights of each parameter, the latter in full precision."""
    return [(g, state.get("x", p)) for p, g, state in zip(part.parameters, part.grads, part.states, strict=True)]
