"""Fold and Detector: three pure functions over rows, so that any chunking of a log gives the same finding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from surefoot.diagnosis.nouns import Finding
from surefoot.history.columns import History

S = TypeVar("S")


@dataclass(frozen=True)
class Fold(Generic[S]):
    """What is remembered of the rows seen so far, in memory that does not grow with them.

    ``init() -> state`` and ``update(state, rows) -> state`` are pure, and updating with the rows of a history piece by
    piece ends in a state that says the same as updating with them at once.
    """

    init: Callable[[], S]
    update: Callable[[S, History], S]


@dataclass(frozen=True)
class Detector(Generic[S]):
    """One trouble: its ``code`` and ``name``, the ``fold`` it reads, and ``finding(state) -> Finding | None``.

    Detectors that share a fold share its state: it is run once for all of them.
    """

    code: str
    name: str
    fold: Fold[S]
    finding: Callable[[S], Finding | None]

    def init(self) -> S:
        """Return the state before the first row."""
        return self.fold.init()

    def update(self, state: S, rows: History) -> S:
        """Return the state after ``rows``."""
        return self.fold.update(state, rows)
