"""Acting: what a guard did, as data, and how much of the rate it takes away."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch.optim import Optimizer

from surefoot.history.lines import Log
from surefoot.history.reading import Reading
from surefoot.live.tuned import own
from surefoot.torch.agreeing import agreed
from surefoot.torch.policies import Rollback


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a guard did at update ``step``: ``what`` ("skip", "clip", "roll back", "cut", "stop") and ``why``.

    ``before`` and ``after`` are the two sides of it: the norm and the clipped norm, the update rolled back from and
    to, the rate ahead before and after a cut; None where there is no such number.

    >>> print(Action(120, "cut", "the loss left the band", 0.1, 0.05))
    update 120: cut, 0.1 -> 0.05: the loss left the band
    """

    step: int
    what: str
    why: str
    before: float | None = None
    after: float | None = None

    def __str__(self) -> str:
        sides = "" if self.before is None or self.after is None else f", {self.before:.6g} -> {self.after:.6g}"
        return f"update {self.step}: {self.what}{sides}: {self.why}"


@dataclass(slots=True)
class Attempt:
    """One block ``with guard.update(loss)``, as it goes on."""

    given: Any
    scale: torch.Tensor | None = None
    loss: float = math.nan
    norms: dict[int, float] = field(default_factory=dict)
    rate: float = 0.0
    skip: str = ""
    overflow: bool = False
    judged: bool = False
    applied: bool = False
    told: dict[str, float] = field(default_factory=dict)

    def hear(self, optimizer: Optimizer) -> None:
        """Take what an optimizer that finds its own rate says of it."""
        self.told |= own(optimizer)()

    @property
    def norm(self) -> float:
        """The gradient norm over all optimizers."""
        return math.hypot(*self.norms.values())


def factor(rule: Rollback, good: float, ahead: float, repeats: int, *, proven: bool) -> float:
    """Return what to multiply the rate by, ``good`` being the rate of the snapshot, ``ahead`` the highest to come.

    >>> factor(Rollback(), good=0.1, ahead=0.1, repeats=0, proven=True)
    0.5
    >>> factor(Rollback(), good=0.03, ahead=0.1, repeats=1, proven=True)
    0.15
    """
    if rule.exact:
        return rule.cut
    most = rule.cut if proven else rule.early
    if good > 0.0 and ahead > 0.0:
        most = min(most, max(rule.least, good / ahead))
    return float(max(rule.least, most * 0.5**repeats))


@dataclass(slots=True)
class Pace:
    """How far apart snapshots are: ``every`` updates, doubled while a copy costs more than ``budget`` of the time."""

    every: int
    budget: float | None
    _last: float = math.nan
    _update: float = math.nan
    _copies: int = 0
    _least: float = math.inf

    def tick(self) -> None:
        """Measure the time from one update to the next."""
        now = time.perf_counter()
        if not math.isnan(self._last):
            spent = now - self._last
            self._update = spent if math.isnan(self._update) else 0.9 * self._update + 0.1 * spent
        self._last = now

    def copied(self, seconds: float) -> None:
        """Take the cost of a copy; the least so far counts, for the first ones allocate and others may be disturbed."""
        self._copies += 1
        self._least = min(self._least, seconds)
        if self.budget is None or self._copies < 4:
            return
        # The clocks of the ranks differ, and all must copy at the same update.
        cost, update = agreed([self._least, self._update])
        while cost > self.budget * self.every * update:
            self.every *= 2


class Record:
    """The log of a guard: a reading for each update and for each that was left out, and one for each rollback.

    A reading that was left out has ``skipped``; one of a rollback has ``roll_back``, the update that was returned to,
    and ``cut``, the rate that is ahead since.
    """

    def __init__(self, path: Path | None) -> None:
        self._log = None if path is None else Log(path)

    def update(self, step: int, now: Attempt, **extra: float) -> None:
        """Write the reading of an update."""
        if self._log is not None:
            self._log.write(Reading(step, now.loss, lr=now.rate, grad_norm=now.norm, **{**now.told, **extra}))

    def rolled(self, step: int, now: Attempt, done: tuple[Action, ...]) -> None:
        """Write what a rollback did."""
        told = {action.what.replace(" ", "_"): action.after for action in done if action.after is not None}
        self.update(step, now, **told)

    def close(self) -> None:
        """Close the log."""
        if self._log is not None:
            self._log.close()
