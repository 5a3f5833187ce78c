"""Where a run is: the applied updates, and the cuts that were made on the way."""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from math import prod

import torch

from surefoot.errors import ArgumentError, PositionError
from surefoot.schedule.phase import number


@dataclass(frozen=True, slots=True)
class Cut:
    """From update ``step`` on, every rate is multiplied by ``factor``; ``why`` is for the reader of the history.

    With ``rewarm`` the rate climbs to the cut one over that many updates: update ``step + i`` runs at
    ``factor * (i + 1) / (rewarm + 1)``, so that none of them is wasted on a rate of 0.

    >>> [Cut(10, 0.5, rewarm=3).multiplier(step) for step in (9, 10, 11, 12, 13)]
    [1.0, 0.125, 0.25, 0.375, 0.5]
    """

    step: int
    factor: float
    why: str = ""
    rewarm: int = 0

    def multiplier(self, step: int) -> float:
        """Return what this cut multiplies the rate of update ``step`` by."""
        if step < self.step:
            return 1.0
        return self.factor * min(1.0, (step - self.step + 1) / (self.rewarm + 1))


@dataclass(slots=True)
class Position:
    """The clock of a scheduler: ``count`` applied updates, the ``last`` one, and its rates where they were ``kept``.

    A fused optimizer applies nothing where its GradScaler found an inf, and says so in a tensor on the device:
    ``pending`` keeps that tensor, so that the answer is read when it is needed and the device is not made to wait.
    """

    count: int = 0
    last: int = 0
    cuts: tuple[Cut, ...] = ()
    pending: torch.Tensor | None = None
    kept: tuple[int, tuple[float, ...]] | None = None

    def settled(self) -> int:
        """Return the number of applied updates, the pending one resolved."""
        if self.pending is not None:
            found, self.pending = float(self.pending), None
            if found == 0.0:
                self.last = self.count
                self.count += 1
        return self.count

    def move(self, step: int, last: int) -> None:
        """Go to ``step`` applied updates, the last rates being those of update ``last``."""
        self.pending = self.kept = None
        self.count, self.last = step, last

    def keep(self, rates: list[float]) -> None:
        """Remember the rates of the last applied update, for the plan that gave them is about to be replaced."""
        if self.settled():
            self.kept = (self.last, tuple(rates))

    def last_rates(self) -> list[float] | None:
        """Return the rates that were kept if they are those of the last applied update."""
        self.settled()
        return list(self.kept[1]) if self.kept is not None and self.kept[0] == self.last else None

    def cut(self, k: float, why: str, rewarm: int = 0) -> None:
        """Multiply what follows by ``k`` (0 < k <= 1), reached over ``rewarm`` updates."""
        self.cuts = (*self.cuts, made(self.settled(), k, why, rewarm))

    def rewind(self, step: int) -> None:
        """Go back to ``step`` applied updates; cuts that were made later hold from there on, for they were earned."""
        self.move(step, max(step - 1, 0))
        self.cuts = tuple(replace(cut, step=min(cut.step, step)) for cut in self.cuts)

    def multiplier(self, step: int) -> float:
        """Return the product of the cuts in force at update ``step``."""
        return prod(cut.multiplier(step) for cut in self.cuts)


def made(step: int, k: float, why: str, rewarm: int) -> Cut:
    """Return the cut, its arguments checked."""
    factor = number(k, "k")
    if not 0.0 < factor <= 1.0:
        raise ArgumentError(f"k={k!r} must be a factor in (0, 1]: a cut lowers the rate.")
    if isinstance(rewarm, bool) or not isinstance(rewarm, int) or rewarm < 0:
        raise ArgumentError(f"rewarm={rewarm!r} must be an int >= 0: the updates over which the rate climbs again.")
    return Cut(step, factor, why, rewarm)


def counted(value: int, name: str) -> int:
    """Return ``value`` as a number of updates (an int >= 0)."""
    try:
        step = operator.index(value)
    except TypeError:
        step = None
    if step is None or isinstance(value, bool):
        raise ArgumentError(f"{name}={value!r} must be an int: the number of updates done before.")
    if step < 0:
        raise PositionError(f"{name}={step} is negative: updates are counted from 0.")
    return step
