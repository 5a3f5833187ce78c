"""A parabola through regrets over the logarithm of the rate: where the best rate lies, and how sharply."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CLIP = 0.3
"""Regrets above it say only "bad": how bad a run is far from the best one carries no shape."""
_REACH = 0.7
_EQUAL = 1e-3
_FLATTEST = 0.002


@dataclass(frozen=True, slots=True)
class Parabola:
    """regret(x) = curvature * (x - center)^2 + base, x in octaves (log2 of the rate).

    ``inside`` says that the best point has a worse one on either side.
    """

    center: float
    curvature: float
    base: float
    inside: bool

    def reach(self, regret: float) -> float:
        """Return the octaves from the centre at which the regret has grown by ``regret``."""
        return math.sqrt(regret / max(self.curvature, _FLATTEST))


def regrets(losses: Sequence[float], start: float) -> list[float]:
    """Return (loss - best) / (start - best) for each loss, clipped to [0, 0.3]; a failed run (inf) counts 0.3.

    >>> regrets([1.0, 1.1, float("inf")], start=2.0)
    [0.0, 0.10000000000000009, 0.3]
    """
    best = min(losses)
    gain = start - best
    if not (math.isfinite(best) and gain > 0):
        return [CLIP] * len(losses)
    return [min((loss - best) / gain, CLIP) if math.isfinite(loss) else CLIP for loss in losses]


def fitted(octaves: Sequence[float], regret: Sequence[float]) -> Parabola:
    """Fit the points around the best one by least squares; the centre stays within 0.7 octaves of what was tried.

    Where fewer than three points are at hand, or they bend the wrong way, the best point is the centre.

    >>> fitted([-1.0, 0.0, 2.0], [0.01, 0.0, 0.04]).center
    0.0
    """
    order = sorted(range(len(octaves)), key=lambda k: octaves[k])
    x, y = [octaves[k] for k in order], [regret[k] for k in order]
    best = middle_of_best(y)
    low, high = max(best - 2, 0), min(best + 2, len(x) - 1)
    while low < best - 1 and y[low] >= CLIP and y[low + 1] >= CLIP:
        low += 1
    while high > best + 1 and y[high] >= CLIP and y[high - 1] >= CLIP:
        high -= 1
    inside = 0 < best < len(x) - 1
    if high - low < 2 or len({round(value, 1) for value in x[low : high + 1]}) < 3:
        return Parabola(x[best], 0.0, y[best], inside)
    a, b, _ = np.polyfit(x[low : high + 1], y[low : high + 1], 2)
    if a <= 0:
        # Still improving at the highest rate: the best one lies above it.
        rising = best == len(x) - 1
        return Parabola(x[best] + (_REACH if rising else 0.0), 0.0, y[best], inside)
    center = float(np.clip(-b / (2 * a), x[low] - _REACH, x[high] + _REACH))
    if not inside:
        # Beyond the last point the curve is a guess: stay near the best point.
        center = float(np.clip(center, x[best] - _REACH, x[best] + _REACH))
    return Parabola(round(center, 12) + 0.0, float(a), y[best], inside)


def middle_of_best(y: Sequence[float]) -> int:
    """Return the index of the lowest regret; of several alike (within 0.001) the middle one: a plateau has a centre."""
    lowest = [k for k, value in enumerate(y) if value <= min(y) + _EQUAL]
    return lowest[len(lowest) // 2]
