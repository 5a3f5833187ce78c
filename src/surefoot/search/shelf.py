"""The shelf: runs stopped before their cooldown, to be gone on from by longer trials at the same rate."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from surefoot.task import Task

Place = tuple[float, int]
"""What a run on the shelf is known by: its rate, and the updates it has made."""


class Branching(Protocol):
    """What a Task must offer, beside being one, for its runs to be branched; those of ``surefoot.torch`` do.

    ``snapshot()`` between two updates returns a copy of the run under way; ``resume(branch, schedule)`` is a run that
    goes on from it, bit for bit, with the update after the last one of the copy.
    """

    def snapshot(self) -> Any:
        """Return a copy of the run under way."""

    def resume(self, branch: Any, schedule: Any) -> Iterator[Any]:
        """Return a run that goes on from ``branch``."""


def branches(task: Task) -> bool:
    """Say whether the runs of ``task`` can be branched; a function around such a task hides it."""
    return _takes(getattr(task, "snapshot", None)) and _takes(getattr(task, "resume", None), None, None)


def _takes(method: Any, *arguments: None) -> bool:
    """Say whether ``method`` can be called so: other objects have methods of these names for other purposes."""
    try:
        inspect.signature(method).bind(*arguments)
    except (TypeError, ValueError):
        return False
    return True


@dataclass(slots=True)
class Shelf:
    """Copies of runs, in this process only: what was known of each, and what goes on with it."""

    held: dict[Place, tuple[Any, Any]] = field(default_factory=dict)

    def put(self, task: Any, place: Place, run: Any) -> bool:
        """Put the run under way on the shelf; False where there is no memory for it."""
        try:
            branch = task.snapshot()
        except (MemoryError, RuntimeError):  # torch says that a device is full with a RuntimeError
            return False
        self.held[place] = (run, partial(task.resume, branch))
        return True

    def taken(self, rate: float, since: int) -> Any:
        """Take what stands at a place off the shelf; None where nothing does."""
        return self.held.pop((rate, since), None)

    def keep(self, places: Collection[Place]) -> None:
        """Throw everything away but what stands at ``places``."""
        for place in [one for one in self.held if one not in places]:
            del self.held[place]
