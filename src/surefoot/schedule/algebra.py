"""What can be done to a schedule: each operation returns a new one, and says what it changes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Self

from surefoot.schedule.phase import Phase, rate

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
else:
    DataclassInstance = object


class Algebra(DataclassInstance):
    """The operations of a schedule, over its two fields (abstract: ``Schedule`` is its one final class)."""

    peak: float
    phases: tuple[Phase, ...]

    def with_peak(self, peak: float) -> Self:
        """Return the same shape with another ``peak`` (a rate >= 0)."""
        return replace(self, peak=rate(peak, "peak"))

    def scaled(self, k: float) -> Self:
        """Return the schedule with every rate times ``k`` (>= 0)."""
        return replace(self, peak=self.peak * rate(k, "k"))
