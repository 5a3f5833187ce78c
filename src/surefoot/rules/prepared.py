"""A range test made ready for a rule: cut where it was lost, smoothed, its ends left out, as each package does it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from surefoot.errors import ArgumentError

Array = NDArray[np.float64]
_HEAD, _TAIL = 5, 10
"""At most these parts of a test are left out at its ends: the packages count on their 100 updates."""
_ROUNDING = 1e-12


class Seen(NamedTuple):
    """The rates of a range test and what is read as its loss at each."""

    lrs: Array
    losses: Array


@dataclass(frozen=True, slots=True)
class Preparation:
    """How the losses l_t of a range test are prepared before a rule reads them.

    m_t = ``weight`` m_{t-1} + (1 - weight) l_t; bias-corrected, m_t / (1 - weight^(t+1)) from m_{-1} = 0, unless
    ``seeded``: then m_0 = l_0. The test ends before the first loss that is not finite, and before m_t exceeds ``stop``
    times the lowest m so far (None: never; meaningless for losses that are not above 0, where it is left out). Then the
    first ``head`` and the last ``tail`` points are left out, but no more than a fifth and a tenth of them.

    Raises ArgumentError for a weight outside [0, 1), a negative head or tail, or a stop of at most 1.

    >>> Preparation(weight=0.5, head=0, tail=0).smoothed(np.array([1.0, 1.0, 0.0])).round(3).tolist()
    [1.0, 1.0, 0.429]
    """

    weight: float
    seeded: bool = False
    head: int = 10
    tail: int = 5
    stop: float | None = 4.0

    def __post_init__(self) -> None:
        if not 0 <= self.weight < 1:
            raise ArgumentError(f"weight={self.weight!r} must be in [0, 1): the share of the past in the mean.")
        if self.head < 0 or self.tail < 0:
            raise ArgumentError(f"head={self.head!r} and tail={self.tail!r} must be >= 0: points that are left out.")
        if self.stop is not None and not self.stop > 1:
            raise ArgumentError(f"stop={self.stop!r} must be above 1, or None: multiples of the lowest loss.")

    def smoothed(self, losses: Array) -> Array:
        """Return the running mean of ``losses`` [n], all finite."""
        means = np.empty_like(losses)
        mean = float(losses[0]) if self.seeded and len(losses) else 0.0
        for k, loss in enumerate(losses.tolist()):
            mean = self.weight * mean + (1 - self.weight) * loss
            means[k] = mean if self.seeded else mean / (1 - self.weight ** (k + 1))
        return means


FASTAI = Preparation(0.98)
"""fastai 2: AvgSmoothLoss with beta 0.98; the first tenth and the last 5 updates are left out."""
LIGHTNING = Preparation(0.98, tail=1)
"""Lightning 2: the same mean; ``suggestion()`` leaves out 10 and 1."""
TORCH_LR_FINDER = Preparation(0.95, seeded=True, stop=5.0)
"""torch-lr-finder 0.2: smooth_f=0.05, diverge_th=5, ``plot`` leaves out 10 and 5."""
RAW = Preparation(0.0, head=0, tail=0, stop=None)
"""The losses as they are."""


def test_of(found: Any) -> Seen:
    """Return the range test of a Curve or a Peak up to its first loss that is not finite.

    Raises ArgumentError for anything else.
    """
    curve = getattr(found, "curve", found)
    try:
        lrs, losses = (np.asarray(getattr(curve, name), np.float64) for name in ("test_lrs", "test_losses"))
    except AttributeError:
        raise ArgumentError(f"curve={found!r:.60} must be a Curve or a Peak: rules read its range test.") from None
    finite = np.isfinite(losses)
    n = len(losses) if finite.all() else int(np.argmin(finite))
    return Seen(lrs[:n], losses[:n])


def prepared(found: Any, how: Preparation) -> Seen | None:
    """Return what a rule reads; None for fewer than two points, or where the loss never falls below the first."""
    lrs, losses = test_of(found)
    if len(losses) == 0:
        return None
    means = how.smoothed(losses)
    n = _stopped(means, how.stop)
    head, tail = min(how.head, n // _HEAD), min(how.tail, n // _TAIL)
    kept = Seen(lrs[head : n - tail], means[head : n - tail])
    # Rounding alone lets the mean of a constant fall.
    return (
        kept if len(kept.losses) > 1 and kept.losses.min() < kept.losses[0] - _ROUNDING * abs(kept.losses[0]) else None
    )


def _stopped(means: Array, stop: float | None) -> int:
    if stop is None or means.min() <= 0:
        return len(means)
    lost = means > stop * np.minimum.accumulate(means)
    return int(np.argmax(lost)) if lost.any() else len(means)


def noise_of(losses: Array) -> float:
    """Return the standard deviation of losses about their trend: the median step between neighbours over 0.954."""
    return float(np.median(np.abs(np.diff(losses)))) / 0.954 if len(losses) > 2 else 0.0


def at(rate: float) -> float | None:
    """Return a rate as a rule answers it: None unless it is a finite number above 0."""
    return rate if math.isfinite(rate) and rate > 0 else None
