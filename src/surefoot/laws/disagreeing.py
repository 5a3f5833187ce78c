"""Where the laws contradict each other: the range of their answers, and a sentence on each contradiction."""

from __future__ import annotations

import math

from surefoot.laws.factor import Factor

# A bound is no rival to a recommendation.
_BOUNDS = {"stability-edge"}
_APART = 1.25


def spread(parts: tuple[Factor, ...], others: tuple[Factor, ...], lr: float) -> tuple[float, float]:
    """Return the lowest and highest rate factor that laws which hold would give, the other parts as recommended."""
    low = high = 1.0
    for part in parts:
        rivals = [
            part,
            *rivals_of(part, others, holding=True),
        ]
        rates = [value for one in rivals for value in (one.low, one.lr, one.high) if value is not None]
        low, high = low * min(rates, default=1.0), high * max(rates, default=1.0)
    for joint in (one for one in others if " + " in one.quantity):
        names = set(joint.quantity.split(" + "))
        inner = [part for part in parts if set(part.quantity.split(" + ")) <= names]
        if joint.lr is not None and joint.holds and {q for p in inner for q in p.quantity.split(" + ")} == names:
            value = lr / math.prod(part.lr or 1.0 for part in inner) * joint.lr
            low, high = min(low, value), max(high, value)
    return low, high


def rivals_of(part: Factor, others: tuple[Factor, ...], *, holding: bool = False) -> tuple[Factor, ...]:
    """Return the other laws' answers on the quantity of ``part``, bounds left out; ``holding``: only in their range."""
    same = (one for one in others if one.quantity == part.quantity and one.law not in _BOUNDS)
    return tuple(one for one in same if one.holds or not holding)


def disagreement(parts: tuple[Factor, ...], others: tuple[Factor, ...]) -> tuple[str, ...]:
    """Return a sentence on each quantity whose laws differ by more than a quarter, the two extremes with their why."""
    found = []
    for part in parts:
        rated = [one for one in (part, *rivals_of(part, others)) if one.lr is not None]
        if len(rated) < 2:
            continue
        low, high = (pick(rated, key=lambda one: one.lr or 1.0) for pick in (min, max))
        if (high.lr or 1.0) / (low.lr or 1.0) < _APART:
            continue
        sign = "even in direction, " if (low.lr or 1.0) < 1.0 < (high.lr or 1.0) else ""
        found.append(
            f"{part.quantity}: the laws differ {sign}from x{low.lr:.3g} ({low.law}: {_why(low)}) to x{high.lr:.3g} "
            f"({high.law}: {_why(high)})."
        )
    return tuple(found)


def _why(one: Factor) -> str:
    beyond = f" [outside its range: {one.outside}]" if one.outside else ""
    return one.why.partition(" Recommended: ")[0].rstrip(".") + beyond
