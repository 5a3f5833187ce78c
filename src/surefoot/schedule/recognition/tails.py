"""Falls without an end in a log: inverse square root and inverse time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from surefoot.schedule.recognition.bend import Bend
from surefoot.schedule.recognition.legs import Log

_POWERS = {"inverse-sqrt": 2.0, "inverse-time": 1.0}


def open_tail(log: Log, line: Callable[[float], float] | None) -> tuple[Bend, str, float] | None:
    """Return (bend, shape, timescale) if ``y = a * (scale / (scale + t - begin)) ^ (1/p)`` fits, else None.

    ``y^-p`` is then a straight line in time; ``line`` is a warmup that meets the fall between two samples.
    """
    if log.y.min() <= 0:
        return None
    for name, p in _POWERS.items():
        tail = _tail(log, p)
        if tail is None:
            continue
        begin = _meeting(log, line, tail)
        top, next_top = tail(begin), tail(begin + 1)
        scale = 1.0 / ((next_top / top) ** -p - 1.0)
        return Bend("linear", begin, float(log.t[-1]) + 1 - begin, top, 0.0), name, _whole(scale)
    return None


def _tail(log: Log, p: float) -> Callable[[float], float] | None:
    slope, base = np.polyfit(log.t, log.y**-p, 1, w=log.y**p)
    if slope <= 0 or base + slope * log.t[0] <= 0:
        return None
    if log.error((base + slope * log.t) ** (-1 / p)) > log.tolerance:
        return None
    return lambda t: float(max(base + slope * t, 1e-300) ** (-1 / p))


def _meeting(log: Log, line: Callable[[float], float] | None, tail: Callable[[float], float]) -> float:
    """Return the update at which the warmup reaches the fall, at the latest the first sample."""
    last = float(log.t[0])
    if line is None:
        return last
    times = np.arange(max(last - 2 * log.gap, 1.0), last + 1)
    return float(min(times, key=lambda t: abs(line(t) - tail(t))))


def _whole(scale: float) -> float:
    near = round(scale)
    return float(near) if near > 0 and abs(scale - near) < 1e-3 * scale else scale
