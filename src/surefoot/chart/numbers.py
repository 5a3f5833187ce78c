"""Numbers for axes: round ticks, ranges with a margin, and rates and counts as people write them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

POINTS = 400
"""Points that a line is drawn with."""
LARGEST = 1e100
"""A value beyond this has no place in a picture: squares and sums of it would overflow."""
_MANTISSAS = (1.0, 2.0, 2.5, 5.0, 10.0)


def linear_ticks(low: float, high: float, about: int = 5) -> tuple[float, ...]:
    """Return round values in [low, high], 1, 2, 2.5 or 5 times a power of ten apart, about ``about`` of them.

    >>> linear_ticks(0, 10_000)
    (0.0, 2000.0, 4000.0, 6000.0, 8000.0, 10000.0)
    """
    raw = (high - low) / max(about, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = power * min(_MANTISSAS, key=lambda m: abs(math.log(m * power / raw)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    # Rounding to the step's own digits keeps 0.30000000000000004 off the axis.
    digits = max(0, 2 - math.floor(math.log10(step)))
    return tuple(round(k * step, digits) for k in range(first, last + 1))


def log_ticks(low: float, high: float, about: int = 5) -> tuple[float, ...]:
    """Return round values in [low, high] for a log axis: powers of ten, with 2 and 5 (or 3) where there is room.

    >>> log_ticks(1e-4, 1e-1)
    (0.0001, 0.001, 0.01, 0.1)
    """
    first, last = math.floor(math.log10(low) - 1e-9), math.ceil(math.log10(high) + 1e-9)
    fits = (low * (1 - 1e-9), high * (1 + 1e-9))
    for mantissas in ((1, 2, 5), (1, 3), (1,)):
        values = _powers(mantissas, range(first, last + 1), fits)
        if 2 <= len(values) <= about + 1:
            return values
    if len(values) < 2:
        return linear_ticks(low, high, min(about, 4))
    return values[:: math.ceil(len(values) / about)]


def _powers(mantissas: Iterable[int], exponents: range, fits: tuple[float, float]) -> tuple[float, ...]:
    # float(text) is the float nearest to the decimal; m * 10.0**k is not always.
    values = (float(f"{m}e{k}") for k in exponents for m in mantissas)
    return tuple(value for value in values if fits[0] <= value <= fits[1])


def spread(values: Iterable[float], *, log: bool = False, margin: float = 0.05) -> tuple[float, float]:
    """Return a range that holds every finite value with ``margin`` of its width on both sides; never an empty one."""
    found = [v for v in values if math.isfinite(v) and (v > 0 or not log)]
    if not found:
        return (0.1, 1.0) if log else (0.0, 1.0)
    low, high = min(found), max(found)
    if log:
        ratio = (high / low) ** margin if high > low else 2.0
        return low / ratio, high * ratio
    pad = (high - low) * margin or abs(high) * 0.5 or 0.5
    return low - pad, high + pad


def rate_text(value: float) -> str:
    """Return a rate as people write it, three digits at most.

    >>> [rate_text(v) for v in (0.0003, 0.00314159, 0.05, 1.0, 0.0)]
    ['3e-4', '3.14e-3', '0.05', '1', '0']
    """
    if value == 0 or not math.isfinite(value) or 0.01 <= abs(value) < 1000:
        return f"{value:.3g}"
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def count_text(value: float) -> str:
    """Return a count in few characters.

    >>> [count_text(v) for v in (0, 800, 12_500, 2_000_000)]
    ['0', '800', '12.5k', '2M']
    """
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / min(size, 1e3 if unit == 'k' else size):.3g}{unit}"
    return f"{value:g}"


def drawn_steps(last: int, corners: Iterable[int], points: int = POINTS) -> tuple[int, ...]:
    """Return at most a few hundred steps of 0..last-1 that hold every corner and the step before it."""
    even = np.linspace(0, max(last - 1, 0), min(last, points) or 1).round().astype(int).tolist()
    exact = {c + d for c in corners for d in (-1, 0) if 0 <= c + d < last}
    return tuple(sorted(exact | set(even)))


def smoothed(values: Sequence[float], weight: float = 0.9) -> tuple[float, ...]:
    """Return the running mean ``m = weight m + (1 - weight) v``, bias-corrected; non-finite values stay as they are.

    >>> [round(v, 3) for v in smoothed((1.0, 1.0, 0.0))]
    [1.0, 1.0, 0.631]
    """
    mean, share, done = 0.0, 0.0, []
    for value in values:
        if math.isfinite(value):
            mean, share = weight * mean + (1 - weight) * value, weight * share + 1 - weight
        done.append(mean / share if math.isfinite(value) else value)
    return tuple(done)
