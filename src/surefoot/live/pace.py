"""Pace: when the rows so far are judged again, so that judging stays a small share of a run's time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

LEAST = 16
SHARE = 200.0
"""Judging may take one part in this many of the time gone by: half a percent."""


@dataclass(slots=True)
class Pace:
    """When to judge, in O(1) a row: what is due by rows alone, and what is due sooner because time allows.

    Due are: 64 rows, and then every growth by a half, whatever it costs; ``max(16, rows / 64)`` rows once the time
    gone by is 200 times what the last judgement took; after ``alarmed()``, the next row, where alarms that bring
    nothing new have to wait twice as long each time unless time allows more; and the row ``ripe``, at which a finding
    that stands may be reported.
    """

    clock: Callable[[], float]
    rows: int = 0
    last: int = -1
    wait: int = 1
    urgent: bool = False
    free: float = -math.inf
    ripe: float = math.inf

    def due(self) -> bool:
        """Say whether the rows should be judged now."""
        since = self.rows - max(self.last, 0)
        if since < LEAST and not self.urgent and self.rows < self.ripe:
            return False
        if self.rows >= self.ripe or since >= max(4 * LEAST, self.rows // 3) or (self.urgent and since >= self.wait):
            return True
        return (self.urgent or since >= max(LEAST, self.rows // 64)) and self.clock() >= self.free

    def judged(self, cost: float) -> None:
        """Note that all rows were judged, and how many seconds it took."""
        self.wait = 2 * self.wait if self.urgent else max(1, self.wait // 2)
        self.urgent, self.last = False, self.rows
        self.free = self.clock() + SHARE * cost
