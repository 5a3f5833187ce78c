"""Batch: rows as a piece of a History, the same however they are cut."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from surefoot.history.columns import History, columns
from surefoot.history.origin import Origin
from surefoot.live.values import Row


def batch(rows: Sequence[Row], origin: Origin) -> History:
    """Return rows as a history that says of each value whether it was given, so that no cut is read differently."""
    found = columns(rows)
    blank = {name: np.array([name not in row for row in rows]) for name in found if name != "step"}
    return History(found, origin=origin, blank=blank)


def judges(name: str) -> bool:
    """Say whether a field of this name is of an evaluation."""
    return name.startswith("val")
