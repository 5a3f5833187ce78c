"""Recipes that fall along one shape from the peak to a floor, after an optional warmup.

The last update of a run is one sample before the floor: the floor is ``schedule(total)``.
"""

from __future__ import annotations

from typing import Unpack

from surefoot.errors import ArgumentError
from surefoot.schedule.core import Schedule
from surefoot.schedule.lengths import LengthLike
from surefoot.schedule.phase import Parameter, Phase, hold, ramp
from surefoot.schedule.recipes.frame import Common, Warmup, frame


def constant(peak: float, *, total: LengthLike | None = None, warmup: Warmup = 0, **common: Unpack[Common]) -> Schedule:
    """Return the peak for ever (``total`` None) or for ``total`` updates, after ``warmup``.

    ``lr(t) = peak`` for t >= warmup. A floor has no meaning here and must stay 0. Folklore.

    >>> constant(0.1, warmup=2)(0), constant(0.1, warmup=2)(5)
    (0.0, 0.1)
    """
    found = frame(peak, total=total, warmup=warmup, open_end=True, **common)
    if found.floor:
        raise ArgumentError(f"floor_lr={common.get('floor_lr')!r}: a constant never falls, so it has no floor.")
    return found.schedule(hold(found.left))


def warmup_decay(
    peak: float,
    *,
    total: LengthLike,
    warmup: Warmup = 0,
    shape: str = "linear",
    floor: float = 0.0,
    parameters: tuple[tuple[str, Parameter], ...] = (),
    **common: Unpack[Common],
) -> Schedule:
    """Return a warmup and then a fall along ``shape`` to the floor; the recipes below name the shapes.

    ``lr(t) = peak * (floor + (1 - floor) * f(u))`` with ``u = (t - warmup) / (total - warmup)`` and f(u) as listed in
    ``surefoot.schedule.shapes``. ``total`` includes ``warmup``; ``floor`` is a fraction of the peak, ``floor_lr`` a
    rate. Raises ArgumentError for a bad rate or floor, and for a warmup that is longer than the total. Folklore.

    >>> warmup_decay(1.0, total=6, warmup=2, shape="1-sqrt").array().round(4).tolist()
    [0.0, 0.5, 1.0, 0.5, 0.2929, 0.134]
    """
    found = frame(peak, total=total, warmup=warmup, floor=floor, **common)
    return found.schedule(Phase(found.left, 1.0, found.floor, shape, parameters))


def linear(
    peak: float, *, total: LengthLike, warmup: Warmup = 0, floor: float = 0.0, **common: Unpack[Common]
) -> Schedule:
    """Return a linear fall, ``f(u) = 1 - u``; to zero it is "D2Z" (Straight to Zero, arXiv 2502.15938, 2025).

    >>> linear(1.0, total=6, warmup=2).array().tolist()
    [0.0, 0.5, 1.0, 0.75, 0.5, 0.25]
    """
    return warmup_decay(peak, total=total, warmup=warmup, shape="linear", floor=floor, **common)


def cosine(
    peak: float, *, total: LengthLike, warmup: Warmup = 0, floor: float = 0.0, **common: Unpack[Common]
) -> Schedule:
    """Return a half cosine, ``f(u) = (1 + cos(pi u)) / 2`` (SGDR, arXiv 1608.03983, 2016).

    >>> cosine(1.0, total=6, warmup=2, floor=0.1).array().round(4).tolist()
    [0.0, 0.5, 1.0, 0.8682, 0.55, 0.2318]
    """
    return warmup_decay(peak, total=total, warmup=warmup, shape="cosine", floor=floor, **common)


def polynomial(
    peak: float,
    *,
    total: LengthLike,
    power: float = 2.0,
    warmup: Warmup = 0,
    floor: float = 0.0,
    **common: Unpack[Common],
) -> Schedule:
    """Return a polynomial fall, ``f(u) = (1 - u)^power``, ``power`` > 0 (folklore; torch defaults to 1, timm to 0.5).

    >>> polynomial(1.0, total=4, power=2).array().tolist()
    [1.0, 0.5625, 0.25, 0.0625]
    """
    powers: tuple[tuple[str, Parameter], ...] = (("power", power),)
    return warmup_decay(peak, total=total, warmup=warmup, shape="polynomial", floor=floor, parameters=powers, **common)


