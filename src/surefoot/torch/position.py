"""Where a run is: the applied updates, and the cuts that were made on the way."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch


@dataclass(frozen=True, slots=True)
class Cut:
    """From update ``step`` on, every rate is multiplied by ``factor``; ``why`` is for the reader of the history."""

    step: int
    factor: float
    why: str = ""


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

    def multiplier(self, step: int) -> float:
        """Return the product of the cuts in force at update ``step``."""
        return prod(cut.factor for cut in self.cuts if cut.step <= step)
