"""The cells of a fitted law: the runs of one scale together, with the quantities in which scales differ."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from surefoot.errors import ArgumentError
from surefoot.laws.fitting_bowl import Array, Bowl, bowl
from surefoot.laws.fitting_runs import Run
from surefoot.laws.names import family
from surefoot.laws.scale import Scale, amount, horizon, unit_of
from surefoot.schedule.lengths import Length

QUANTITIES = ("batch", "horizon", "params", "width", "depth")
UNITS = {"tok": "tokens", "smp": "samples", "st": "steps", "": ""}
_FIXED = ("kind", "momentum", "beta1", "vocabulary")
_SEEDS = 3
_PRIOR = 2.0


@dataclass(frozen=True, slots=True)
class Units:
    """The units in which a law counts: ``batch`` "smp" or "tok", ``horizon`` "smp", "tok" or "st"; "" if not given."""

    batch: str = ""
    horizon: str = ""

    def values(self, scale: Scale) -> dict[str, float]:
        """Return the quantities that ``scale`` gives, in these units; ArgumentError where one cannot be converted."""
        found = {name: float(v) for name in ("params", "width", "depth") if (v := getattr(scale, name)) is not None}
        if scale.batch is not None and self.batch:
            found["batch"] = amount(scale.batch, self.batch, scale, "batch")
        length = horizon(scale)
        if length is None or not self.horizon:
            return found
        if length[1] != self.horizon and self.horizon == "st":
            length = (length[0] / amount(scale.batch, length[1], scale, "batch"), "st")
        if length[1] != self.horizon:
            raise ArgumentError(f"the length of the run must be in {UNITS[self.horizon]}, as in the sweeps of the law.")
        return found | {"horizon": length[0]}


@dataclass(frozen=True, slots=True)
class Group:
    """The runs of one cell: ``values`` of its quantities, ``points`` [n, d] in logarithms, mean ``losses`` [n]."""

    values: Mapping[str, float]
    points: Array
    losses: Array
    by_seed: Array
    found: Bowl
    runs: int


def units_of(runs: Iterable[Run]) -> Units:
    """Return the units of the runs; ArgumentError where they differ, or a quantity is given at some scales only."""
    scales = list({run.scale for run in runs})
    batches = {unit_of(scale.batch) for scale in scales if scale.batch is not None}
    lengths = {found[1] for scale in scales if (found := horizon(scale)) is not None}
    if len(lengths) > 1:
        raise ArgumentError("curves give the length of runs in different units: use tokens, samples or steps in all.")
    units = Units("tok" if len(batches) > 1 else next(iter(batches), ""), next(iter(lengths), ""))
    named = [frozenset(units.values(scale)) for scale in scales]
    partly = frozenset.union(*named) - frozenset.intersection(*named)
    if partly:
        raise ArgumentError(f"curves give {min(partly)} at some scales only: give it at all of them, or at none.")
    for name in _FIXED:
        if len({getattr(scale, name) for scale in scales}) > 1:
            raise ArgumentError(f"curves differ in {name}: fit each by itself, no power law runs through it.")
    if len({family(scale.optimizer) for scale in scales if scale.optimizer}) > 1:
        raise ArgumentError("curves hold several optimizers: fit each by itself.")
    return units


def grouped(runs: Iterable[Run], units: Units, *, joint: bool) -> list[Group]:
    """Return the cells with their optima, from small to large; ``joint``: runs of all batches in one cell."""
    cells: dict[tuple[tuple[str, float], ...], list[tuple[Run, float]]] = {}
    for run in runs:
        values = units.values(run.scale)
        batch = values.pop("batch") if joint else 0.0
        if "horizon" in values:
            # Whole updates of whole batches make lengths of one plan differ in the fourth digit.
            values["horizon"] = float(f"{values['horizon']:.3g}")
        cells.setdefault(tuple(sorted(values.items())), []).append((run, batch))
    made = [_group(dict(key), inner, joint=joint) for key, inner in cells.items()]
    return sorted(made, key=lambda one: sum(math.log(value) for value in one.values.values()))


def is_grid(runs: Iterable[Run], units: Units) -> bool:
    """Return whether most cells, several, are grids of at least three rates by three batches with an optimum inside."""
    runs = list(runs)
    if not units.batch:
        return False
    groups = grouped(runs, units, joint=True)
    return len(groups) > 2 and sum(one.found.status == "inside" for one in groups) * 2 > len(groups)


def noises(groups: list[Group]) -> list[float]:
    """Return the noise of each cell's log losses: its own residuals shrunk to those of all, or its seeds' if larger."""
    squares, freedom = (sum(getattr(one.found, name) for one in groups) for name in ("squares", "freedom"))
    pooled = squares / freedom if freedom else 0.0
    own = [(one.found.squares + _PRIOR * pooled) / (one.found.freedom + _PRIOR) for one in groups]
    return [math.sqrt(max(first, _seed_noise(one))) for first, one in zip(own, groups, strict=True)]


def _seed_noise(group: Group) -> float:
    """Return the variance of the mean over seeds about a common shift of each seed: common random numbers cancel."""
    table = group.by_seed[np.isfinite(group.by_seed).all(1)] if group.by_seed.shape[1] >= _SEEDS else np.zeros((0, 3))
    if len(table) < _SEEDS or (table <= 0).any():
        return 0.0
    # Only the lower half of the losses: the shape there is what places the optimum.
    logs = np.log(table[np.argsort(table.mean(1))[: max(_SEEDS, len(table) // 2)]])
    rest = logs - logs.mean(1, keepdims=True) - logs.mean(0) + logs.mean()
    return float((rest**2).sum() / ((logs.shape[0] - 1) * (logs.shape[1] - 1)) / logs.shape[1])


def _group(values: dict[str, float], inner: list[tuple[Run, float]], *, joint: bool) -> Group:
    seeds = sorted({run.seed for run, _ in inner})
    keys = sorted({(run.lr, batch) for run, batch in inner})
    table = np.full((len(keys), len(seeds)), np.nan)
    for run, batch in inner:
        table[keys.index((run.lr, batch)), seeds.index(run.seed)] = run.loss
    # A rate that failed under any seed counts as failed.
    losses = np.array([float(np.mean(row[~np.isnan(row)])) for row in table])
    points = np.log(np.array(keys)) if joint else np.log(np.array(keys)[:, :1])
    return Group(values, points, losses, table, bowl(points, losses), len(inner))


def scale_at(values: Mapping[str, float], units: Units, runs: Iterable[Run]) -> Scale:
    """Return a Scale that holds the ``values``, with whatever else all runs share."""
    scales = list({run.scale for run in runs})
    shared = {name: getattr(scales[0], name) for name in ("optimizer", "kind", "sequence")}
    shared = {name: v for name, v in shared.items() if all(getattr(one, name) == v for one in scales)}
    given: dict[str, Any] = {name: v for name, v in values.items() if name in {"params", "width", "depth"}}
    if "batch" in values:
        given["batch"] = values["batch"] if units.batch == "smp" else Length(values["batch"], "tok")
    if "horizon" in values:
        given[UNITS[units.horizon]] = values["horizon"]
    return Scale(**shared, **given)
