"""Staircases in a log, after a warmup or without one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from surefoot.schedule.phase import hold, ramp
from surefoot.schedule.recognition.legs import Log, staircase
from surefoot.schedule.recognition.plan import Plan


def stairs(log: Log) -> Plan | None:
    """Return the staircase that the log is, None if it is none."""
    treads = staircase(log)
    return None if treads is None else _plan(treads, 0, int(log.t[-1]) + 1)


def warm_stairs(log: Log) -> Plan | None:
    """Return the staircase that the log is after a linear warmup from its first sample to its highest."""
    top = int(np.argmax(log.y))
    treads = staircase(log.cut(top, len(log.t))) if top > 0 and log.t[0] == 0 else None
    if treads is None:
        return None
    t, y = log.t[:top], log.y[:top]
    # The warmup ends at the first sample of the peak, or between two samples where the log is sparse.
    slope = (y[-1] - y[0]) / t[-1] if top > 1 else (1.0 - y[0]) / log.t[top]
    if slope <= 0 or log.cut(0, top).error(y[0] + slope * t) > log.tolerance:
        return None
    begin = round(min((1.0 - float(y[0])) / float(slope), float(log.t[top])))
    found = _plan(treads, begin, int(log.t[-1]) + 1)
    return Plan(found.peak, (ramp(float(y[0]), 1.0, begin), *found.phases), f"warmup + {found.recipe}")


def _plan(treads: list[tuple[float, float]], begin: int, last: int) -> Plan:
    peak = max(level for _, level in treads)
    times = [begin, *(int(time) for time, _ in treads[1:]), last]
    phases = [hold(b - a, level / peak) for (_, level), a, b in zip(treads, times, times[1:], strict=False)]
    falls = all(b < a for (_, a), (_, b) in pairwise(treads))
    return Plan(peak, tuple(phases), "step" if falls else "stairs")
