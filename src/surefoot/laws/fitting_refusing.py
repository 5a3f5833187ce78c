"""What a law can be fitted on, when it is refused, and what to doubt of one that was not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from surefoot.errors import ArgumentError
from surefoot.laws.fitting_cells import QUANTITIES, Group
from surefoot.laws.fitting_line import Fit
from surefoot.laws.fitting_nouns import WHERE, Rival

_LENGTHS = {"tokens": "horizon", "samples": "horizon", "steps": "horizon"}
_SPARE = 2
_SAME = 1e-9
_COLLINEAR, _ENTANGLED = 100.0, 10.0


@dataclass(frozen=True, slots=True)
class Choice:
    """The quantities to fit on, ``names``; those that vary ``along`` with them; and ``notes`` on what was left out."""

    names: tuple[str, ...]
    along: tuple[str, ...]
    notes: tuple[str, ...]


def chosen(groups: list[Group], on: Sequence[str] | None) -> Choice:
    """Return the quantities that vary, or those asked for; ArgumentError where none does, or one asked for does not."""
    varying = tuple(name for name in QUANTITIES if _varies(groups, name))
    if not varying:
        raise ArgumentError("curves are all at one scale: sweep at three or more, in batch, tokens, params or width.")
    if on is None:
        # Parameters follow from width and depth: as in transfer, the width says more.
        names = tuple(name for name in varying if name != "params" or "width" not in varying)
        dropped = ("params follow from the width and are left out: on=('params', ...) takes them instead.",)
        return Choice(names, (), dropped if names != varying else ())
    asked = (on,) if isinstance(on, str) else tuple(on)
    names = tuple(dict.fromkeys(_LENGTHS.get(name, name) for name in asked))
    wrong = [name for name in names if name not in varying]
    if wrong or not names:
        raise ArgumentError(f"on={on!r} must be of what varies over the curves: {', '.join(varying)}.")
    along = tuple(name for name in varying if name not in names)
    said = f"{', '.join(along)} vary along with {', '.join(names)}: what they do is inside these exponents."
    return Choice(names, along, (said,) if along else ())


def used(groups: list[Group], quantities: int) -> list[Group]:
    """Return the cells with an optimum inside their grid; raise ArgumentError where they are too few for a law."""
    inner = [one for one in groups if one.found.status == "inside"]
    lost = [one.found.status for one in groups if one.found.status != "inside"]
    where = "; ".join(f"{WHERE[status]} in {lost.count(status)}" for status in dict.fromkeys(lost))
    if len(lost) * 2 > len(groups):
        raise ArgumentError(
            f"curves carry no law: of {len(groups)} scales the best run lies {where}. Widen the grids there, a factor "
            "2 apart, until two worse rates lie on either side of the best."
        )
    if len(inner) < quantities + _SPARE:
        raise ArgumentError(
            f"curves carry no law: {quantities} exponent{'s' * (quantities > 1)} and an error need "
            f"{quantities + _SPARE} scales with an optimum inside their grids, and {len(inner)} "
            f"of {len(groups)} have one" + (f" (the others: {where})" if lost else "") + "."
        )
    return inner


def entangled(inner: list[Group], names: tuple[str, ...]) -> tuple[str, ...]:
    """Return a note where quantities grow together; raise ArgumentError where their exponents cannot be told apart."""
    stuck = [name for name in names if not _varies(inner, name)]
    if stuck:
        raise ArgumentError(f"curves carry no exponent of {stuck[0]}: those with an optimum inside have one value.")
    if len(names) < 2:
        return ()
    logs = np.log([[one.values[name] for name in names] for one in inner])
    together = np.corrcoef(logs.T)
    smallest = float(np.linalg.eigvalsh(together)[0])
    inflation = float("inf") if smallest < _SAME else float(np.diag(np.linalg.inv(together)).max())
    pair = max(((i, j) for i in range(len(names)) for j in range(i)), key=lambda p: abs(together[p]))
    said = f"{names[pair[1]]} and {names[pair[0]]} grow together (correlation {together[pair]:.2f} of their logarithms)"
    if inflation > _COLLINEAR:
        raise ArgumentError(
            f"curves carry no law: {said}, so that their exponents cannot be told apart. Sweep scales that differ in "
            f"one alone, or fit on={(names[pair[1]],)!r}, a law along this path only."
        )
    return (f"{said}: their exponents are hard to tell apart.",) if inflation > _ENTANGLED else ()


def doubts(groups: list[Group], fits: list[Fit], rivals: tuple[Rival, ...], *, joint: bool) -> tuple[str, ...]:
    """Return a sentence on each thing to doubt: cells left out, weak exponents, bends, laws that did no worse."""
    notes = []
    if joint:
        notes.append("the best batch was fitted as well; a rate holds at that batch unless the scale gives another.")
    for one in groups:
        if one.found.status != "inside":
            at = ", ".join(f"{name}={value:g}" for name, value in one.values.items())
            notes.append(f"left out: {at}, the best run lies {WHERE[one.found.status]}.")
    line = fits[0].line
    for name, slope in zip(line.names, line.slopes, strict=True):
        low, high = line.interval(name)
        if low <= 0 <= high:
            notes.append(f"weak: the exponent of {name}, {slope:.2f} ({low:.2f} to {high:.2f}), is not told from 0.")
    for name, value, low, high in fits[0].bends:
        notes.append(
            f"bent: the best rate is no power law of {name}, second-order term {value:.3f} ({low:.3f} to {high:.3f}): "
            "do not extrapolate."
        )
    if not rivals:
        return tuple(notes)
    own = rivals[0]
    better = [one.law for one in rivals[1:] if one.mean < own.mean]
    if better:
        notes.append(f"better than this law on the same cells, each left out in turn: {', '.join(better)}.")
    elif equal := [one.law for one in rivals[1:] if one.mean == own.mean]:
        notes.append(f"the grids do not tell this law from {', '.join(equal)}: the same rates are nearest.")
    return tuple(notes)


def _varies(groups: list[Group], name: str) -> bool:
    values = [one.values[name] for one in groups if name in one.values]
    return bool(values) and max(values) / min(values) - 1.0 > _SAME
