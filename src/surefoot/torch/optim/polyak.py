"""Polyak: what MoMo knows of the loss, as numbers: its average, its lower bound, and how far a step may go."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch.optim import Optimizer

from surefoot.errors import ArgumentError

NO_LOSS = "a loss is NaN or infinite: this update was left out, weights and state are as they were."


class Bound(NamedTuple):
    """A lower bound of the loss, the one that was given, and whether it moves with what is seen."""

    now: float
    given: float
    adapts: bool


class Line(NamedTuple):
    """The averaged model of the loss at weights x, f + <m, x> - gamma, and rho, the sum of its weights."""

    height: float
    rho: float


def told(closure: Callable[[], Any] | None, loss: Any, optimizer: Optimizer) -> Any:
    """Return the loss of this update, from ``closure`` or as given; raise ArgumentError where it is in neither.

    torch's checkpoints make the state of an optimizer by a step at a rate of 0, which has none.
    """
    if closure is loss is None and not any(optimizer.state.values()) and not any(_rates(optimizer)):
        return math.nan
    if (closure is None) == (loss is None):
        raise ArgumentError(
            "loss=None: MoMo's rate follows from the loss. Call step(loss=loss) after backward(), or step(closure), "
            "not both; in distributed training give the mean loss of all processes."
        )
    if closure is None:
        return loss
    with torch.enable_grad():
        return closure()


def _rates(optimizer: Optimizer) -> list[float]:
    return [float(group["lr"]) for group in optimizer.param_groups]


def plain(loss: Any) -> float:
    """Return a loss as a number, a tensor without what it remembers of its making."""
    return float(loss.detach() if isinstance(loss, torch.Tensor) else loss)


def bound(now: float | None, given: float, *, adapts: bool) -> Bound:
    """Return the bound that is kept, which before the first update is the one that was given."""
    return Bound(given if now is None else now, given, adapts)


def lowered(one: Bound, line: Line) -> float:
    """Return the bound, halved towards the model's height where that is below it and the bound may move."""
    if one.adapts and line.height < line.rho * one.now:
        return max(line.height / (2 * line.rho), one.given)
    return one.now


def share(line: Line, lower: float, descent: float) -> float:
    """Return how much of a step stands, 0 to 1: the model falls by ``descent`` on it, and not below ``lower``."""
    if not descent > 0:
        return 1.0
    return min(1.0, max(line.height - line.rho * lower, 0.0) / descent)


def raised(one: Bound, line: Line, fall: float) -> float:
    """Return the bound after a step on which the model fell by ``fall`` (half of it counts)."""
    return max((line.height - fall / 2) / line.rho, one.given) if one.adapts else one.now


def averaged(before: float, now: float, beta: float) -> float:
    """Return the next value of an exponential average."""
    return beta * before + (1 - beta) * now


def finite(*numbers: float) -> bool:
    """Say whether all of the numbers are."""
    return all(map(math.isfinite, numbers))
