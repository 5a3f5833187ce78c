"""Track: one field of an optimizer that follows a schedule."""

from __future__ import annotations

from surefoot.schedule.core import Schedule
from surefoot.torch.factors import Factors
from surefoot.torch.slots import Groups, Slot
from surefoot.torch.write import Floats, Single, Writer, writer

_BLOCK = 1024


class Track:
    """A field with its schedule, the factors of the groups, and the writer that knows what was left in them.

    Rates are evaluated a block at a time: a vectorised schedule costs some ns a value, a scalar call some us.
    """

    __slots__ = ("_even", "_rates", "_ready", "_start", "factors", "schedule", "slot", "writer")

    def __init__(self, slot: Slot, schedule: Schedule, factors: Factors, groups: Groups) -> None:
        self.slot = slot
        self.schedule = schedule
        self.factors = factors
        self.writer: Writer = writer(slot, groups)
        self._start = 0
        self._rates: list[float] = []
        self._ready: list[float] = []
        self._even = False

    def rate(self, step: int) -> float:
        """Return the schedule's value for update ``step``, without cuts."""
        k = step - self._start
        if not 0 <= k < len(self._rates):
            self._start, k = step, 0
            self._rates = self.schedule.array(step, step + _BLOCK).tolist()
            factors = self.factors.values
            self._ready = [rate * factors[0] for rate in self._rates]
            self._even = all(factor == factors[0] for factor in factors)
        return self._rates[k]

    def values(self, step: int, multiplier: float = 1.0) -> list[float]:
        """Return the value of each group for update ``step``."""
        rate = self.rate(step) * multiplier
        return [rate * factor for factor in self.factors.values]

    def swap(self, groups: Groups, step: int) -> bool:
        """Write the values of update ``step`` if nobody touched the groups and there is no question; else return False.

        It is ``intact``, ``values`` and ``write`` of plain numbers in one: the path that nearly every update takes.
        """
        k = step - self._start
        if not 0 <= k < len(self._ready):
            return False
        if type(self.writer) is Single and len(groups) == 1:
            return self.writer.swap(groups[0], self._ready[k])
        if type(self.writer) is not Floats or len(groups) != len(self.factors.values):
            return False
        if self._even:
            return self.writer.swap(groups, [self._ready[k]] * len(groups))
        rate = self._rates[k]
        return self.writer.swap(groups, [rate * factor for factor in self.factors.values])

    def rebind(self, groups: Groups) -> None:
        """Take what the groups hold now as the state to compare with; groups added since get their factor."""
        if len(groups) != len(self.factors.values):
            self.factors = self.factors.grown(self.slot, groups)
        self.writer = writer(self.slot, groups)
        self._rates, self._ready = [], []

    def found(self, groups: Groups) -> list[float]:
        """Return what the groups hold now."""
        return [self.slot.number(group) for group in groups]
