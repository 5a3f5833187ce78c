"""Departure: whether a loss is out of its band at the end of the rows, and how much of the run's progress is undone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from surefoot.diagnosis.excursions import RISE, Excursion, shares
from surefoot.diagnosis.shape import Shape


@dataclass(frozen=True)
class Departure:
    """A loss that is up at the end: from row ``start``, ``level`` now beside its ``base`` before, ``peak`` between.

    ``limit`` is the level that it had to exceed, ``share`` and ``log_share`` the part of the progress that is undone,
    ``left`` the excess at the end beside that of the third quarter of the rows since the start: 1 is no way back.
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


def departure(shape: Shape, excursions: tuple[Excursion, ...]) -> Departure | None:
    """Return how the loss stands above its best at the end of the rows; None where it does not.

    Two ways of being out: the lowest fifth of the last rows lies above best + max(5 sigma, 0.3 |best|), sigma being
    the noise before the best, or before the first grave excursion if that is less; or an excursion began at least 3
    rows ago (2 in a log of under 20) and is not over.
    """
    low = float(np.percentile(shape.value[-shape.tail :], 20))
    calm = min([shape.noise_near(shape.best_at), *(one.sigma for one in excursions if one.grave)])
    limit = shape.best + max(5.0 * calm, RISE * abs(shape.best))
    if len(shape) >= 4 and low > limit:
        return _departure(shape, shape.best_at, low, shape.best, limit)
    last = excursions[-1] if excursions else None
    if last is None or last.stop is not None or len(shape) - last.start < (3 if len(shape) >= 20 else 2):
        return None
    limit = last.base + max(3.0 * last.sigma, 0.1 * abs(last.base))
    low = float(np.percentile(shape.value[-min(shape.tail, len(shape) - last.start) :], 20))
    return _departure(shape, last.start, low, last.base, limit)


def _departure(shape: Shape, start: int, level: float, base: float, limit: float) -> Departure:
    peak = max(float(shape.value[start:].max()), level)
    since = len(shape) - start
    then = float(np.median(shape.value[start + since // 2 : start + max(since * 3 // 4, since // 2 + 1)]))
    left = (level - base) / (then - base) if then > base else 1.0
    return Departure(start, level, base, peak, limit, *shares(level, base, shape), min(left, 1.0))
