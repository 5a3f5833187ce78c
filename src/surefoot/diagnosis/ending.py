"""Ending: whether a log shows the end of its run, and the steps around which it was taken up again."""

from __future__ import annotations

import numpy as np

from surefoot.diagnosis.trace import Trace


def finished(trace: Trace) -> bool:
    """Say whether the last row lies at the planned total: within one row, or 1 %, of it.

    False where the log does not say the total, or counts rows: then a live run looks like a finished one.
    """
    total, last = trace.number("total"), trace.last_step
    if total is None or total <= 0 or not np.isfinite(last) or trace.text("unit") == "row":
        return False
    return last >= total - max(spacing(trace), 0.01 * total)


def spacing(trace: Trace) -> float:
    """Return the usual distance of two losses in steps, at the end of the log; 1.0 where there is none."""
    steps = trace["loss"].tail[0]
    apart = np.diff(steps)
    apart = apart[np.isfinite(apart) & (apart > 0)]
    return float(np.median(apart)) if len(apart) else 1.0


def resumes(trace: Trace) -> tuple[float, ...]:
    """Return the steps at which the run was taken up again, as the log says them."""
    said = trace.facts.get("resumes", ())
    return tuple(step for step in said if np.isfinite(step)) if isinstance(said, tuple) else ()
