"""Shapes that count updates: their value depends on the index itself, so most of them may stay open.

``start`` is the factor they begin with and ``stop`` the floor they never undercut, unless the formula says otherwise.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from surefoot.errors import ArgumentError
from surefoot.schedule.formula import Index, Shape, at_least, is_number, positive, raised, share

MODES = ("triangular", "triangular2", "exp_range")


def _step(i: Index, _n: int | None, start: float, stop: float, *, every: float, factor: float) -> Any:
    return at_least(start * raised(factor, np.floor(i / every)), stop)


def _geometric(i: Index, _n: int | None, start: float, stop: float, *, every: float, factor: float) -> Any:
    return at_least(start * raised(factor, i / every), stop)


def _inverse_sqrt(i: Index, _n: int | None, start: float, stop: float, *, timescale: float) -> Any:
    return at_least(start * np.sqrt(timescale / (timescale + i)), stop)


def _inverse_time(i: Index, _n: int | None, start: float, stop: float, *, timescale: float) -> Any:
    return at_least(start * (timescale / (timescale + i)), stop)


def _power_law(
    i: Index, _n: int | None, start: float, stop: float, *, knee: float, exponent: float, origin: float = 0.0
) -> Any:
    # Below the knee the law exceeds the peak, which caps it.
    return at_least(start * np.power(at_least(i + origin, knee) / knee, exponent), stop)


def _cyclic(
    i: Index,
    _n: int | None,
    start: float,
    stop: float,
    *,
    rise: int,
    fall: int,
    mode: str = "triangular",
    gamma: float = 1.0,
) -> Any:
    cycle = np.floor(i / (rise + fall))
    r = i - cycle * (rise + fall)
    height = np.minimum(r / rise, (rise + fall - r) / fall)
    if mode == "triangular2":
        height = height * np.exp2(-cycle)
    elif mode == "exp_range":
        height = height * raised(gamma, i)
    return np.minimum(start + (stop - start) * height, stop)


def _untuned_linear(i: Index, _n: int, start: float, stop: float, *, beta2: float = 0.999) -> Any:
    return start + (stop - start) * np.minimum((i + 1.0) * (0.5 * (1.0 - beta2)), 1.0)


def _untuned_exponential(i: Index, _n: int, start: float, stop: float, *, beta2: float = 0.999) -> Any:
    return start + (stop - start) * -np.expm1((i + 1.0) * (beta2 - 1.0))


def _radam(i: Index, _n: int, start: float, stop: float, *, beta2: float = 0.999) -> Any:
    t = i + 1.0
    last = 2.0 / (1.0 - beta2) - 1.0
    decayed = raised(beta2, t)
    # rho <= 4 means that the variance of the second moment is not finite yet: no adaptive update, factor 0.
    rho = np.maximum(last - 2.0 * t * decayed / (1.0 - decayed), 4.0)
    factor = np.sqrt((rho - 4.0) * (rho - 2.0) * last / ((last - 4.0) * (last - 2.0) * rho))
    return start + (stop - start) * np.minimum(factor, 1.0)


def _check_floor(start: float, stop: float) -> None:
    if stop > start:
        raise ArgumentError(f"stop={stop!r} is a floor and lies above start={start!r}: this shape only falls.")


def _check_every(start: float, stop: float, *, every: float, factor: float) -> None:
    _check_floor(start, stop)
    positive(every, "every", " (updates)")
    share(factor, "factor")


def _check_timescale(start: float, stop: float, *, timescale: float) -> None:
    _check_floor(start, stop)
    positive(timescale, "timescale", " (updates)")


def _check_power_law(start: float, stop: float, *, knee: float, exponent: float, origin: float = 0.0) -> None:
    _check_floor(start, stop)
    positive(knee, "knee", " (updates)")
    positive(-exponent, "-exponent")
    if not is_number(origin) or origin < 0:
        raise ArgumentError(f"origin={origin!r} must be a number of updates >= 0.")


def _check_cyclic(
    start: float, stop: float, *, rise: int, fall: int, mode: str = "triangular", gamma: float = 1.0
) -> None:
    positive(rise, "rise", " (updates)")
    positive(fall, "fall", " (updates)")
    share(gamma, "gamma")
    if mode not in MODES:
        raise ArgumentError(f"mode={mode!r} is unknown: use one of {', '.join(MODES)}.")
    if start > stop:
        raise ArgumentError(f"base={start!r} of a cycle is above its top {stop!r}: a cycle rises first.")


def _check_beta2(start: float, stop: float, *, beta2: float = 0.999, low: float = 0.0) -> None:
    if not low < beta2 < 1.0:
        raise ArgumentError(f"beta2={beta2!r} must lie in ({low:g}, 1), as in Adam.")
    if start > stop:
        raise ArgumentError(f"start={start!r} of a warmup is above its end {stop!r}: a warmup rises.")


def _check_radam(start: float, stop: float, *, beta2: float = 0.999) -> None:
    # At beta2 <= 0.6 the variance never becomes finite, so that RAdam would never take an adaptive update.
    _check_beta2(start, stop, beta2=beta2, low=0.6)


_EVERY = ("every", "factor")
_TAU = ("timescale",)
_KNEE = ("knee", "exponent")
_CYCLE = ("rise", "fall")
INDEXED = (
    Shape("step", _step, _EVERY, open=True, check=_check_every, required=_EVERY),
    Shape("geometric", _geometric, _EVERY, open=True, check=_check_every, required=_EVERY),
    Shape("inverse-sqrt", _inverse_sqrt, _TAU, open=True, check=_check_timescale, required=_TAU),
    Shape("inverse-time", _inverse_time, _TAU, open=True, check=_check_timescale, required=_TAU),
    Shape("power-law", _power_law, (*_KNEE, "origin"), open=True, check=_check_power_law, required=_KNEE),
    Shape("cyclic", _cyclic, (*_CYCLE, "mode", "gamma"), open=True, check=_check_cyclic, required=_CYCLE),
    Shape("untuned-linear", _untuned_linear, ("beta2",), check=_check_beta2),
    Shape("untuned-exponential", _untuned_exponential, ("beta2",), check=_check_beta2),
    Shape("radam", _radam, ("beta2",), check=_check_radam),
)
