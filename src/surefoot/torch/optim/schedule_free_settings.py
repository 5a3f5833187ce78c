"""Settings of the Schedule-Free methods: what a group may say, and the state that a parameter begins with."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from surefoot.errors import ArgumentError
from surefoot.torch.optim.averaging import Averaged
from surefoot.torch.optim.checking import above, between

Group = dict[str, Any]
Point = Literal["y", "z"]
_SHORT = 0.6
"""The b2 at which rho_inf = 2/(1 - b2) - 1 is 4."""
_MIXED = "x is read out of y = (1 - b1) z + b1 x"


class ScheduleFree(Averaged):
    """An averaged method whose groups may have settings of their own; abstract."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group with settings of its own; ArgumentError for one out of its range."""
        super().add_param_group(settings(self.defaults, param_group))


def settings(defaults: Mapping[str, Any], group: dict[str, Any]) -> dict[str, Any]:
    """Return ``group`` as it was given; ArgumentError where a setting of it, or a default, is out of its range."""
    whole = {**defaults, **group}
    for name in ("lr", "eps", "weight_decay", "r", "weight_lr_power"):
        if name in whole:
            between(name, whole[name], 0)
    if "betas" in whole:
        _betas(whole["betas"], rectified="silent_sgd_phase" in whole)
    else:
        above("momentum", between("momentum", whole["momentum"], 0, 1), why=_MIXED)
    between("inner_momentum", whole.get("inner_momentum", 0.0), 0, 1)
    if whole["averaging"] is not None:
        above("averaging", whole["averaging"])
    if whole["decay_at"] not in {"y", "z"}:
        raise ArgumentError(f"decay_at={whole['decay_at']!r}: give 'y' (as the paper's code) or 'z'.")
    _warmup(whole.get("warmup_steps", 0))
    return group


def warmed(group: Group) -> float:
    """Return the rate of the next update, as ``warmup_steps`` lets it rise."""
    k, warmup = group["k"], group["warmup_steps"]
    return float(group["lr"]) * ((k + 1) / warmup if k < warmup else 1.0)


def decays(group: Group) -> tuple[float, float]:
    """Return the weight decay that is taken at y, and that at z."""
    decay = float(group["weight_decay"])
    return (decay, 0.0) if group["decay_at"] == "y" else (0.0, decay)


def point(parameter: Tensor) -> dict[str, Tensor]:
    """Return z where it begins: a copy of ``parameter``, in float32 at least."""
    return {"z": parameter.detach().to(torch.promote_types(parameter.dtype, torch.float32), copy=True)}


def mean(parameter: Tensor, power: int, decay: float, k: int) -> Tensor:
    """Return a mean of g^power, as it must be for a parameter whose first gradient comes at update ``k`` of its group.

    Divided by 1 - decay^(k+1), as all means of the group are, it is then that gradient's own: with zeros in its place
    the first steps of a parameter that comes late would be 1/sqrt(1 - b2) times too long, 30 times as a rule.
    """
    work = torch.promote_types(parameter.dtype, torch.float32)
    zeros = torch.zeros_like(parameter, dtype=work)
    if not k or parameter.grad is None:
        return zeros
    g = parameter.grad.detach().to(work)
    return zeros.add_(torch.nan_to_num(g**power, 0.0, 0.0, 0.0), alpha=1 - decay**k)


def _betas(betas: Any, *, rectified: bool) -> None:
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise ArgumentError(f"betas={betas!r} must be two numbers, as in (0.9, 0.999).")
    above("betas[0]", between("betas[0]", betas[0], 0, 1), why=_MIXED)
    between("betas[1]", betas[1], 0, 1)
    if rectified and betas[1] <= _SHORT:
        raise ArgumentError(f"betas[1]={betas[1]!r} must be above {_SHORT}: RAdam never trusts a shorter mean of g^2.")


def _warmup(steps: Any) -> None:
    try:
        whole = not isinstance(steps, bool) and operator.index(steps) >= 0
    except TypeError:
        whole = False
    if not whole:
        hint = f"; for a fraction write int({steps!r} * total)" if isinstance(steps, float) and 0 < steps < 1 else ""
        raise ArgumentError(f"warmup_steps={steps!r} must be a whole number of updates, 0 or more{hint}.")
