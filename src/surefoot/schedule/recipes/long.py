"""Recipes for long runs: warmup, hold, decay, and what grew out of it."""

from __future__ import annotations

from typing import Unpack

from surefoot.errors import ArgumentError
from surefoot.schedule.core import Schedule
from surefoot.schedule.formula import positive
from surefoot.schedule.lengths import LengthLike
from surefoot.schedule.phase import Parameter, Phase, hold, number, ramp
from surefoot.schedule.recipes.frame import Common, Warmup, frame

_SHARE = 0.2
_BLOCK = 4096.0


def wsd(
    peak: float,
    *,
    total: LengthLike | None,
    warmup: Warmup = 0,
    decay: LengthLike | None = _SHARE,
    shape: str = "1-sqrt",
    floor: float = 0.0,
    parameters: tuple[tuple[str, Parameter], ...] = (),
    **common: Unpack[Common],
) -> Schedule:
    """Return warmup, stable, decay: the peak is held until the last ``decay`` updates fall along ``shape``.

    ``lr(t) = peak`` for warmup <= t < total - decay, then ``peak * (floor + (1 - floor) f(u))`` with
    ``u = (t - total + decay) / decay``; any shape of ``surefoot.schedule.shapes``. ``decay`` is counted back from the
    end (a fraction of the total's updates, or tokens(...), exactly). ``total`` None leaves the plan open: it holds,
    and the decay comes later. Sources: MiniCPM, arXiv 2404.06395 (2024); 1-sqrt: arXiv 2405.18392 (2024).

    >>> wsd(1.0, total=8, warmup=2, decay=4, floor=0.1).array().round(4).tolist()
    [0.0, 0.5, 1.0, 1.0, 1.0, 0.55, 0.3636, 0.2206]
    >>> wsd(1.0, total=None, warmup=2).total is None
    True
    """
    found = frame(peak, total=total, warmup=warmup, floor=floor, open_end=True, **common)
    if found.total is None:
        if decay not in {None, 0, _SHARE}:
            raise ArgumentError(f"decay={decay!r} needs an end to be counted back from: pass total=, or decay=None.")
        return found.schedule(hold(None))
    steps = 0 if decay is None else found.ending(decay, "decay")
    found.fit(decay=steps)
    return found.schedule(hold(found.total - found.begin - steps), Phase(steps, 1.0, found.floor, shape, parameters))


def warmup_hold_decay(
    peak: float,
    *,
    total: LengthLike,
    warmup: Warmup = 0,
    hold: LengthLike = 0,
    shape: str = "cosine",
    floor: float = 0.0,
    **common: Unpack[Common],
) -> Schedule:
    """Return a warmup, ``hold`` updates at the peak, and a fall along ``shape`` over all the rest (folklore).

    >>> warmup_hold_decay(1.0, total=8, warmup=2, hold=2, shape="linear").array().tolist()
    [0.0, 0.5, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25]
    """
    found = frame(peak, total=total, warmup=warmup, floor=floor, **common)
    steps = found.steps(hold, "hold")
    found.fit(hold=steps)
    left = (found.total or 0) - found.begin - steps
    return found.schedule(ramp(1.0, 1.0, steps, "constant"), ramp(1.0, found.floor, left, shape))


def trapezoidal(
    peak: float,
    *,
    total: LengthLike,
    warmup: Warmup = 0,
    decay: LengthLike = _SHARE,
    floor: float = 0.0,
    **common: Unpack[Common],
) -> Schedule:
    """Return WSD with a linear decay (Xing et al., A Walk with SGD, arXiv 1802.08770, 2018; nanochat).

    >>> trapezoidal(1.0, total=6, warmup=2, decay=2).array().tolist()
    [0.0, 0.5, 1.0, 1.0, 1.0, 0.5]
    """
    return wsd(peak, total=total, warmup=warmup, decay=decay, shape="linear", floor=floor, **common)


def tri_stage(
    peak: float,
    *,
    total: LengthLike,
    warmup: Warmup = 0.1,
    hold: LengthLike = 0.4,
    final: float = 0.01,
    **common: Unpack[Common],
) -> Schedule:
    """Return a linear rise, a hold, and a geometric fall ``final^u`` to ``final`` > 0 (SpecAugment, arXiv 1904.08779).

    fairseq starts its warmup at a factor of 0.01: pass ``start=0.01``.

    >>> tri_stage(1.0, total=4, warmup=0, hold=0).array().round(4).tolist()
    [1.0, 0.3162, 0.1, 0.0316]
    """
    positive(final, "final")
    return warmup_hold_decay(peak, total=total, warmup=warmup, hold=hold, shape="exponential", floor=final, **common)


