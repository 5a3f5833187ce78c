"""Loading: batches epoch after epoch from whatever a user iterates over, without touching the user's own position."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from torch.utils.data import DataLoader

from surefoot.errors import ArgumentError, TaskError
from surefoot.torch.memory import Memory, is_open

_END = object()


class Buffered:
    """The batches of a one-shot iterator, kept as they are drawn, so that every iteration begins with the first.

    ``for batch in buffered`` begins with the batches that trials have drawn already: none is lost.

    >>> buffered = Buffered(iter("abc"))
    >>> next(iter(buffered)), "".join(buffered)
    ('a', 'abc')
    """

    def __init__(self, source: Iterator[Any]) -> None:
        self._source = source
        self._seen: list[Any] = []

    def __iter__(self) -> Iterator[Any]:
        k = 0
        while k < len(self._seen) or self._draw():
            yield self._seen[k]
            k += 1

    def _draw(self) -> bool:
        drawn = list(islice(self._source, 1))
        self._seen += drawn
        return bool(drawn)


def rewindable(loader: Any, *, buffer: bool, name: str = "loader") -> Any:
    """Return ``loader`` if every trial can begin it anew, a Buffered one if ``buffer``; raise ArgumentError if not."""
    if isinstance(loader, Iterator) and not isinstance(loader, Buffered):
        if buffer:
            return Buffered(loader)
        if is_open(loader):
            raise ArgumentError(
                f"{name}={type(loader).__name__} is a one-shot iterator, and every trial must begin it anew: pass what "
                "it was made from (the DataLoader), a function that makes it, or buffer=True to keep its batches."
            )
    if not hasattr(loader, "__iter__") and not callable(loader) and not hasattr(loader, "__getitem__"):
        raise ArgumentError(
            f"{name}={loader!r:.80} can't be iterated over: pass a DataLoader, a list of batches, or a function that "
            "returns an iterator."
        )
    return loader


@dataclass
class Batches:
    """An endless stream of batches: ``loader`` is begun anew when it ends; ``mark`` remembers where an epoch began."""

    loader: Any
    mark: Callable[[], Memory]
    epoch: int = 0
    taken: int = 0
    start: Memory | None = None
    _live: Iterator[Any] | None = field(default=None, repr=False)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        """Return the next batch; raise TaskError if the loader has none, or cannot be begun again."""
        for fresh in (False, True):
            if self._live is None:
                self._begin()
            batch = next(self._live, _END) if self._live is not None else _END
            if batch is not _END:
                self.taken += 1
                return batch
            if fresh or self.taken == 0:
                break
            self._live, self.epoch, self.taken = None, self.epoch + 1, 0
        raise TaskError(_dry(self.epoch))

    def branch(self) -> Callable[[], Batches]:
        """Return a function that makes a stream which goes on from here (it loads the epoch's batches again)."""
        epoch, taken, start = self.epoch, self.taken, self.start

        def again() -> Batches:
            stream = Batches(self.loader, self.mark, epoch, start=start)
            if start is not None:
                start.restore()
            if taken:
                stream._live = begun(self.loader)
                for _ in islice(stream, taken):
                    pass
            return stream

        return again

    def _begin(self) -> None:
        if self.epoch:
            _reshuffle(self.loader)
        # A list of batches is the same in every epoch, and its epochs may be a single batch long.
        self.start = None if isinstance(self.loader, (list, tuple)) else self.mark()
        self._live = begun(self.loader)


def begun(loader: Any) -> Iterator[Any]:
    """Return a new iterator over ``loader`` that shares nothing with one the user may hold."""
    if callable(loader) and not hasattr(loader, "__iter__"):
        return iter(loader())
    if isinstance(loader, DataLoader) and loader.persistent_workers:
        # Persistent workers serve one iterator, and it may be the user's: trials get workers of their own.
        twin = copy.copy(loader)
        twin.__dict__.update(_iterator=None, persistent_workers=False)
        return iter(twin)
    return iter(loader)


def _reshuffle(loader: Any) -> None:
    owners: tuple[Any, ...] = (loader, getattr(loader, "sampler", None))
    for owner in owners:
        if callable(getattr(owner, "set_epoch", None)):
            owner.set_epoch(getattr(owner, "epoch", 0) + 1)
            return


def _dry(epoch: int) -> str:
    if epoch == 0:
        return "loader is empty: it yielded no batch; check its dataset, batch size and drop_last."
    return (
        f"loader yielded nothing when it was begun again after epoch {epoch - 1}: make it iterable more than once, "
        "or pass buffer=True."
    )
