"""Rates: one schedule written to every group of every optimizer, in the proportion they had when the run began."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from surefoot.errors import ArgumentError

Rate = Callable[[int], float]
Write = Callable[[int], float]


def innermost(optimizer: Any) -> Any:
    """Return the optimizer inside the wrappers (Accelerate's, Lightning's) that keep it as ``.optimizer``."""
    seen = {id(optimizer)}
    while True:
        inside = getattr(optimizer, "optimizer", None)
        if not hasattr(inside, "param_groups") or id(inside) in seen:
            return optimizer
        optimizer = inside
        seen.add(id(inside))


def writer(optimizers: Mapping[str, Any], schedule: Any) -> Write:
    """Return ``write(step) -> rate``: it writes the rate of update ``step`` and returns that of the largest group.

    ``schedule`` is a Schedule (or any function of the step) for the largest group of all optimizers, the others keep
    their ratio to it; or a dict of one per optimizer. Raises ArgumentError for a dict with other names.
    """
    if isinstance(schedule, Mapping):
        if set(schedule) != set(optimizers):
            raise ArgumentError(
                f"schedule has the names {sorted(map(str, schedule))}, but the optimizers are {sorted(optimizers)}: "
                "pass one schedule for all, or one for each name (give the optimizers as a dict)."
            )
        parts = [_part([optimizers[name]], schedule[name]) for name in optimizers]
    else:
        parts = [_part(list(optimizers.values()), schedule)]
    return lambda step: max(part(step) for part in parts)


def _part(optimizers: list[Any], schedule: Rate) -> Write:
    if not callable(schedule):
        raise ArgumentError(
            f"schedule={schedule!r:.80} must be a Schedule: sf.constant({schedule!r:.20}) for a fixed rate."
        )
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    factors = _factors(groups)

    def write(step: int) -> float:
        rate = float(schedule(step))
        for group, factor in zip(groups, factors, strict=True):
            put_rate(group, rate * factor)
        return rate

    return write


def put_rate(group: dict[str, Any], rate: float) -> None:
    """Write ``rate`` into a group, in place where its rate is a tensor."""
    if isinstance(group["lr"], torch.Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate


def put_field(optimizers: Mapping[str, Any], name: str, value: float) -> None:
    """Write a weight decay into the groups that have one (all groups, if none has), or a momentum (beta1) into all."""
    groups = [group for optimizer in optimizers.values() for group in optimizer.param_groups]
    hits = [group for group in groups if name in group or (name == "momentum" and "betas" in group)]
    if not hits:
        raise ArgumentError(f"{name}={value!r}: no group of the optimizer has a {name} to set.")
    used = [group for group in hits if name == "weight_decay" and group[name]]
    for group in used or hits:
        if name in group:
            group[name] = value
        else:
            group["betas"] = (value, *group["betas"][1:])


def _factors(groups: list[dict[str, Any]]) -> list[float]:
    # At rate 0 (the start of a warmup, the end of a decay) the proportion is that of the rates they were built with.
    for key in ("lr", "initial_lr"):
        rates = [float(group.get(key, 0.0)) for group in groups]
        if max(rates, default=0.0) > 0:
            return [rate / max(rates) for rate in rates]
    return [1.0] * len(groups)
