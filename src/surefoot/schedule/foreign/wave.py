"""Phases whose boundaries fall between two updates: legs of a wave, in whole numbers, so that nothing is rounded."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import ceil

from surefoot.schedule.phase import Phase

_FINEST = 10**6


def exact(value: float) -> Fraction:
    """Return ``value`` as a fraction of small whole numbers (0.3 is 3/10)."""
    return Fraction(value).limit_denominator(_FINEST)


def leg(model: Phase, begin: Fraction, end: Fraction, until: int | None = None, since: int = 0) -> tuple[Phase, ...]:
    """Return ``model`` stretched from time ``begin`` to ``end``, sampled at the updates in between.

    The updates are those t with begin <= t < end, or ``since`` <= t < ``until`` where given; none gives no phase.
    """
    first, last = max(ceil(begin), since), ceil(end) if until is None else until
    if last <= first:
        return ()
    unit = begin.denominator * end.denominator
    of = int((end - begin) * unit)
    return (
        Phase(
            last - first, model.start, model.stop, model.shape, model.parameters, 1.0,
            (int((first - begin) * unit), unit, 1, of),
        ).plain(),
    )  # fmt: skip


def wave(models: tuple[Phase, ...], length: int, legs: Fraction) -> Iterator[Phase]:
    """Yield ``legs`` legs over ``length`` updates, along the models in turn; the last leg may be cut short."""
    period = Fraction(length) / legs
    for k in range(ceil(legs)):
        end = (k + 1) * period
        yield from leg(models[k % len(models)], k * period, end, min(ceil(end), length))
