"""Gauges: how far the trials in other processes are, in memory that they share with the one that asked."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.shared_memory import SharedMemory

from surefoot.search.running import Watch

_FORM = struct.Struct("=qd")
INTERVAL = 0.1


@dataclass(frozen=True, slots=True)
class Gauge:
    """Where one trial says its step and loss: a place in shared memory; it can be pickled."""

    name: str
    place: int

    def told(self) -> Watch | None:
        """Return what a trial is to be watched with, in its own process; None if nobody reads any more."""
        try:
            memory = SharedMemory(self.name)
        except OSError:
            return None
        last = 0.0

        def watch(step: int, loss: float, _rate: float) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= INTERVAL:
                last = now
                _FORM.pack_into(_held(memory), self.place * _FORM.size, step + 1, loss)

        return watch


def _held(memory: SharedMemory) -> memoryview:
    if memory.buf is None:
        raise ValueError("the memory was given back")
    return memory.buf


@dataclass(frozen=True, slots=True)
class Gauges:
    """The gauges of a batch of trials."""

    memory: SharedMemory

    def gauge(self, place: int) -> Gauge:
        """Return the gauge of the trial ``place``."""
        return Gauge(self.memory.name, place)

    def read(self, place: int) -> tuple[int, float]:
        """Return the updates that the trial ``place`` has made, and its loss; zeros before it began."""
        steps, loss = _FORM.unpack_from(_held(self.memory), place * _FORM.size)
        return int(steps), float(loss)


@contextmanager
def gauges(count: int) -> Iterator[Gauges | None]:
    """Yield gauges for ``count`` trials, None where the system has no memory to share; it is given back at the end.

    >>> with gauges(2) as told:
    ...     told.gauge(1).told()(9, 0.5, 0.1)
    ...     told.read(0), told.read(1)
    ((0, 0.0), (10, 0.5))
    """
    try:
        memory = SharedMemory(create=True, size=count * _FORM.size)
    except OSError:
        yield None
        return
    try:
        yield Gauges(memory)
    finally:
        memory.close()
        memory.unlink()