def root(
    peak: float, *, total: LengthLike, warmup: Warmup = 0, floor: float = 0.0, **common: Unpack[Common]
) -> Schedule:
    """Return the root of what is left, ``f(u) = (1 - u)^0.5`` (folklore; the default of timm's polynomial).

    >>> root(1.0, total=4).array().round(4).tolist()
    [1.0, 0.866, 0.7071, 0.5]
    """
    return warmup_decay(peak, total=total, warmup=warmup, shape="root", floor=floor, **common)


def one_minus_sqrt(
    peak: float, *, total: LengthLike, warmup: Warmup = 0, floor: float = 0.0, **common: Unpack[Common]
) -> Schedule:
    """Return ``f(u) = 1 - u^0.5`` over the whole run (Hägele et al., arXiv 2405.18392, 2024, use it as a cooldown).

    >>> one_minus_sqrt(1.0, total=4).array().round(4).tolist()
    [1.0, 0.5, 0.2929, 0.134]
    """
    return warmup_decay(peak, total=total, warmup=warmup, shape="1-sqrt", floor=floor, **common)


def one_minus_square(
    peak: float, *, total: LengthLike, warmup: Warmup = 0, floor: float = 0.0, **common: Unpack[Common]
) -> Schedule:
    """Return ``f(u) = 1 - u^2`` ("square" in the code of arXiv 2405.18392, 2024).

    >>> one_minus_square(1.0, total=4).array().tolist()
    [1.0, 0.9375, 0.75, 0.4375]
    """
    return warmup_decay(peak, total=total, warmup=warmup, shape="1-square", floor=floor, **common)


def mirror_cosine(
    peak: float, *, total: LengthLike, warmup: Warmup = 0, floor: float = 0.0, **common: Unpack[Common]
) -> Schedule:
    """Return the cosine mirrored in the line, ``f(u) = 2 (1 - u) - (1 + cos(pi u)) / 2`` (code of arXiv 2405.18392).

    >>> mirror_cosine(1.0, total=4).array().round(4).tolist()
    [1.0, 0.6464, 0.5, 0.3536]
    """
    return warmup_decay(peak, total=total, warmup=warmup, shape="mirror-cosine", floor=floor, **common)


def half_life(
    peak: float, *, total: LengthLike, warmup: Warmup = 0, floor: float = 0.0, **common: Unpack[Common]
) -> Schedule:
    """Return one half-life moved to end at 0, ``f(u) = 2 * 0.5^u - 1`` (Megatron-LM's "exponential").

    >>> half_life(1.0, total=4).array().round(4).tolist()
    [1.0, 0.6818, 0.4142, 0.1892]
    """
    return warmup_decay(peak, total=total, warmup=warmup, shape="half-life", floor=floor, **common)


def rex(
    peak: float, *, total: LengthLike, warmup: Warmup = 0, floor: float = 0.0, **common: Unpack[Common]
) -> Schedule:
    """Return the reflected exponential, ``f(u) = (1 - u) / (1 - u/2)`` (REX, arXiv 2107.04197, 2021).

    >>> rex(1.0, total=4).array().round(4).tolist()
    [1.0, 0.8571, 0.6667, 0.4]
    """
    return warmup_decay(peak, total=total, warmup=warmup, shape="rex", floor=floor, **common)


def exponential(
    peak: float,
    *,
    total: LengthLike | None,
    warmup: Warmup = 0,
    floor: float = 0.0,
    factor: float | None = None,
    every: LengthLike = 1,
    **common: Unpack[Common],
) -> Schedule:
    """Return a geometric fall: to the floor over the run, or by ``factor`` each ``every`` updates.

    Without ``factor``: ``lr(t) = peak * floor^u``; for floor 0, which no geometric fall reaches,
    ``f(u) = (0.1^u - 0.1) / 0.9`` (timm's normalised "exp"). With ``factor`` in (0, 1]:
    ``lr(t) = max(floor, factor^((t - warmup) / every))``, and ``total`` may be None. Folklore.

    >>> exponential(1.0, total=4, floor=0.1).array().round(4).tolist()
    [1.0, 0.5623, 0.3162, 0.1778]
    >>> exponential(1.0, total=3, factor=0.9).array().round(4).tolist()
    [1.0, 0.9, 0.81]
    """
    found = frame(peak, total=total, warmup=warmup, floor=floor, open_end=factor is not None, **common)
    if factor is None:
        return found.schedule(ramp(1.0, found.floor, found.left, "exponential"))
    steps = found.steps(every, "every")
    return found.schedule(ramp(1.0, found.floor, found.left, "geometric", factor=factor, every=steps))
