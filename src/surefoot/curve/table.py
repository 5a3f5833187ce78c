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


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """The trials of one length by rate: ``rates`` [r], rising, ``counts`` [r], and what each trial [n] has.

    The trials are in the order of their rates; ``seeds`` are theirs, ``losses`` too, infinite where one failed.
    """

    rates: Array
    counts: NDArray[np.int64]
    seeds: NDArray[np.int64]
    losses: Array

    @property
    def place(self) -> NDArray[np.int64]:
        """The place of each trial's rate in ``rates``."""
        return np.repeat(np.arange(len(self.rates)), self.counts)

    def means(self, values: Array | None = None) -> Array:
        """Return the mean of ``values`` [n] at each rate, unless given of the losses: infinite where a run failed."""
        if not len(self.rates):
            return np.zeros(0)
        starts = np.cumsum(self.counts) - self.counts
        sums = np.add.reduceat(self.losses if values is None else values, starts)
        return np.asarray(sums / self.counts, dtype=np.float64)


def grouped(table: Table, total: int | None = None) -> Groups:
    """Return the trials of length ``total``, the longest unless given, by rate."""
    length = int(table.total.max(initial=0)) if total is None else total
    here = table.total == length
    rows = table if here.all() else table.kept(here)
    order = np.argsort(rows.lr)
    lr = rows.lr[order]
    starts = np.flatnonzero(np.concatenate([np.ones(len(lr[:1]), bool), lr[1:] != lr[:-1]]))
    counts = np.diff(np.append(starts, len(lr)))
    return Groups(lr[starts], counts, rows.seed[order], np.where(rows.lost, np.inf, rows.loss)[order])
