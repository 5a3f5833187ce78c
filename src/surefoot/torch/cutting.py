"""Cutting: how a guard lowers the rate, through a Scheduler or, where there is none, for the length of each step."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Protocol

import torch
from torch.optim import Optimizer

from surefoot.torch.position import Cut, Position
from surefoot.torch.scheduler import Scheduler
from surefoot.torch.slots import Slot

_LR = Slot("lr", "lr")
_AHEAD = 4096


def rate_of(optimizers: Sequence[Optimizer]) -> float:
    """Return the largest rate that any group holds now."""
    return max(_LR.number(group) for optimizer in optimizers for group in optimizer.param_groups)


class Rates(Protocol):
    """What a guard needs from whoever owns the rate."""

    @property
    def position(self) -> int: ...
    @property
    def cuts(self) -> tuple[Cut, ...]: ...
    def ahead(self, now: float) -> float: ...
    def cut(self, k: float, why: str, rewarm: int) -> None: ...
    def rewind(self, step: int) -> None: ...
    def counted(self) -> None: ...
    def before(self, optimizer: Optimizer) -> None: ...
    def after(self, optimizer: Optimizer, *, applied: bool) -> None: ...


class Scheduled:
    """Cuts through the schedulers: one multiplier, visible in ``scheduler.cuts`` and in its ``state_dict``."""

    def __init__(self, schedulers: Sequence[Scheduler]) -> None:
        self._schedulers = tuple(schedulers)

    @property
    def position(self) -> int:
        """The applied updates of the first scheduler."""
        return self._schedulers[0].position

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """The cuts of the first scheduler; the others have the same."""
        return self._schedulers[0].cuts

    def ahead(self, now: float) -> float:
        """Return the highest rate that is still to come, cuts included; ``now`` where no rate is scheduled."""
        first = self._schedulers[0]
        schedule = first.schedules.get("lr")
        if schedule is None:
            return now
        t = first.position
        stop = t + _AHEAD if schedule.total is None else max(schedule.total, t + 1)
        return float(schedule.array(t, stop).max()) * prod(cut.factor for cut in first.cuts)

    def cut(self, k: float, why: str, rewarm: int) -> None:
        """Multiply every rate by ``k``."""
        for scheduler in self._schedulers:
            scheduler.cut(k, why, rewarm=rewarm)

    def rewind(self, step: int) -> None:
        """Take the schedules back to update ``step``."""
        for scheduler in self._schedulers:
            scheduler._position.rewind(step)  # noqa: SLF001  the guard and its schedulers are one writer

    def counted(self) -> None:
        """Do nothing: the schedulers count for themselves."""

    def before(self, optimizer: Optimizer) -> None:
        """Do nothing: the scheduler's own hook has written the rate."""

    def after(self, optimizer: Optimizer, *, applied: bool) -> None:
        """Let an update that was refused not count; this runs before the scheduler's own hook."""
        for scheduler in self._schedulers:
            if not applied and scheduler._innermost is optimizer:  # noqa: SLF001  as above
                scheduler._armed = False  # noqa: SLF001  as above


class Lent:
    """Cuts without a Scheduler: each rate is multiplied just before a step and put back just after it.

    So whoever writes the rate (a scheduler of torch, the loop itself) finds it as it was left.
    """

    def __init__(self) -> None:
        self._position = Position()
        self._held: dict[int, list[Any]] = {}

    @property
    def position(self) -> int:
        """The updates that were applied under the guard."""
        return self._position.settled()

    @property
    def cuts(self) -> tuple[Cut, ...]:
        """The cuts that were made, oldest first."""
        return self._position.cuts

    def ahead(self, now: float) -> float:
        """Return the rate ``now`` as cut, for nobody said what is to come."""
        return now * prod(cut.factor for cut in self.cuts)

    def cut(self, k: float, why: str, rewarm: int) -> None:
        """Multiply every rate by ``k`` from the next update on."""
        self._position.cut(k, why, rewarm)

    def rewind(self, step: int) -> None:
        """Count the updates from ``step`` again."""
        self._position.rewind(step)

    def before(self, optimizer: Optimizer) -> None:
        """Multiply the rates; untouched where nothing was cut."""
        factor = self._position.multiplier(self._position.count)
        if factor == 1.0:
            return
        held = [_LR.get(group) for group in optimizer.param_groups]
        self._held[id(optimizer)] = [one.clone() if isinstance(one, torch.Tensor) else one for one in held]
        for group in optimizer.param_groups:
            _LR.write(group, _LR.number(group) * factor)

    def after(self, optimizer: Optimizer, *, applied: bool) -> None:  # noqa: ARG002  the protocol's signature
        """Put back the rates that were found."""
        for group, value in zip(optimizer.param_groups, self._held.pop(id(optimizer), ()), strict=False):
            if isinstance(value, torch.Tensor):
                group["lr"].copy_(value)
            else:
                group["lr"] = value

    def counted(self) -> None:
        """Count an applied update."""
        self._position.move(self._position.count + 1, self._position.count)
