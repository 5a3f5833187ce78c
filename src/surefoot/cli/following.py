"""Following a log that grows: its latest run each time it changed, read no more often than reading it allows."""

from __future__ import annotations

import io
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from surefoot.errors import ArgumentError, FormatError
from surefoot.history.columns import History
from surefoot.history.reading_logs import read_runs

Maps = dict[str, str] | None

PART = 10.0
"""Reading may take one part in this many of the time: a log of a million rows is read every half minute."""
_BLOCK, _ENTRIES = 1 << 16, 2000


@dataclass(frozen=True)
class Said:
    """A sentence about the log; ``anew`` where another run begins."""

    text: str
    anew: bool = False


Event = History | Said


@dataclass(frozen=True)
class Beat:
    """How often to look: ``interval`` in seconds, and the clock and the sleep that tests replace."""

    interval: float = 1.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep

    def rest(self, cost: float) -> None:
        """Wait for the next look after one that took ``cost`` seconds."""
        self.sleep(max(self.interval, PART * cost))


def followed(path: Path, maps: Maps = None, beat: Beat = Beat()) -> Iterator[Event]:
    """Yield the latest run in ``path`` whenever it changed, and a sentence where there is something to say; no end.

    A file that is not there yet is waited for; one that was truncated, replaced or begun again is a new run. What
    cannot be read may be half written: it is said once, and read again when it changes.
    """
    mark: object = None
    before: History | None = None
    said: Event | None = None
    while True:
        now, cost = _signature(path), 0.0
        if now is None:
            event: Event | None = Said(f"Waiting for {path}: it is not there yet.") if before is None else None
        elif now != mark:
            began = beat.clock()
            event, mark = _latest(path, maps), now
            cost = beat.clock() - began
        else:
            event = None
        if isinstance(event, History):
            if before is not None and _is_another(before, event):
                yield Said(f"{path.name} was begun again: a new run is watched.", anew=True)
            before, said = event, None
            yield event
        elif event is not None and event != said:
            said = event
            yield event
        beat.rest(cost)


def piped(stream: IO[bytes], maps: Maps = None, beat: Beat = Beat()) -> Iterator[Event]:
    """Yield the run in ``stream`` whenever more of it came, until its end; FormatError if it holds none."""
    pipe = _Pipe(stream)
    threading.Thread(target=pipe.run, daemon=True).start()
    size, cost = 0, 0.0
    event: Event = Said("Nothing came through the pipe.")
    while True:
        over, data = pipe.over.is_set(), bytes(pipe.data)
        if len(data) > size:
            began = beat.clock()
            event = _latest(io.BytesIO(data), maps)
            size, cost = len(data), beat.clock() - began
            if isinstance(event, History):
                yield event
        if over:
            if isinstance(event, Said):
                raise FormatError(event.text)
            return
        pipe.over.wait(max(beat.interval, PART * cost))


@dataclass
class _Pipe:
    """What came through a pipe so far; a thread waits for more, as a pipe has no other way to be asked."""

    stream: IO[bytes]
    data: bytearray = field(default_factory=bytearray)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        try:
            while block := os.read(self.stream.fileno(), _BLOCK):
                self.data += block
        finally:
            self.over.set()


def _latest(log: Any, maps: Maps) -> Event:
    try:
        return read_runs(log, map=maps)[-1]
    except (FormatError, ArgumentError) as error:
        return Said(str(error))


def _signature(path: Path) -> object:
    try:
        if not path.is_dir():
            return _stamp(path)
        files = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
        return tuple(_stamp(file) for _, file in zip(range(_ENTRIES), files, strict=False))
    except OSError:
        return None


def _stamp(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def _is_another(before: History, now: History) -> bool:
    """Say whether ``now`` is no continuation of ``before``: it is shorter, or begins otherwise."""
    ends = [float(run["step"][-1]) for run in (before, now)]
    starts = [(float(run["step"][0]), float(run["loss"][0])) for run in (before, now)]
    differ = [a != b for a, b in zip(*starts, strict=True) if not (math.isnan(a) or math.isnan(b))]
    return ends[1] < ends[0] or any(differ)
