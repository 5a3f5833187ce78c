"""The range test: one short run whose rate rises exponentially, and the rate at which it blew up.

Leslie N. Smith, "Cyclical Learning Rates for Training Neural Networks", arXiv 1506.01186 (2015). A range test only
brackets: over 15 small real tasks the distance from the best rate to the blow-up ran from 4x to 256x, so short runs
at fixed rates have to decide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import ramp

LOW, HIGH = 1e-6, 100.0
STAGE = "range test"
_BETA = 0.7


@dataclass(frozen=True, slots=True)
class Landmarks:
    """What a range test showed.

    ``start`` is the loss before anything was learned, ``noise`` its standard deviation, ``gain`` how far the smoothed
    loss fell, ``fell`` the octave (log2 of the rate) where it was lowest, ``half`` where it had fallen half as far,
    ``blew`` that of the blow-up (None: none), ``middle`` the one in the middle of the test.
    """

    start: float
    noise: float
    gain: float
    fell: float
    blew: float | None
    half: float = math.nan
    middle: float = math.nan

    @property
    def clear(self) -> bool:
        """Whether the fall stands out of the noise, so that its landmarks say something."""
        return self.gain > 3 * self.noise


def rising(low: float, high: float, total: int) -> Schedule:
    """Return the schedule of a range test: ``low * (high / low) ** (step / total)``.

    >>> rising(1e-4, 1.0, 4).array().round(6).tolist()
    [0.0001, 0.001, 0.01, 0.1]
    """
    return Schedule(high, (ramp(low / high, 1.0, total, "exponential"),))


def smoothed(losses: NDArray[np.float64], beta: float = _BETA) -> NDArray[np.float64]:
    """Return the exponential mean with its bias corrected: m_t / (1 - beta^t), m_t = beta m_{t-1} + (1 - beta) l_t.

    >>> smoothed(np.array([1.0, 1.0, 0.0]), 0.5).round(3).tolist()
    [1.0, 1.0, 0.429]
    """
    mean = np.empty_like(losses)
    running = 0.0
    for k, loss in enumerate(losses):
        running = beta * running + (1 - beta) * loss
        mean[k] = running / (1 - beta ** (k + 1))
    return mean


def landmarks(rates: NDArray[np.float64], losses: NDArray[np.float64]) -> Landmarks:
    """Read a range test; needs no loss to be near 0, and takes a plateau before learning for what it is.

    The blow-up is the rate after which the smoothed loss stays further above the start than it had fallen below it,
    or above the noise where that is more; a loss that is not finite is a blow-up.
    """
    finite = np.isfinite(losses)
    n = len(losses) if finite.all() else int(np.argmin(finite))
    octaves = np.log2(rates)
    if n == 0:
        return Landmarks(math.nan, 0.0, 0.0, float(octaves[0]), float(octaves[0]))
    mean = smoothed(losses[:n])
    # One loss alone may be that of an easy batch.
    head = losses[: max(min(3, n // 2), n // 6, 1)]
    start = float(np.median(head))
    noise = noise_of(losses[: max(2, n // 3)])
    gain = max(start - float(mean.min()), 0.0)
    high = mean > start + max(gain, 4 * noise, 1e-12 * abs(start))
    blew = None
    if n < len(losses):
        blew = float(octaves[n])
    if high[-1]:
        below = np.flatnonzero(~high)
        blew = float(octaves[below[-1] + 1 if below.size else 0])
    lowest = int(mean.argmin())
    above = np.flatnonzero(mean[: lowest + 1] >= start - gain / 2)
    half = float(octaves[min(above[-1] + 1, lowest) if above.size else 0])
    return Landmarks(start, noise, gain, float(octaves[lowest]), blew, half, float(octaves[0] + octaves[-1]) / 2)


def noise_of(losses: NDArray[np.float64]) -> float:
    """Return the standard deviation of losses around their trend: the median step between neighbours over 0.954."""
    return float(np.median(np.abs(np.diff(losses)))) / 0.954 if len(losses) > 2 else 0.0
