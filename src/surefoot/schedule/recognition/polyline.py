"""A logged rate as a table of few points."""

from __future__ import annotations

import numpy as np

from surefoot.schedule.phase import Phase, ramp
from surefoot.schedule.recognition.legs import Log


def points(log: Log) -> Phase:
    """Return a phase through the samples, without those that lie on a line between others."""
    at, factors = [0.0], [float(log.y[0])]
    for k in _knots(log):
        if log.t[k] > 0:
            at.append(float(log.t[k]))
            factors.append(min(float(log.y[k]), 1.0))
    return ramp(factors[0], factors[-1], int(log.t[-1]) + 1, "points", at=tuple(at), factors=tuple(factors))


def _knots(log: Log) -> list[int]:
    """Return the samples that a line from the knot before cannot replace (the swinging door)."""
    t, y, knots, first = log.t, log.y, [0], 0
    low, high = -np.inf, np.inf
    for k in range(1, len(t)):
        room, run = 0.25 * log.tolerance * max(float(y[k]), 1e-3) + log.slack, float(t[k] - t[first])
        slope = float(y[k] - y[first]) / run
        if not low <= slope <= high:
            first = k - 1
            knots.append(first)
            low, high, run = -np.inf, np.inf, float(t[k] - t[first])
            slope = float(y[k] - y[first]) / run
        low, high = max(low, slope - room / run), min(high, slope + room / run)
    return [*knots, len(t) - 1] if knots[-1] != len(t) - 1 else knots
