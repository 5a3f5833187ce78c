"""Recipes that jump: step decay of a rate, and a staircase for a field that rises, such as the batch size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Unpack

from surefoot.errors import ArgumentError
from surefoot.schedule.core import Schedule
from surefoot.schedule.formula import share
from surefoot.schedule.lengths import Clock, LengthLike
from surefoot.schedule.phase import Phase, hold, ramp, rate
from surefoot.schedule.recipes.frame import Common, Frame, Warmup, factor_of, frame

_AT = (0.3, 0.6, 0.9)


def step_decay(
    peak: float,
    *,
    total: LengthLike | None,
    at: Sequence[LengthLike] = _AT,
    factor: float = 0.1,
    every: LengthLike | None = None,
    warmup: Warmup = 0,
    floor: float = 0.0,
    **common: Unpack[Common],
) -> Schedule:
    """Return the peak times ``factor^k`` after k milestones, never under the floor.

    ``at`` holds the milestones, counted from update 0 and rising (steps, fractions of the total, epochs(30), ...);
    a milestone m takes effect at update m. ``every`` instead makes one each so many updates after the warmup.
    ``factor`` lies in (0, 1]. Raises ArgumentError for milestones that are unsorted, inside the warmup or past the
    total. Source: Deep Residual Learning, arXiv 1512.03385 (2015).

    >>> step_decay(1.0, total=10, at=(3, 7), factor=0.5).array().tolist()
    [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]
    >>> step_decay(1.0, total=5, every=2).array().round(4).tolist()
    [1.0, 1.0, 0.1, 0.1, 0.01]
    """
    share(factor, "factor")
    found = frame(peak, total=total, warmup=warmup, floor=floor, open_end=True, **common)
    if every is None:
        marks = _milestones(found, at)
        return found.schedule(*_holds(marks, [max(factor**k, found.floor) for k in range(len(marks))], found.total))
    if at != _AT:
        raise ArgumentError(f"at={at!r} and every={every!r} both say when to drop: pass one of them.")
    steps = found.steps(every, "every")
    return found.schedule(ramp(1.0, found.floor, found.left, "step", every=steps, factor=factor))


def staircase(
    values: Sequence[float], *, at: Sequence[LengthLike], total: LengthLike | None = None, clock: Clock | None = None
) -> Schedule:
    """Return a field that takes ``values`` in turn, each from its milestone in ``at`` on (the first from update 0).

    ``at`` has one milestone fewer than there are values; the schedule's peak is the highest value. Made for batch
    sizes and sequence lengths; round what you read, since a value is stored as a factor of the peak. Folklore.

    >>> staircase([256, 512, 1024], at=(2, 4), total=6).array().tolist()
    [256.0, 256.0, 512.0, 512.0, 1024.0, 1024.0]
    """
    _listed(at)
    heights = [rate(value, "values") for value in values]
    if len(heights) != len(at) + 1:
        raise ArgumentError(f"values: {len(heights)} values need {len(heights) - 1} milestones in at=, not {len(at)}.")
    top = max(heights)
    found = frame(top, total=total, clock=clock, open_end=True)
    return found.schedule(*_holds(_milestones(found, at), [factor_of(v, top) for v in heights], found.total))


def _listed(at: object) -> None:
    if isinstance(at, str) or not isinstance(at, Iterable):
        raise ArgumentError(f"at={at!r} must be a sequence of milestones: write at=({at!r},) for a single one.")


def _milestones(found: Frame, at: Sequence[LengthLike]) -> list[int]:
    _listed(at)
    marks = [found.steps(mark, f"at[{k}]", start=0) for k, mark in enumerate(at)]
    if any(b < a for a, b in pairwise(marks)):
        raise ArgumentError(f"at={tuple(at)!r} is not sorted: its milestones are the updates {marks} and must rise.")
    if marks and marks[0] < found.begin:
        raise ArgumentError(f"at={tuple(at)!r} begins at update {marks[0]}, inside the warmup of {found.begin}.")
    if marks and found.total is not None and marks[-1] > found.total:
        raise ArgumentError(f"at={tuple(at)!r} ends at update {marks[-1]}, past total={found.total}.")
    return [found.begin, *marks]


def _holds(marks: list[int], factors: list[float], total: int | None) -> list[Phase]:
    lengths: list[int | None] = [b - a for a, b in pairwise(marks)]
    last = None if total is None else total - marks[-1]
    return [hold(n, factor) for n, factor in zip([*lengths, last], factors, strict=True)]
