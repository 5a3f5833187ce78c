"""fit_law: one's own law of the best rate, from sweeps at several scales."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from surefoot.curve import Curve
from surefoot.errors import ArgumentError
from surefoot.laws.fitting_against import compared
from surefoot.laws.fitting_bowl import DRAWS, Array, centers, common
from surefoot.laws.fitting_cells import Group, Units, grouped, is_grid, noises, scale_at, units_of
from surefoot.laws.fitting_law import FittedLaw
from surefoot.laws.fitting_line import Fit, Line, fitted_line, spread
from surefoot.laws.fitting_nouns import Cell
from surefoot.laws.fitting_refusing import Choice, chosen, doubts, entangled, used
from surefoot.laws.fitting_runs import Run, runs_of
from surefoot.laws.scale import Scale

Sweeps = Mapping[Scale, Curve] | Iterable[tuple[Scale, Curve] | Mapping[str, Any]]


def fit_law(
    curves: Sweeps,
    *,
    on: Sequence[str] | None = None,
    batch: Literal["given", "best"] | None = None,
    seed: int = 0,
) -> FittedLaw:
    """Return the law of the best rate that one's own sweeps carry: ``lr = a * prod over q of q^exponent``.

    ``curves`` are sweeps at several scales: pairs or a mapping of Scale and Curve, or rows of a table with lr, loss,
    seed and the fields of a Scale. Each scale's optimum is that of a parabola through its log losses over log lr near
    the best; a straight line in logarithms goes through the optima, weighted by how well each is known. ``on`` are the
    quantities q, of batch, horizon (tokens, samples or steps), params, width, depth; unless given all that vary.
    ``batch``: "given", the batch is one of the quantities; "best", the best batch is fitted as well, in sweeps over
    rate and batch; None, "best" where most scales were swept over both, with an optimum inside. Intervals (90 %) are
    from a bootstrap with ``seed`` over the noise of the losses and the scatter about the line.

    Raises ArgumentError where the sweeps cannot carry a law: fewer scales than exponents and two, quantities that grow
    together, most optima at the edge of their grids.

    >>> from surefoot.curve import Trial
    >>> def swept(width):
    ...     losses = {2.0**-k: 1 + 0.1 * math.log2(2.0**-k * width) ** 2 for k in range(3, 12)}
    ...     return Curve(tuple(Trial(lr, 0, 10, 10, loss) for lr, loss in losses.items()))
    >>> law = fit_law({Scale(width=w): swept(w) for w in (16, 32, 64, 128)})
    >>> round(law.rate.slopes[0], 2), round(law.predict(Scale(width=256))[0] * 256, 2)
    (-1.0, 1.0)

    Source: the method reaches a mean regret of 1.6 to 1.9 permille on the public runs of Predictable Scale: Part I,
    arXiv 2503.04715 (2025), from small cells to large ones [X].
    """
    if batch not in {None, "given", "best"}:
        raise ArgumentError(f"batch={batch!r} must be 'given', 'best' or None.")
    runs = runs_of(curves)
    units = units_of(runs)
    if batch == "best" and not units.batch:
        raise ArgumentError("batch='best' needs the batch of every run: none is given.")
    joint = is_grid(runs, units) if batch is None else batch == "best"
    groups = grouped(runs, units, joint=joint)
    choice = chosen(groups, on)
    return _law(runs, units, groups, choice, joint=joint, seed=seed)


def _law(
    runs: tuple[Run, ...], units: Units, groups: list[Group], choice: Choice, *, joint: bool, seed: int
) -> FittedLaw:
    names = choice.names
    inner = used(groups, len(names))
    notes = (*choice.notes, *entangled(inner, names))
    rng = np.random.default_rng(seed)
    drawn = [centers(one.found, noise, rng) for one, noise in zip(inner, noises(inner), strict=True)]
    shared = common(np.median([one.found.spacing for one in inner], axis=0), rng)
    logs = np.log([[one.values[name] for name in names] for one in inner])
    fits = [
        fitted_line(names, logs, np.array([g.found.center[k] for g in inner]), _column(drawn, k), shared[:, k], rng=rng)
        for k in range(1 + joint)
    ]
    scales = [scale_at(one.values, units, runs) for one in inner]
    rivals = compared(inner, scales, _left_out(inner, fits), units)
    missed = [value for value in fits[0].left_out if math.isfinite(value)]
    return FittedLaw(
        rate=fits[0].line,
        cells=tuple(_cell(group, inner, [optima + shared for optima, _ in drawn]) for group in groups),
        ranges=_ranges(inner, joint=joint),
        units=units,
        error=math.exp(math.sqrt(float(np.mean(np.square(missed))))) if missed else math.nan,
        batch=fits[1].line if joint else None,
        ridge=_ridge(inner, drawn) if joint else None,
        along=choice.along,
        optimizer=scales[0].optimizer,
        rivals=rivals,
        notes=(*notes, *doubts(groups, fits, rivals, joint=joint)),
    )


def _column(drawn: list[tuple[Array, Array]], k: int) -> Array:
    return np.stack([optima[:, k] for optima, _ in drawn], 1)


def _left_out(inner: list[Group], fits: list[Fit]) -> list[tuple[float, float | None]]:
    """Return what the law says of each cell from the others: its own optimum less the error when it is left out."""
    made = []
    for k, group in enumerate(inner):
        found = [float(group.found.center[j]) - fit.left_out[k] for j, fit in enumerate(fits)]
        made.append((found[0], found[1] if len(found) > 1 else None))
    return made


def _cell(group: Group, inner: list[Group], drawn: list[Array]) -> Cell:
    values = tuple(group.values.items())
    best = np.exp(group.found.center)
    joint = len(best) > 1
    if group.found.status != "inside":
        at = float(best[0])
        return Cell(values, at, at, at, group.found.status, group.runs, float(best[1]) if joint else None)
    k = next(k for k, one in enumerate(inner) if one is group)
    (low, high), *rest = (np.exp(spread(drawn[k][:, j])) for j in range(len(best)))
    found = Cell(values, float(best[0]), float(low), float(high), "inside", group.runs)
    if not joint:
        return found
    return replace(found, batch=float(best[1]), batch_low=float(rest[0][0]), batch_high=float(rest[0][1]))


def _ranges(inner: list[Group], *, joint: bool) -> tuple[tuple[str, float, float], ...]:
    found = [(name, min(g.values[name] for g in inner), max(g.values[name] for g in inner)) for name in inner[0].values]
    if joint:
        sizes = np.exp(np.concatenate([one.points[:, 1] for one in inner]))
        found.append(("batch", float(sizes.min()), float(sizes.max())))
    return tuple(found)


def _ridge(inner: list[Group], drawn: list[tuple[Array, Array]]) -> Line:
    """Return d log rate / d log batch beside the best batch, one number for all cells, as a line without quantities."""
    bends = [group.found.bend for group in inner]
    slopes = np.array([-bend[0, 1] / bend[0, 0] for bend in bends if bend is not None])
    noise = np.stack([ridge for _, ridge in drawn], 1) - slopes
    # The median draw by draw: a cell with a flat bowl has a wild ridge.
    table = np.median(slopes + noise, axis=1)
    middle = float(np.median(slopes))
    return Line((), (), middle, (), tuple((float(f"{v:.6g}"), 0.0) for v in table[:DRAWS]))
