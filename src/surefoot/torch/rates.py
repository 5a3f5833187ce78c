"""Rates: one schedule written to every group of every optimizer, in the proportion they had when the run began."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch.optim import Optimizer

from surefoot.errors import ArgumentError
from surefoot.torch.hooks import attached
from surefoot.torch.scheduler import Scheduler
from surefoot.torch.slots import Slot

Rate = Callable[[int], float]
Write = Callable[[int], float]
_LR = Slot("lr", "lr")


def writer(optimizers: Mapping[str, Optimizer], schedule: Any) -> Write:
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


def _part(optimizers: list[Optimizer], schedule: Rate) -> Write:
    if not callable(schedule):
        raise ArgumentError(
            f"schedule={schedule!r:.80} must be a Schedule: sf.constant({schedule!r:.20}) for a fixed rate."
        )
    groups = [group for optimizer in optimizers for group in optimizer.param_groups]
    bases = [base for optimizer in optimizers for base in _bases(optimizer)]
    factors = [base / max(bases) if max(bases) > 0 else 1.0 for base in bases]

    def write(step: int) -> float:
        rate = float(schedule(step))
        for group, factor in zip(groups, factors, strict=True):
            _LR.write(group, rate * factor)
        return rate

    return write


def _bases(optimizer: Optimizer) -> list[float]:
    scheduler = attached(optimizer, Scheduler)
    if scheduler is not None:
        return scheduler.base_lrs
    rates = [_LR.number(group) for group in optimizer.param_groups]
    # At rate 0 (the start of a warmup, the end of a decay) the proportion is that of the rates they were built with.
    return rates if max(rates) > 0 else [float(group.get("initial_lr", 0.0)) for group in optimizer.param_groups]


def put_field(optimizers: Mapping[str, Optimizer], name: str, value: float) -> None:
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
