"""The trials of a curve as columns: what is compared, in arrays, so that a million of them are no trouble."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.trial import STATUSES, Trial

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Columns [n] of trials: ``stage`` and ``status`` are places in ``stages`` and in ``trial.STATUSES``."""

    lr: Array
    loss: Array
    seed: NDArray[np.int64]
    steps: NDArray[np.int64]
    total: NDArray[np.int64]
    status: NDArray[np.int8]
    validated: NDArray[np.bool_]
    stage: NDArray[np.int16]
    stages: tuple[str, ...]

    @property
    def lost(self) -> NDArray[np.bool_]:
        """Which trials carry no loss to compare, as ``Trial.failed`` says."""
        named = (self.status == STATUSES.index("diverged")) | (self.status == STATUSES.index("failed"))
        return np.asarray(named | ~np.isfinite(self.loss), dtype=np.bool_)

    @property
    def stuck(self) -> NDArray[np.bool_]:
        """Which trials ended where they began."""
        return np.asarray(self.status == STATUSES.index("stuck"), dtype=np.bool_)

    def kept(self, where: Any) -> Table:
        """Return the rows at ``where``, an index or a mask."""
        columns = {name: getattr(self, name)[where] for name in _COLUMNS}
        return Table(**columns, stages=self.stages)


_COLUMNS = ("lr", "loss", "seed", "steps", "total", "status", "validated", "stage")


def table_of(trials: Sequence[Trial]) -> Table:
    """Return the columns of ``trials``: those that they have already (``table``), or gathered from each."""
    found = getattr(trials, "table", None)
    if isinstance(found, Table):
        return found
    stages = {name: k for k, name in enumerate(dict.fromkeys(trial.stage for trial in trials))}
    place = {name: k for k, name in enumerate(STATUSES)}
    return Table(
        np.array([trial.lr for trial in trials], np.float64),
        np.array([trial.loss for trial in trials], np.float64),
        np.array([trial.seed for trial in trials], np.int64),
        np.array([trial.steps for trial in trials], np.int64),
        np.array([trial.total for trial in trials], np.int64),
        np.array([place[trial.status] for trial in trials], np.int8),
        np.array([trial.validated for trial in trials], np.bool_),
        np.array([stages[trial.stage] for trial in trials], np.int16),
        tuple(stages),
    )


def means(table: Table, total: int | None = None) -> tuple[Array, Array]:
    """Return the rates tried at length ``total`` (the longest unless given), rising, and the mean loss of each.

    A rate whose run failed under any seed counts as infinite.
    """
    if not len(table.lr):
        return np.zeros(0), np.zeros(0)
    length = int(table.total.max()) if total is None else total
    here = table.total == length
    whole = bool(here.all())
    lr, losses = (table.lr, table.loss) if whole else (table.lr[here], table.loss[here])
    lost = table.lost if whole else table.lost[here]
    rates, place, count = np.unique(lr, return_inverse=True, return_counts=True)
    sums = np.bincount(place, np.where(lost, np.inf, losses), len(rates))
    return rates, sums / count
