"""Staging: one set of live objects, many runs; one run at a time is on stage, and the scenery is put back after all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from surefoot.errors import TaskError
from surefoot.torch.memory import Memory
from surefoot.torch.snapshot import Scene, snapshot


@dataclass
class Stage:
    """Who is on stage: ``base`` is the user's own state, ``parked`` what the suspended runs left behind.

    A run that is resumed while another is on stage changes places with it, so a search may interleave runs over the
    same objects; each switch costs one copy of their state.
    """

    scene: Scene
    base: Memory | None = None
    pinned: bool = False
    actor: object | None = None
    parked: dict[object, Memory] = field(default_factory=dict)

    def enter(self, run: object) -> None:
        """Begin ``run`` from the user's state."""
        if self.base is None:
            self.base = snapshot(self.scene)
        self.take(run, self.base)

    def take(self, run: object, memory: Memory) -> None:
        """Put ``run`` on stage in the state that ``memory`` holds."""
        if self.actor is not None:
            self.parked[self.actor] = snapshot(self.scene)
        self.actor = run
        memory.restore()

    def resume(self, run: object) -> None:
        """Put ``run`` back on stage if it is not there."""
        if self.actor is run:
            return
        if run not in self.parked:
            raise TaskError("this run was ended by task.close(): begin a new one.")
        self.take(run, self.parked.pop(run))

    def leave(self, run: object) -> None:
        """End ``run``; the user's state is back on stage unless another run is there."""
        self.parked.pop(run, None)
        if self.actor is run:
            self.actor = None
            self._put_back()

    def close(self) -> None:
        """End every run and put the user's state back."""
        self.parked.clear()
        self.actor = None
        self._put_back()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep one copy of the user's state for all runs inside, and put it back at the end."""
        self.base, self.pinned = snapshot(self.scene), True
        try:
            yield
        finally:
            self.pinned = False
            self.close()

    def _put_back(self) -> None:
        if self.base is not None:
            self.base.restore()
        if self.actor is None and not self.parked and not self.pinned:
            self.base = None
