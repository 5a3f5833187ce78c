"""SF401 length mismatch: the schedule's total doesn't match the run's length.

What it sees
    A rate that reached 0, or its floor, long before the last row; or a run that reached its planned total while its
    schedule is still on its way down.

Formula
    Ended early: the last change of the rate lies at t_f, and (t_last - t_f) / (t_last - t_0) is above 0.1 with a rate
    of 0 (warning: nothing trains there), or above 0.3 with a floor that a gradual decay led to (info).
    Cut off: t_last is at the planned total, the rate lies in [0.15, 0.9] of the peak, and fell by 3 % of the peak over
    the last tenth of the steps (info); a warning where the rates are those of a cosine whose own total is more than
    1.25 times the run.

Why it matters
    A decay does its work where the rate nears 0: a run cut off before that leaves most of the gain behind, and one that
    stays at 0 burns compute. A cosine more than 25 % longer than the run costs a visible part of the final loss.

Example
    A Trainer with ``max_steps`` set while the schedule is sized by the number of epochs.

What to try
    1. Give the schedule the run's own number of updates.
    2. If the run is over and its last checkpoint kept: decay from there.

False alarms
    A floor that is held on purpose (pretraining beyond the cosine's end); a linear schedule with a high floor.

Source
    Training Compute-Optimal Large Language Models (arXiv 2203.15556, 2022), figure A1: cosine cycles of 1.1 to 5 times
    the run. The fractions 0.1 and 0.3 are this project's own.
"""

from __future__ import annotations

import numpy as np

from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.ending import finished
from surefoot.diagnosis.nouns import Edit, Finding, Severity
from surefoot.diagnosis.rates import RatePhases, rate_phases
from surefoot.diagnosis.remedies import ranked, remedy
from surefoot.diagnosis.trace import TRACE, Trace

_ZERO = 1e-6
_LONG = 1.25
_FLOORS = (0.0, 0.1, 0.01, 0.05)
_STRAIGHT = 5e-3


def finding(trace: Trace) -> Finding | None:
    """Return the finding on a schedule that ended too early, or was cut off."""
    seen = rate_phases(trace)
    if not seen.known or seen.decay_start is None or len(seen.rate) < 8:
        return None
    if seen.floor_start is not None:
        return _early(seen)
    cut = 0.15 <= seen.end_factor <= 0.9 and not seen.rises and finished(trace) and _falls(seen)
    return _cut(seen, trace.number("total") or float(seen.step[-1])) if cut else None


def _falls(seen: RatePhases) -> bool:
    """Say whether the last tenth of the steps took 3 % of the peak off the rate."""
    ahead = np.searchsorted(seen.step, seen.step[-1] - 0.1 * (seen.step[-1] - seen.step[0]))
    return bool(seen.rate[min(int(ahead), len(seen.rate) - 2)] - seen.rate[-1] >= 0.03 * seen.peak)


def _early(seen: RatePhases) -> Finding | None:
    first, last, at = float(seen.step[0]), float(seen.step[-1]), float(seen.floor_start or 0.0)
    share = (last - at) / max(last - first, 1.0)
    stopped = seen.end_factor <= _ZERO
    between = seen.rate[(seen.step >= (seen.decay_start or 0.0)) & (seen.step <= at)]
    gradual = len(np.unique(between)) >= 6
    if share <= (0.1 if stopped else 0.3) or not (stopped or gradual):
        return None
    severity: Severity = "warning" if stopped else "info"
    where = "0" if stopped else f"its floor, {seen.end_factor:.0%} of the peak,"
    fit = remedy(
        "schedule",
        f"Stretch the schedule to the run's {last + 1:,.0f} updates.",
        "a decay that ends with the run keeps a useful rate for longer",
        Edit("stretch", {"total": int(last) + 1}),
    )
    return Finding(
        *("SF401", "length mismatch", int(at), severity, 0.9 if stopped else 0.5),
        f"The rate reached {where} at step {at:,.0f} and stayed there for the last {share:.0%} of the rows' steps; "
        "a schedule as long as the run gets there at its end.",
        {"floor_start": at, "last": last, "share": share, "end_factor": seen.end_factor},
        ranked([fit]),
    )


def _cut(seen: RatePhases, total: float) -> Finding:
    last, own = float(seen.step[-1]), _own_total(seen)
    long = own is not None and own > _LONG * total
    planned = f": it is a cosine over {own:,.0f} updates" if own is not None and long else ""
    fit = remedy(
        "schedule",
        f"Give the schedule the run's own total of {total:,.0f} updates.",
        "most of what a decay gains comes at its end",
        Edit("stretch", {"total": round(total)}),
    )
    late = remedy(
        "schedule",
        "If the last checkpoint is kept, go on from it with a decay to 0 over a fifth of the run.",
        "a short decay recovers most of what the long one would have gained",
    )
    return Finding(
        *("SF401", "length mismatch", int(last), "warning" if long else "info", 0.8 if long else 0.4),
        f"The run ended at its total with the rate at {seen.end_factor:.0%} of the peak and still falling{planned}; "
        "a schedule of the run's own length ends near 0.",
        {"last": last, "total": total, "schedule_total": own, "end_factor": seen.end_factor},
        ranked([fit, late]),
    )


def _own_total(seen: RatePhases) -> float | None:
    """Return the total of the cosine that the falling rates are cut from, None if they are from none.

    With factor y and floor f, arccos(2 (y - f) / (1 - f) - 1) / pi is the part of the decay that is done: a straight
    line in the step, which reaches 1 at the schedule's own total.
    """
    top = int(np.argmax(seen.rate))
    step, factor = seen.step[top:], seen.rate[top:] / seen.rate[top]
    if len(step) < 8 or step[-1] <= step[0]:
        return None
    for floor in _FLOORS:
        done = np.arccos(np.clip(2 * (factor - floor) / (1 - floor) - 1, -1.0, 1.0)) / np.pi
        apart = step - step.mean()
        slope = float((apart @ done) / (apart @ apart))
        if slope > 0 and np.abs(done.mean() + slope * apart - done).max() < _STRAIGHT:
            return float(step.mean() + (1.0 - done.mean()) / slope)
    return None


DETECTOR = Detector("SF401", "length mismatch", TRACE, finding)
