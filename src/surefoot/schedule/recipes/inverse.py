"""Recipes that fall as a power of time: they have no end of their own, so ``total`` may be None."""

from __future__ import annotations

from typing import Unpack

from surefoot.errors import ArgumentError
from surefoot.schedule.core import Schedule
from surefoot.schedule.formula import positive
from surefoot.schedule.lengths import Clock, LengthLike
from surefoot.schedule.phase import ramp, rate
from surefoot.schedule.recipes.frame import Common, Warmup, frame, whole_steps


def inverse_sqrt(
    peak: float,
    *,
    total: LengthLike | None = None,
    warmup: Warmup = 0,
    timescale: LengthLike | None = None,
    floor: float = 0.0,
    **common: Unpack[Common],
) -> Schedule:
    """Return the peak times ``sqrt(timescale / (timescale + t - warmup))`` after the warmup.

    With the default timescale, the warmup W, this is ``sqrt(W / t)``. ``warmup`` 0 needs an explicit timescale
    (1 gives 1/sqrt(t + 1)). The rate never falls under the floor. Source: Attention Is All You Need, arXiv
    1706.03762 (2017); the timescale form: Scaling Vision Transformers, arXiv 2106.04560 (2021).

    >>> inverse_sqrt(1.0, warmup=4).array(0, 9).round(4).tolist()
    [0.0, 0.25, 0.5, 0.75, 1.0, 0.8944, 0.8165, 0.7559, 0.7071]
    """
    found = frame(peak, total=total, warmup=warmup, floor=floor, open_end=True, **common)
    scale = found.begin if timescale is None else found.steps(timescale, "timescale")
    if scale == 0:
        raise ArgumentError("timescale: an inverse square root without a warmup needs timescale= (updates > 0).")
    return found.schedule(ramp(1.0, found.floor, found.left, "inverse-sqrt", timescale=float(scale)))


def inverse_time(
    peak: float,
    *,
    total: LengthLike | None = None,
    c: float = 1.0,
    warmup: Warmup = 0,
    floor: float = 0.0,
    **common: Unpack[Common],
) -> Schedule:
    """Return the peak times ``1 / (1 + c (t - warmup))``; ``c`` > 0 is per update (Robbins and Monro, 1951).

    >>> inverse_time(1.0, total=3).array().round(4).tolist()
    [1.0, 0.5, 0.3333]
    """
    positive(c, "c", " (per update)")
    found = frame(peak, total=total, warmup=warmup, floor=floor, open_end=True, **common)
    return found.schedule(ramp(1.0, found.floor, found.left, "inverse-time", timescale=1.0 / c))


def noam(
    scale: float = 1.0, *, width: int, warmup: LengthLike, total: LengthLike | None = None, clock: Clock | None = None
) -> Schedule:
    """Return ``scale * width^-0.5 * min(n^-0.5, n * warmup^-1.5)`` with n = t + 1 (update t is the n-th).

    ``width`` is the model's d_model, ``warmup`` W > 0; the peak ``scale / sqrt(width * W)`` is the rate of update
    W - 1. Source: Attention Is All You Need, arXiv 1706.03762 (2017).

    >>> schedule = noam(width=512, warmup=4000)
    >>> [float(f"{schedule(n - 1):.4g}") for n in (1, 100, 4000, 16000)]
    [1.747e-07, 1.747e-05, 0.0006988, 0.0003494]
    """
    positive(width, "width")
    ticks = clock or Clock()
    whole = whole_steps(total, ticks, open_end=True)
    steps = ticks.steps(warmup, total=whole, name="warmup")
    if steps == 0 or (whole is not None and steps > whole):
        raise ArgumentError(f"warmup={warmup!r} is {steps} updates: Noam needs at least 1, and no more than total.")
    left = None if whole is None else whole - steps + 1
    rise = ramp(1.0 / steps, 1.0, steps - 1)
    fall = ramp(1.0, 0.0, left, "inverse-sqrt", timescale=float(steps))
    return Schedule(rate(scale, "scale") / (width * steps) ** 0.5, (rise, fall))
