"""Warmups that an adaptive optimizer's beta2 sets, as phases: ``cosine(..., warmup=untuned_warmup(0.95))``."""

from __future__ import annotations

import math

from surefoot.errors import ArgumentError
from surefoot.schedule.phase import Phase, ramp

_KINDS = ("linear", "exponential")


def untuned_warmup(beta2: float = 0.999, *, kind: str = "linear") -> Phase:
    """Return the warmup that needs no tuning beside Adam, of a length that ``beta2`` sets.

    "linear": ``min(1, n (1 - beta2) / 2)``, full after 2 / (1 - beta2) updates; "exponential":
    ``1 - exp(-n (1 - beta2))``, cut where it reaches 0.999 (a jump of 0.1%). n = t + 1. Source: On the adequacy of
    untuned warmup for adaptive optimization, arXiv 1910.04209 (2019).

    >>> untuned_warmup(0.95)
    ramp(0.0, 1.0, 39, 'untuned-linear', beta2=0.95)
    >>> round(float(untuned_warmup(0.999, kind="exponential").at(999.0)), 4)
    0.6321
    """
    if kind not in _KINDS:
        raise ArgumentError(f"kind={kind!r} is unknown: use one of {', '.join(_KINDS)}.")
    whole = ramp(0.0, 1.0, 1, f"untuned-{kind}", beta2=beta2)
    full = 2.0 / (1.0 - beta2) if kind == "linear" else math.log(1000.0) / (1.0 - beta2)
    # Update t has factor f(t + 1), so the first full one is one before; rounding must not add an update.
    return ramp(0.0, 1.0, max(math.ceil(full - 1e-6) - 1, 0), whole.shape, beta2=beta2)


def radam_warmup(beta2: float = 0.999, *, until: float = 0.999) -> Phase:
    """Return RAdam's rectification as a warmup, cut where it reaches ``until`` (it comes to 1 only in the limit).

    ``sqrt((r-4)(r-2) R / ((R-4)(R-2) r))``, ``r = R - 2 n beta2^n / (1 - beta2^n)``, ``R = 2/(1-beta2) - 1``,
    n = t + 1; 0 while r <= 4 (the first 4 updates). Source: On the Variance of the Adaptive Learning Rate and Beyond,
    arXiv 1908.03265 (2019).

    >>> [round(float(radam_warmup(0.999).at(n - 1.0)), 4) for n in (4, 5, 100, 1000)]
    [0.0, 0.0173, 0.2153, 0.6453]
    """
    if not 0.0 < until < 1.0:
        raise ArgumentError(f"until={until!r} must lie in (0, 1): the rectification never reaches 1.")
    low, high = 0, 8
    while _radam(beta2, high) < until:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _radam(beta2, middle) < until else (low, middle)
    return ramp(0.0, 1.0, high, "radam", beta2=beta2)


def _radam(beta2: float, i: int) -> float:
    return float(ramp(0.0, 1.0, i + 1, "radam", beta2=beta2).at(float(i)))
