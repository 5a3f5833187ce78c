"""One-cycle in three conventions, and the momentum that moves against it on the same clock.

They differ in where the boundaries lie. surefoot: at whole updates (the peak is update ``warmup``, the floor is
``schedule(total)``). torch: at ``warmup * total - 1`` and ``total - 1``, not rounded, so the last update is the floor.
fastai: at the exact fraction of the run. Source: Super-Convergence, arXiv 1708.07120 (2017).
"""

from __future__ import annotations

import itertools

from surefoot.errors import ArgumentError
from surefoot.schedule.core import Schedule
from surefoot.schedule.lengths import Clock, LengthLike, parse
from surefoot.schedule.phase import Phase, number, ramp
from surefoot.schedule.recipes.frame import Frame, floor_factor, frame

CONVENTIONS = ("surefoot", "torch", "fastai")


def one_cycle(
    peak: float,
    *,
    total: LengthLike,
    warmup: LengthLike | None = None,
    start: float = 0.04,
    floor: float | None = None,
    floor_lr: float | None = None,
    shape: str = "cosine",
    three_phase: bool = False,
    convention: str = "surefoot",
    clock: Clock | None = None,
) -> Schedule:
    """Return a rise from ``start`` to the peak over ``warmup``, and a fall to the floor, both along ``shape``.

    ``three_phase`` falls back to ``start`` over another ``warmup`` and from there to the floor. ``warmup`` is 0.3 of
    the total (fastai 0.25) and ``start`` 1/25 of the peak; the floor is 0 (torch ``start``/1e4, fastai 1e-5), a
    fraction of the peak. The torch and fastai conventions take "cosine" and "linear" only, as they do.

    >>> one_cycle(1.0, total=10).array().round(4).tolist()
    [0.04, 0.28, 0.76, 1.0, 0.9505, 0.8117, 0.6113, 0.3887, 0.1883, 0.0495]
    >>> one_cycle(1.0, total=10, convention="torch").array().round(4).tolist()
    [0.04, 0.52, 1.0, 0.9505, 0.8117, 0.6113, 0.3887, 0.1883, 0.0495, 0.0]
    """
    _check(convention, shape, three_phase)
    found = frame(peak, total=total, clock=clock)
    low = {"surefoot": 0.0, "torch": number(start, "start") / 1e4, "fastai": 1e-5}[convention]
    if floor is not None or floor_lr is not None:
        low = floor_factor(found.peak, floor or 0.0, floor_lr)
    if three_phase and not low <= number(start, "start"):
        raise ArgumentError(f"floor={low!r} is above start={start!r}: the third phase falls from start to the floor.")
    heights = (start, 1.0, start, low) if three_phase else (start, 1.0, low)
    return found.schedule(*_legs(found, warmup, heights, shape, convention))


def one_cycle_momentum(
    high: float = 0.95,
    *,
    total: LengthLike,
    low: float = 0.85,
    warmup: LengthLike | None = None,
    shape: str = "cosine",
    three_phase: bool = False,
    convention: str = "surefoot",
    clock: Clock | None = None,
) -> Schedule:
    """Return the momentum (beta1) beside ``one_cycle``: it falls from ``high`` to ``low`` while the rate rises.

    The same ``warmup``, ``shape``, ``three_phase`` and ``convention`` put it on the same boundaries; the third phase
    stays at ``high``. ``low`` <= ``high``, both values of the field and not factors.

    >>> one_cycle_momentum(total=10).array().round(3).tolist()
    [0.95, 0.925, 0.875, 0.85, 0.855, 0.869, 0.889, 0.911, 0.931, 0.945]
    """
    _check(convention, shape, three_phase)
    found = frame(high, total=total, clock=clock)
    bottom = floor_factor(found.peak, 0.0, low)
    heights = (1.0, bottom, 1.0, 1.0) if three_phase else (1.0, bottom, 1.0)
    return found.schedule(*_legs(found, warmup, heights, shape, convention))


def _check(convention: str, shape: str, three_phase: bool) -> None:
    if convention not in CONVENTIONS:
        raise ArgumentError(f"convention={convention!r} is unknown: use one of {', '.join(CONVENTIONS)}.")
    if convention != "surefoot" and shape not in {"cosine", "linear"}:
        raise ArgumentError(f'shape={shape!r} is not one of {convention}: use "cosine" or "linear".')
    if convention == "fastai" and three_phase:
        raise ArgumentError('three_phase=True is not one of fastai: use convention="torch" or "surefoot".')


def _legs(
    found: Frame, warmup: LengthLike | None, heights: tuple[float, ...], shape: str, convention: str
) -> list[Phase]:
    total = found.total or 0
    given = (0.25 if convention == "fastai" else 0.3) if warmup is None else warmup
    steps, legs = found.steps(given, "warmup"), len(heights) - 2
    if legs * steps > total:
        raise ArgumentError(f"warmup={given!r} is {steps} updates, {legs} times: more than total={total}.")
    if convention == "surefoot":
        lengths = [*[steps] * legs, total - legs * steps]
        return [ramp(a, b, n, shape) for a, b, n in zip(heights, heights[1:], lengths, strict=False)]
    parsed = parse(given, "warmup")
    exact = parsed * total if isinstance(parsed, float) else float(steps)
    return [_table(_bounds(exact, total, legs, convention), heights, total, shape)]


def _bounds(exact: float, total: int, legs: int, convention: str) -> tuple[float, ...]:
    shift = 1.0 if convention == "torch" else 0.0
    bounds = (0.0, *(k * exact - k * shift for k in range(1, legs + 1)), total - shift)
    if any(b <= a for a, b in itertools.pairwise(bounds)):
        raise ArgumentError(
            f"warmup of {exact:g} updates in total={total} puts the boundaries of convention={convention!r} at "
            f"{bounds}, which do not rise: warm up longer or train longer."
        )
    return bounds


def _table(bounds: tuple[float, ...], heights: tuple[float, ...], total: int, shape: str) -> Phase:
    return ramp(heights[0], heights[-1], total, "points", at=bounds, factors=heights, interpolation=shape)
