"""What can be done to a schedule: each operation returns a new one, and says what it changes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from surefoot.errors import ArgumentError, FormatError
from surefoot.schedule import slices
from surefoot.schedule.describe import describe
from surefoot.schedule.edit import floored, joined, rewarmed
from surefoot.schedule.extend import Extension, extension
from surefoot.schedule.phase import Phase, rate
from surefoot.schedule.serial import dumps, loads

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
else:
    DataclassInstance = object


class Algebra(ABC, DataclassInstance):
    """The operations of a schedule, over its two fields (abstract: ``Schedule`` is its one final class)."""

    peak: float
    phases: tuple[Phase, ...]

    @property
    @abstractmethod
    def total(self) -> int | None: ...
    @property
    @abstractmethod
    def starts(self) -> tuple[int, ...]: ...
    @abstractmethod
    def __call__(self, step: int, *, strict: bool = False) -> float: ...
    @abstractmethod
    def array(self, start: int = 0, stop: int | None = None) -> NDArray[np.float64]: ...

    def with_peak(self, peak: float) -> Self:
        """Return the same shape with another ``peak`` (a rate >= 0)."""
        return replace(self, peak=rate(peak, "peak"))

    def scaled(self, k: float) -> Self:
        """Return the schedule with every rate times ``k`` (>= 0)."""
        return replace(self, peak=self.peak * rate(k, "k"))

    def with_floor(self, floor: float | None = None, *, floor_lr: float | None = None) -> Self:
        """Return the schedule moved so that it ends at a floor: a fraction of the peak, or the rate ``floor_lr``.

        Every level after the warmup is mapped linearly, the highest onto itself and the lowest onto the floor.
        Raises ArgumentError unless exactly one of the two is given, within [0, peak].

        >>> from surefoot.schedule.core import Schedule
        >>> from surefoot.schedule.phase import ramp
        >>> Schedule(1.0, (ramp(0, 1, 2), ramp(1, 0, 4))).with_floor(0.1)
        Schedule(1.0, (ramp(0.0, 1.0, 2), ramp(1.0, 0.1, 4)))
        """
        return floored(self, floor, floor_lr)

    def then(self, other: Self) -> Self:
        """Return this schedule followed by ``other``: the rate of update ``total + t`` is ``other(t)``.

        The result has the higher of the two peaks; the factors of the other one are rescaled. Joining is associative.
        Raises ArgumentError if this schedule is open.

        >>> from surefoot.schedule.core import Schedule
        >>> from surefoot.schedule.phase import hold, ramp
        >>> Schedule(1.0, (ramp(0, 1, 2),)).then(Schedule(0.5, (hold(2),))).array().tolist()
        [0.0, 0.5, 0.5, 0.5]
        """
        return joined(self, other)

    def repeat(self, n: int) -> Self:
        """Return the schedule ``n`` times over (n >= 1), each time from its first update.

        >>> from surefoot.schedule.core import Schedule
        >>> from surefoot.schedule.phase import ramp
        >>> Schedule(1.0, (ramp(1, 0, 2),)).repeat(2).array().tolist()
        [1.0, 0.5, 1.0, 0.5]
        """
        slices.closed(self, "repeated")
        return replace(self, phases=self.phases * slices.inside(n, None, "n", least=1))

    def head(self, at: int) -> Self:
        """Return the first ``at`` updates (at >= 1) with the same rates to the bit."""
        return replace(self, phases=slices.before(self, slices.inside(at, self.total, least=1)))

    def tail(self, at: int) -> Self:
        """Return the updates from ``at`` on (at < total) with the same rates to the bit, counted from 0 again."""
        return replace(self, phases=slices.after(self, slices.inside(at, self.total and self.total - 1)))

    def stretch(self, total: int) -> Self:
        """Return the schedule run through in ``total`` updates: the same factor at the same fraction of the run.

        ``new(t) = old(t * old.total / total)``; boundaries of phases are rounded by floor(x + 0.5).

        >>> from surefoot.schedule.core import Schedule
        >>> from surefoot.schedule.phase import ramp
        >>> Schedule(1.0, (ramp(0, 1, 2), ramp(1, 0, 4))).stretch(12)
        Schedule(1.0, (ramp(0.0, 1.0, 4), ramp(1.0, 0.0, 8)))
        """
        slices.closed(self, "stretched")
        return replace(self, phases=slices.sped(self.phases, slices.inside(total, None, "total", least=1)))

    def rewarm(self, at: int, steps: int) -> Self:
        """Return the schedule with a fresh warmup: from 0 at update ``at`` to its own rate at ``at + steps``.

        A resume without the optimizer's state needs it: Adam's second moments begin at 0 again, so the first updates
        would be as large as at initialisation while the rate is not. Rates before ``at`` and from ``at + steps`` on are
        the same to the bit. Raises ArgumentError where the warmup does not fit before the end.

        >>> from surefoot.schedule.core import Schedule
        >>> from surefoot.schedule.phase import hold
        >>> Schedule(1.0, (hold(8),)).rewarm(2, 4).array().tolist()
        [1.0, 1.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
        """
        return rewarmed(self, at, steps)

    def extend(self, steps: int, *, at: int | None = None, policy: str | None = None) -> Self:
        """Return the schedule of a run that gets ``steps`` more updates, decided when it stands at update ``at``.

        Rates before min(``at``, start of the decay) stay bit-equal; with ``at`` given, all rates before it do. A
        schedule with a hold lengthens it. One without needs a ``policy``: "stretch", "continue", "rewarm" or "hold"
        (see ``surefoot.schedule.extend``); the error says what jump each makes, and ``extension`` shows it as data.
        ``at`` None means the start of the decay, for the last three policies the end. An open plan is returned as is.

        >>> from surefoot.schedule.core import Schedule
        >>> from surefoot.schedule.phase import hold, ramp
        >>> Schedule(1.0, (ramp(0, 1, 2), hold(4), ramp(1, 0, 2))).extend(10)
        Schedule(1.0, (ramp(0.0, 1.0, 2), hold(14), ramp(1.0, 0.0, 2)))
        """
        return self.extension(steps, at=at, policy=policy).schedule

    def extension(self, steps: int, *, at: int | None = None, policy: str | None = None) -> Extension[Self]:
        """Return what ``extend`` would do, before it is done: the schedule, and the jump of the rate at ``at``.

        >>> from surefoot.schedule.core import Schedule
        >>> from surefoot.schedule.phase import ramp
        >>> found = Schedule(1.0, (ramp(1, 0, 8),)).extension(8, at=4, policy="stretch")
        >>> found.before, found.after, found.jump
        (0.5, 0.75, 0.25)
        """
        return extension(self, steps, at, policy)

    def describe(self) -> str:
        """Return one line that says what the schedule does."""
        return describe(self)

    def to_json(self) -> str:
        """Return the schedule as JSON text; ``from_json`` makes an equal schedule of it."""
        return dumps(self.peak, self.phases)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the schedule that ``text`` holds; nothing of it is run. Raises FormatError if it is no schedule."""
        peak, phases = loads(text)
        try:
            return cls(peak, phases)  # type: ignore[call-arg]  # the one final class takes exactly these two
        except ArgumentError as wrong:
            raise FormatError(f"the schedule cannot be used: {wrong}") from None
