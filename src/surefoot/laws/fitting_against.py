"""How a fitted law and the published ones would have done on the fitted law's own cells."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from surefoot.errors import ArgumentError
from surefoot.laws.changes import changes
from surefoot.laws.factor import Factor
from surefoot.laws.fitting_cells import Group, Units
from surefoot.laws.fitting_nouns import Rival
from surefoot.laws.known import LAWS
from surefoot.laws.scale import Scale
from surefoot.laws.transferring import transfer

PERMILLE = 1000.0
Place = tuple[float, float | None]


def compared(groups: Sequence[Group], scales: Sequence[Scale], own: Sequence[Place], units: Units) -> tuple[Rival, ...]:
    """Return the regrets of ``own``, of each published law, of their recommended product, and of no change at all.

    ``groups`` are the cells that the law uses, smallest first, ``scales`` their scales, ``own`` the law's prediction
    for each from the others: (log rate, log batch or None). Laws with an optimum of their own speak by themselves, the
    others carry the smallest cell's optimum. The optimizer counts as AdamW where the scales name none. Nothing is
    compared where a loss is not above 0, of which there are no permille.
    """
    if any((group.losses <= 0).any() for group in groups):
        return ()
    named = [replace(scale, optimizer=scale.optimizer or "adamw") for scale in scales]
    first = float(groups[0].found.center[0])
    made = [_rival("own", "left out", groups, own)]
    for law in LAWS:
        optimal = [_said(law.factor, named[0], b) for b in named]
        if all(one is not None and one.optimum is not None for one in optimal):
            places = [_place(one, b, units) for one, b in zip(optimal, named, strict=True) if one is not None]
            made.append(_rival(law.name, "by itself", groups, places))
            continue
        carried = _carried(law.factor, named, law.covers)
        if carried:
            made.append(_rival(law.name, "carried", groups[1:], [(first + step, None) for step in carried]))
    carried = _carried(transfer, named, None)
    if carried:
        made.append(_rival("recommended", "carried", groups[1:], [(first + step, None) for step in carried]))
    made.append(_rival("no change", "carried", groups[1:], [(first, None)] * (len(groups) - 1)))
    return (made[0], *sorted(made[1:], key=lambda one: one.mean))


def regret(group: Group, place: Place) -> float:
    """Return (loss at the nearest point that was run - best) / best, permille; a failed point is as bad as the worst.

    Without a batch, ``place`` is at the batch nearest to the best one.
    """
    losses = np.where(np.isfinite(group.losses), group.losses, group.losses[np.isfinite(group.losses)].max())
    wanted = np.array([place[0], *group.found.center[1:]])
    if place[1] is not None and len(wanted) > 1:
        wanted[1] = place[1]
    if len(wanted) > 1:
        # The batch is chosen first: at a batch, the nearest rate.
        rows = np.abs(group.points[:, 1] - wanted[1])
        apart = np.where(rows <= rows.min() + 1e-9, np.abs(group.points[:, 0] - wanted[0]), np.inf)
    else:
        apart = np.abs(group.points[:, 0] - wanted[0])
    return PERMILLE * float(losses[int(np.argmin(apart))] / losses.min() - 1.0)


def _rival(name: str, how: str, groups: Sequence[Group], places: Iterable[Place]) -> Rival:
    found = [regret(group, place) for group, place in zip(groups, places, strict=True) if math.isfinite(place[0])]
    return Rival(name, float(np.mean(found)) if found else math.nan, max(found, default=math.nan), len(found), how)


def _said(answer: Callable[[Scale, Scale], Factor], a: Scale, b: Scale) -> Factor | None:
    try:
        return answer(a, b)
    except ArgumentError:
        return None


def _place(factor: Factor, scale: Scale, units: Units) -> Place:
    # Laws name the best batch in tokens: where the tokens a sample are not known, a grid in samples has no such place.
    tokens = 1.0 if units.batch == "tok" else scale.sequence
    known = factor.batch_optimum is not None and tokens is not None
    batch = math.log((factor.batch_optimum or 1.0) / (tokens or 1.0)) if known else None
    return math.log(factor.optimum or 1.0), batch


def _carried(
    answer: Callable[[Scale, Scale], Factor], named: Sequence[Scale], covers: frozenset[str] | None
) -> list[float]:
    """Return the log factors from the smallest scale to each other one; none where the law does not answer for all."""
    made = []
    for b in named[1:]:
        said = _said(answer, named[0], b)
        silent = covers is not None and not set(changes(named[0], b)) <= covers
        if said is None or said.lr is None or silent:
            return []
        made.append(math.log(said.lr))
    return made
