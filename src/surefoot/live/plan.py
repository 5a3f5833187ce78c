"""What a watch knows of the plan: facts from its arguments, and the rate of an update nobody named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from surefoot.errors import ArgumentError
from surefoot.history.origin import Fact
from surefoot.live.tuned import around
from surefoot.schedule.core import Schedule

Rate = Callable[[int], Any]
_BLOCK = 256


def facts(total: int | None, optimizer: Any, schedule: Any, given: Mapping[str, Fact | None]) -> dict[str, Fact]:
    """Return the facts of an Origin: the total (else the schedule's), the optimizer and what its groups say, the rest.

    ``optimizer`` is a name, or an object with ``param_groups``. Raises ArgumentError for a total below 1, or a fact
    that is neither a number nor a text.
    """
    planned = getattr(schedule, "total", None) if total is None else total
    if planned is not None and (isinstance(planned, bool) or not isinstance(planned, int) or planned < 1):
        raise ArgumentError(f"total={total!r} must be an int >= 1: the updates that are planned.")
    found: dict[str, Fact] = {} if planned is None else {"total": float(planned)}
    found |= {"optimizer": optimizer} if isinstance(optimizer, str) else _of_groups(optimizer)
    said = {name: value for name, value in given.items() if value is not None}
    for name, value in said.items():
        if not isinstance(value, (int, float, str, tuple)):
            raise ArgumentError(f"{name}={value!r} is no fact of a run: a fact is a number or a text.")
    return found | said


def _of_groups(optimizer: Any) -> dict[str, Fact]:
    if optimizer is None:
        return {}
    # Accelerate wraps; the names that matter are those of the methods.
    methods = [*around(optimizer)]
    groups = getattr(methods[-1], "param_groups", None)
    if not groups:
        raise ArgumentError(f"optimizer={optimizer!r:.60} must be a name such as 'adamw', or have param_groups.")
    group = groups[0]
    found: dict[str, Fact] = {"optimizer": " of ".join(type(one).__name__ for one in methods).lower()}
    decays = [one["weight_decay"] for one in groups if isinstance(one.get("weight_decay"), (int, float))]
    found |= {"weight_decay": float(max(decays))} if decays else {}
    found |= {"momentum": float(group["momentum"])} if isinstance(group.get("momentum"), (int, float)) else {}
    betas = group.get("betas") or (None,)
    return found | ({"beta1": float(betas[0])} if isinstance(betas[0], (int, float)) else {})


def rate(optimizer: Any, schedule: Any) -> Rate | None:
    """Return what says the rate of an update: the optimizer's largest group, else the schedule, else None."""
    if hasattr(optimizer, "param_groups"):
        return lambda _step: largest_rate(optimizer)
    if schedule is None:
        return None
    if not callable(schedule):
        raise ArgumentError(f"schedule={schedule!r:.60} must be a Schedule, or a function of the step.")
    return _Planned(schedule) if isinstance(schedule, Schedule) else schedule


def largest_rate(optimizer: Any) -> Any:
    """Return the rate of the largest group as it stands in the optimizer, whatever a scheduler tells."""
    rates = [group["lr"] for group in optimizer.param_groups]
    # A rate that is a tensor cannot be compared without reading it.
    return max(rates) if all(isinstance(one, (int, float)) for one in rates) else rates[0]


class _Planned:
    """The rates of a schedule, computed a block at a time: a fifth of the cost of one by one."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._block = -1
        self._rates: list[float] = []

    def __call__(self, step: int) -> float:
        block, k = divmod(step, _BLOCK)
        if block != self._block:
            self._rates = self._schedule.array(block * _BLOCK, (block + 1) * _BLOCK).tolist()
            self._block = block
        return self._rates[k]