def infinite(
    peak: float,
    *,
    total: LengthLike | None,
    warmup: Warmup = 0,
    cooldown: LengthLike = 0.25,
    constant: float | None = None,
    anneal: LengthLike | None = 0.1,
    floor: float = 0.0,
    **common: Unpack[Common],
) -> Schedule:
    """Return the schedule of continued pretraining: warmup, cosine to a constant, hold, exponential anneal.

    ``cooldown`` updates lead from the peak to ``constant`` (a factor; 0.5, or the floor if that is higher), the last
    ``anneal`` updates from there to the floor: ``constant * (floor / constant)^u`` (floor 0: see ``exponential``).
    ``total`` None leaves it open in the hold; ``cooldown`` must then be in updates.
    Sources: arXiv 2403.08763 (2024), 2503.02844 (2025).

    >>> schedule = infinite(1.0, total=8, cooldown=2, constant=0.5, anneal=4, floor=0.1)
    >>> schedule.array().round(4).tolist()
    [1.0, 0.75, 0.5, 0.5, 0.5, 0.3344, 0.2236, 0.1495]
    """
    found = frame(peak, total=total, warmup=warmup, floor=floor, open_end=True, **common)
    level = max(0.5, found.floor) if constant is None else number(constant, "constant")
    if not found.floor <= level <= 1.0:
        raise ArgumentError(f"constant={constant!r} is a factor of the peak and must lie in [floor, 1].")
    down = found.steps(cooldown, "cooldown")
    cool = ramp(1.0, level, down, "cosine")
    if found.total is None:
        if anneal not in {None, 0, 0.1}:
            raise ArgumentError(f"anneal={anneal!r} needs an end to be counted back from: pass total=, or anneal=None.")
        return found.schedule(cool, hold(None, level))
    last = 0 if anneal is None else found.ending(anneal, "anneal")
    found.fit(cooldown=down, anneal=last)
    rest = found.total - found.begin - down - last
    return found.schedule(cool, hold(rest, level), ramp(level, found.floor, last, "exponential"))


def power(
    peak: float,
    *,
    total: LengthLike | None = None,
    batch: float = 1024,
    a: float = 4.6,
    b: float = -0.51,
    warmup: Warmup = 0,
    decay: LengthLike = 0,
    shape: str = "linear",
    floor: float = 0.0,
    **common: Unpack[Common],
) -> Schedule:
    """Return ``min(peak, batch * a * n^b)``, n the tokens seen before update t: the law that needs no horizon.

    Units: ``batch`` in sequences of 4096 tokens, so that n = 4096 * batch * t; ``a`` and ``b`` < 0 as fitted in the
    paper for muP models. ``decay`` updates at the end fall from the law's value to the floor along ``shape`` (the
    paper's tail); the warmup rises to the law's value at its end. ``with_peak`` and ``scaled`` scale the whole curve,
    law included: to move only the cap, call this again. Source: Power Scheduler, arXiv 2408.13359 (2024).

    >>> schedule = power(0.02, batch=1024, a=4)
    >>> [float(f"{schedule(round(n / (4096 * 1024))):.4g}") for n in (1e10, 1e11, 1e12, 1e13)]
    [0.02, 0.01005, 0.003107, 0.0009602]
    """
    for value, name in ((peak, "peak"), (batch, "batch"), (a, "a"), (-number(b, "b"), "-b")):
        positive(value, name)
    found = frame(peak, total=total, warmup=warmup, floor=floor, open_end=True, **common)
    # The cap is released at the update where batch * a * n^b comes down to the peak.
    knee = _knee(found.peak / (batch * a), b) / (_BLOCK * batch)
    law = {"knee": knee, "exponent": b, "origin": float(found.begin)}
    if found.total is None and decay != 0:
        raise ArgumentError(f"decay={decay!r} needs an end to be counted back from: pass total=, or decay=0.")
    tail = 0 if found.total is None else found.ending(decay, "decay")
    found.fit(decay=tail)
    steps = None if found.left is None else found.left - tail
    main = ramp(1.0, found.floor, steps, "power-law", **law)
    rise = found.warmup.times(float(main.at(0.0)))
    last = () if tail == 0 else (ramp(main.end, found.floor, tail, shape),)
    return Schedule(found.peak, (rise, main, *last))


def _knee(ratio: float, b: float) -> float:
    """Return the tokens at which ``n^b`` is ``ratio``, or raise ArgumentError where no float holds them."""
    try:
        return float(ratio ** (1.0 / b))
    except (OverflowError, ZeroDivisionError):
        raise ArgumentError(
            f"peak / (batch * a) = {ratio:g} with b={b!r} puts the law beyond all numbers: check the units."
        ) from None
