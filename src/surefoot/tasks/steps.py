"""The steps of a run, which may have no end."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from surefoot.schedule.core import Schedule


def updates(schedule: Schedule) -> Iterable[int]:
    """Return the steps of ``schedule``: 0 to total - 1, or without end where the plan is open.

    >>> from surefoot.schedule.phase import hold
    >>> list(updates(Schedule(0.1, (hold(3),))))
    [0, 1, 2]
    """
    return count() if schedule.total is None else range(schedule.total)
