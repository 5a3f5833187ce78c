"""Adapting: what methods share that estimate, as they run, how far the solution is from the start."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from surefoot.errors import ArgumentError
from surefoot.torch.optim.base import Group, Method, Work
from surefoot.torch.optim.checking import above, between

LIMIT = 1e6
"""Where d ends by default: far beyond the way that weights go, far below what the square of a float32 can hold."""


class Adapting(Method):
    """A method whose rate is d lr, d being its running estimate of the distance to the solution; abstract.

    Groups have one d, which stands for the way that all of them go together: their rates must be equal, or 0, which
    leaves a group as it is. An update whose rate is 0, or before any gradient was other than 0, is not counted and
    leaves d as it is. With ``per_group`` each group is on its own.
    """

    _sums: ClassVar[tuple[str, ...]] = ()
    # What groups with one d must agree in, beside what all methods have.
    _agreed: ClassVar[tuple[str, ...]] = ()
    _apart: ClassVar[str] = "0 leaves a group as it is"

    @property
    def d(self) -> float:
        """The estimate now, of the group where it is largest; a group keeps its own as ``group["d"]``."""
        return max(float(group["d"]) for group in self.param_groups)

    @property
    def effective_lr(self) -> float:
        """The rate of the next update: d lr and what else its direction is multiplied by, where that is largest."""
        return max(self._rate(group, float(group["lr"])) for group in self.param_groups)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group, which shares in the common d; ArgumentError where it differs in what that is made from."""
        if isinstance(param_group, dict):
            param_group.update(joining(self, param_group, self._sums, self._agreed))
        super().add_param_group(param_group)

    def _update(self, work: list[Work]) -> None:
        alone = work[0].group["per_group"]
        families = [([part.group], [part]) for part in work] if alone else [(self.param_groups, work)]
        for groups, parts in families:
            lr = one_rate(groups, self._apart)
            if lr:
                self._advance(groups, [part for part in parts if part.group["lr"]], lr)

    @abstractmethod
    def _advance(self, groups: list[Group], parts: list[Work], lr: float) -> None:
        """Do one update of ``parts`` at the rate d ``lr``, and write the new d into ``groups``."""

    def _rate(self, group: Group, lr: float) -> float:
        return float(group["d"]) * lr * correction(group)


def joining(method: Method, group: Group, sums: Sequence[str], agreed: Sequence[str]) -> dict[str, Any]:
    """Return d and the sums behind it for ``group``, which joins ``method``: the common ones, or those of a start.

    Raises ArgumentError where the group differs from the first in what a common d is made from.
    """
    full = {**method.defaults, **group}
    fresh = {"d": full["d0"], "k": 0, **dict.fromkeys(sums, 0.0)}
    if not method.param_groups or full["per_group"]:
        return fresh
    first = method.param_groups[0]
    for name in ("d0", "d_limit", "growth_rate", "per_group", *agreed):
        if first[name] != full[name]:
            raise ArgumentError(f"{name}={full[name]!r} beside {name}={first[name]!r}: groups with one d share it.")
    return {name: first[name] for name in fresh}


def one_rate(groups: Iterable[Group], apart: str) -> float:
    """Return the rate that all ``groups`` have, or those of them that are not 0; ArgumentError where they differ."""
    rates = [float(group["lr"]) for group in groups]
    lr = max(rates)
    for rate in rates:
        if rate not in {lr, 0.0}:
            raise ArgumentError(f"lr={rate:g} beside lr={lr:g}: groups with one d have one rate; {apart}.")
    return lr


def common(
    lr: float, weight_decay: float, d0: float, growth_rate: float, d_limit: float, *, per_group: bool = False
) -> dict[str, Any]:
    """Return what every method here puts into its groups; ArgumentError for what is out of its range."""
    if not growth_rate >= 1:
        raise ArgumentError(f"growth_rate={growth_rate!r} must be a number of at least 1; inf leaves growth free.")
    if above("d_limit", d_limit) < above("d0", d0):
        raise ArgumentError(f"d0={d0!r} is above d_limit={d_limit!r}: let d begin below the limit.")
    return {
        "lr": between("lr", lr, 0),
        "weight_decay": between("weight_decay", weight_decay, 0),
        "d0": d0,
        "growth_rate": growth_rate,
        "d_limit": d_limit,
        "per_group": per_group,
    }


def grown(group: Group, d_hat: float) -> float:
    """Return the new d of ``group`` after an estimate ``d_hat``: never less, nor grown too fast, nor beyond the limit.

    >>> grown({"d": 1.0, "growth_rate": 2.0, "d_limit": 1e6}, 5.0)
    2.0
    """
    d, growth, limit = float(group["d"]), float(group["growth_rate"]), float(group["d_limit"])
    return max(d, min(d_hat, d * growth, limit)) if math.isfinite(d_hat) else d


def correction(group: Group) -> float:
    """Return Adam's correction of the next update: sqrt(1 - b2^t)/(1 - b1^t), t from 1; 1 where it is not asked for."""
    if not group.get("use_bias_correction"):
        return 1.0
    b1, b2 = map(float, group["betas"])
    t = int(group["k"]) + 1
    return math.sqrt(1 - b2**t) / (1 - b1**t)


def working(parameter: Tensor) -> torch.dtype:
    """Return the type that the state of ``parameter`` has: float32 at least."""
    return torch.promote_types(parameter.dtype, torch.float32)


def decays(group: Group) -> tuple[float, float]:
    """Return the decay that is added to the gradient, and the one that the rate multiplies: one of them is 0."""
    decay = float(group["weight_decay"])
    return (0.0, decay) if group["decouple"] else (decay, 0.0)
