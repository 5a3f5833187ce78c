"""Departure: whether a loss is out of its band at the end of the rows, and how much of the run's progress is undone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from surefoot.diagnosis.excursions import Excursion, shares
from surefoot.diagnosis.shape import Shape

_RISE = 0.3


@dataclass(frozen=True)
class Departure:
    """A loss that is up at the end: from row ``start``, ``level`` now beside its ``base`` before, ``peak`` between.

    ``limit`` is the level that it had to exceed, ``share`` and ``log_share`` the part of the progress that is undone,
    ``left`` the excess at the end beside that of the third quarter of the rows since the start: 1 is no way back, as
    is an excess that no longer shrinks.
    """

    start: int
    level: float
    base: float
    peak: float
    limit: float
    share: float
    log_share: float
    left: float

    @property
    def lost(self) -> bool:
        """Whether a tenth of the progress is undone (35 % of its logarithm) and the loss is not on its way back."""
        return (self.share >= 0.1 or self.log_share >= 0.35) and self.left >= 0.65


def departure(shape: Shape, excursions: tuple[Excursion, ...], *, confirmed: bool = False) -> Departure | None:
    """Return how the loss stands above its best at the end of the rows; None where it does not.

    Two ways of being out: the lowest fifth of the last rows lies above best + max(4 sigma, 0.3 |best|) (of a run that
    gained less than its best: 0.3 of the gain, at least 0.1 |best|; where evaluations rise too, ``confirmed``:
    0.1 |best|), sigma being the least of the noise of the run, before the best, and before a grave excursion; or an
    excursion began at least 3 rows ago (2 in a log of under 20) and is not over.
    """
    low = float(np.percentile(shape.value[-shape.tail :], 20))
    calm = min([shape.noise, shape.noise_near(shape.best_at), *(one.sigma for one in excursions if one.grave)])
    # Where evaluations agree, the noise of the level counts, not that of a row.
    room = 4.0 * calm * (1.25 / math.sqrt(shape.tail) if confirmed else 1.0)
    limit = shape.best + max(room, _rise(shape, confirmed=confirmed))
    if len(shape) >= 4 and low > limit:
        return _departure(shape, shape.best_at, low, shape.best, limit)
    last = excursions[-1] if excursions else None
    if last is None or last.stop is not None or len(shape) - last.start < (3 if len(shape) >= 20 else 2):
        return None
    limit = last.base + max(3.0 * last.sigma, 0.1 * abs(last.base))
    low = float(np.percentile(shape.value[-min(shape.tail, max((len(shape) - last.start) // 3, 1)) :], 20))
    return _departure(shape, last.start, low, last.base, limit)


def _rise(shape: Shape, *, confirmed: bool) -> float:
    level, least = abs(shape.best), 0.1 * abs(shape.best)
    if confirmed:
        return least
    # Of a run that gained little, a third of the gain is much, though it is little of the level.
    return min(_RISE * level, max(_RISE * shape.drop, least)) if shape.fresh else _RISE * level


def _departure(shape: Shape, start: int, level: float, base: float, limit: float) -> Departure:
    peak = max(float(shape.value[start:].max()), level)
    since = len(shape) - start
    then = float(np.median(shape.value[start + since // 2 : start + max(since * 3 // 4, since // 2 + 1)]))
    late = float(np.median(shape.value[start + since * 4 // 5 : start + max(since * 9 // 10, since * 4 // 5 + 1)]))
    left = (level - base) / (then - base) if then > base else 1.0
    settled = since >= 20 and late > base and (level - base) / (late - base) >= 0.93
    return Departure(start, level, base, peak, limit, *shares(level, base, shape), 1.0 if settled else min(left, 1.0))
