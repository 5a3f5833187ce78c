"""Curve: what a search measured, and what is read off it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from surefoot.chart.curves import curve_chart
from surefoot.curve.band import Band, band_of
from surefoot.curve.reading import fields_in, fields_of, loaded
from surefoot.curve.sensing import sensitivity
from surefoot.curve.table import Array, Groups, Table, grouped, table_of
from surefoot.errors import ArgumentError
from surefoot.svg import svg
from surefoot.trial import Trial, plain


@dataclass(frozen=True, slots=True)
class Curve:
    """The rate against the loss: trials, the loss at initialisation, and the range test that preceded them.

    ``test_lrs``/``test_losses`` are the range test's rate and raw loss at each of its updates (empty if none was run).
    ``interrupted`` says that the search was stopped before its last trial.

    >>> curve = Curve((Trial(0.1, 0, 50, 50, 0.7), Trial(0.2, 0, 50, 50, 0.3), Trial(0.4, 0, 9, 50, 2.0, "diverged")))
    >>> curve.best.lr, curve.edge, curve.cost_steps
    (0.2, 0.4, 109)
    """

    trials: Sequence[Trial] = ()
    start_loss: float = float("nan")
    test_lrs: tuple[float, ...] = ()
    test_losses: tuple[float, ...] = ()
    interrupted: bool = False
    _table: Table | None = field(default=None, init=False, repr=False, compare=False)
    _groups: Groups | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def table(self) -> Table:
        """The trials as columns, gathered when first asked for."""
        found = self._table
        if found is None:
            found = table_of(self.trials)
            object.__setattr__(self, "_table", found)
        return found

    @property
    def best(self) -> Trial | None:
        """The trial with the lowest loss among the longest ones; None where every run failed."""
        rows = self.table
        good = ~rows.lost
        if not good.any():
            return None
        longest = good & (rows.total == rows.total[good].max())
        return self.trials[int(np.argmin(np.where(longest, rows.loss, math.inf)))]

    @property
    def edge(self) -> float | None:
        """The lowest rate above the best one that diverged, or whose loss did not fall; None if none was seen."""
        best, rows = self.best, self.table
        above = rows.lr[(rows.lost | rows.stuck) & (rows.lr > (0.0 if best is None else best.lr))]
        return float(above.min()) if above.size else None

    @property
    def cost_steps(self) -> int:
        """The updates spent on the trials and on the range test."""
        return int(self.table.steps.sum()) + len(self.test_lrs)

    @property
    def validated(self) -> bool:
        """Whether every trial that ended well was judged by validation loss."""
        good = ~self.table.lost
        return bool(good.any() and self.table.validated[good].all())

    def means(self, total: int | None = None) -> tuple[Array, Array]:
        """Return what ``by_rate`` says as arrays: the rates, rising, and the mean loss of each."""
        groups = self._grouped(total)
        return groups.rates, groups.means()

    def _grouped(self, total: int | None) -> Groups:
        if total is not None:
            return grouped(self.table, total)
        found = self._groups
        if found is None:
            found = grouped(self.table)
            object.__setattr__(self, "_groups", found)
        return found

    def by_rate(self, total: int | None = None) -> dict[float, float]:
        """Return the mean loss over seeds of each rate tried at length ``total`` (the longest unless given).

        A rate whose run failed under any seed counts as infinite.
        """
        rates, losses = self.means(total)
        return dict(zip(rates.tolist(), losses.tolist(), strict=True))

    def band(self, level: float = 0.9, *, total: int | None = None, paired: bool = False) -> Band:
        """Return mean, standard error and Student interval over seeds of each rate tried at length ``total``.

        ``level`` is the probability that an interval holds the mean of its rate, ``total`` the longest length unless
        given. ``paired`` first takes from each loss what its seed adds to all rates (the seed's mean over the rates
        that ended under every seed, less the mean of those): then the intervals say how well rates are told apart,
        which common random numbers make much sharper than each loss is known. Raises ArgumentError for a level outside
        (0, 1).

        >>> curve = Curve(tuple(Trial(0.1, seed, 9, 9, loss) for seed, loss in enumerate((1.0, 2.0, 3.0))))
        >>> band = curve.band()
        >>> band.means, round(band.errors[0], 4), round(band.highs[0], 4)
        ((2.0,), 0.5774, 3.6859)
        """
        return band_of(self._grouped(total), level, paired=paired)

    def plateau(self, within: float = 0.01) -> tuple[float, float] | None:
        """Return the lowest and highest rate around the best whose regret is at most ``within``.

        regret(lr) = (loss(lr) - best) / (loss at initialisation - best), on the longest trials; None where no trial
        improved on the start.
        """
        lrs, losses = self.means()
        gain = self.start_loss - float(losses.min(initial=math.inf))
        if not (math.isfinite(gain) and gain > 0):
            return None
        best = int(np.argmin(losses))
        bad = np.flatnonzero(~((losses - losses[best]) / gain <= within))
        place = int(np.searchsorted(bad, best))
        low = int(bad[place - 1]) + 1 if place else 0
        high = int(bad[place]) - 1 if place < len(bad) else len(lrs) - 1
        return float(lrs[low]), float(lrs[high])

    def sensitivity(self, low: float | None = None, high: float | None = None) -> float | None:
        """Return the LR sensitivity over the window ``low`` to ``high``: what ``sf.sensitivity`` says of this curve."""
        return sensitivity(self, low, high)

    def _repr_html_(self) -> str | None:
        return drawn(self)

    def plain(self) -> dict[str, Any]:
        """Return the curve as dicts, lists and numbers that strict JSON can hold."""
        names = ("start_loss", "test_lrs", "test_losses", "interrupted")
        return {"trials": [plain(trial) for trial in self.trials], **{n: plain(getattr(self, n)) for n in names}}

    def to_json(self) -> str:
        """Return the curve as JSON text; ``from_json`` reads it back to an equal curve (NaN included, as null)."""
        return json.dumps(self.plain(), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Curve:
        """Return the curve that ``to_json`` wrote; raise FormatError if it is none."""
        return curve_of(*loaded(text, "curve"))

    @classmethod
    def from_file(cls, path: str | Path) -> Curve:
        """Return the curve in a file: a journal, JSON lines of trials, result.json, or a curve or peak in JSON.

        A line of trials has at least ``lr`` and ``loss``, and what else it has of a Trial's fields. A long file is read
        as columns: a Trial is made when it is looked at. The initial loss is that of the first trial that gives one.
        Raises FormatError where the file holds no curve, ArgumentError where it can't be read.
        """
        return cls(**fields_in(Path(path)))


def curve_of(data: Any, trials: Sequence[Trial] | None = None) -> Curve:
    """Return the curve that ``Curve.plain`` turned into ``data``, with its ``trials`` where they were read apart."""
    return Curve(**fields_of(data, trials))


def drawn(found: Any) -> str | None:
    """Return the picture a notebook shows; None, so that it shows the text, where there is nothing to draw."""
    try:
        return svg(curve_chart(found))
    except ArgumentError:
        return None
