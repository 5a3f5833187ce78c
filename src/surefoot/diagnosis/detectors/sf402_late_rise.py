"""SF402 late rise: the rate rises again at the end, or jumps at a resume.

What it sees
    A rate that had decayed and climbs again without coming down before the end; a rate that is higher right after the
    run was taken up again than right before.

Formula
    At a resume: rate after / rate before >= 1.5, compared with the steepest of the three rows before (warning).
    At the end: one rise to at least 1.5 times the local minimum that lies below half the peak, begun after 60 % of the
    steps, with a last rate of at least 1.5 times that minimum: a warning if the run reached its planned total, info
    otherwise.

Why it matters
    What a decay gained is lost in the updates after the rise: the loss goes back to what the higher rate allows.

Example
    torch's CosineAnnealingLR, stepped beyond its T_max, climbs back to the peak. A Trainer resumed with a larger
    ``max_steps`` went from 7.6e-6 over 0.0 to 5e-4 (transformers 5.23).

What to try
    1. End the run, or keep the checkpoint, at the minimum of the rate.
    2. Give the schedule the run's own total; it then holds its floor.
    3. To go on for longer, extend on purpose: rewarm over some updates, to less than the peak.

False alarms
    Warm restarts and cycles, whose last cycle the log doesn't show to the end (two or more rises are taken for such);
    continued pretraining with a rewarm.

Source
    SGDR: Stochastic Gradient Descent with Warm Restarts (arXiv 1608.03983, 2016) for what a rise does; this project's
    measurement on transformers 5.23 (2026).
"""

from __future__ import annotations

import numpy as np

from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.ending import finished, resumes
from surefoot.diagnosis.nouns import Edit, Finding
from surefoot.diagnosis.rates import RISE, RatePhases, rate_phases
from surefoot.diagnosis.remedies import ranked, remedy
from surefoot.diagnosis.trace import TRACE, Trace

_LATE = 0.6

KEEP = remedy("checkpoint", "Keep the checkpoint from the minimum of the rate.", "the updates after it undo the decay")
REWARM = remedy(
    "warmup",
    "To go on for longer, rewarm on purpose, over 1 % of the updates and to a part of the peak.",
    "a rise that is slow and low costs the least of what was learnt",
)
SAME = remedy(
    "checkpoint",
    "Load the scheduler's state and its total with the weights, and compare the first rate with the last.",
    "a schedule that is built anew with another total stands at another place",
)


def finding(trace: Trace) -> Finding | None:
    """Return the finding on a jump at a resume, else on a rise at the end."""
    seen = rate_phases(trace)
    if not seen.known:
        return None
    jumps = [jump for at in resumes(trace) if (jump := _jump(seen, at)) is not None]
    return jumps[0] if jumps else _rise(seen, over=finished(trace))


def _jump(seen: RatePhases, at: float) -> Finding | None:
    before, after = np.flatnonzero(seen.step < at), np.flatnonzero(seen.step >= at)
    if len(before) < 4 or not len(after):
        return None
    last, now = seen.rate[before[-4:]], float(seen.rate[after[0]])
    # In a warmup or a steep restart the schedule itself rises from row to row.
    usual = float(np.max(last[1:] / np.maximum(last[:-1], 1e-12 * seen.peak)))
    if now < RISE * max(1.0, usual) * float(last[-1]) or now < 0.01 * seen.peak:
        return None
    return Finding(
        *("SF402", "late rise", int(at), "warning", 0.9),
        f"The rate jumps from {last[-1]:.3g} to {now:.3g} where the run was taken up again at step {at:,.0f}; it "
        "should go on where it was.",
        {"before": float(last[-1]), "after": now, "resume": at},
        ranked([SAME, REWARM]),
    )


def _rise(seen: RatePhases, *, over: bool) -> Finding | None:
    if len(seen.rises) != 1:
        return None
    at = seen.rises[0]
    first, last = float(seen.step[0]), float(seen.step[-1])
    low = float(seen.rate[seen.step < at][-1])
    high = RISE * max(low, 0.01 * seen.peak)
    if at < first + _LATE * (last - first) or low > 0.5 * seen.peak or seen.rate[-1] < high:
        return None
    fit = remedy(
        "schedule",
        f"Give the schedule the run's own {last + 1:,.0f} updates, so that it ends at its floor.",
        "past its total a schedule should hold its end",
        Edit("stretch", {"total": int(last) + 1}),
    )
    return Finding(
        *("SF402", "late rise", int(at), "warning" if over else "info", 0.8 if over else 0.4),
        f"The rate climbs again from {low:.3g} at step {at:,.0f} to {seen.rate[-1]:.3g} at the end; it should end at "
        "its lowest.",
        {"low": low, "end": float(seen.rate[-1]), "peak": seen.peak},
        ranked([KEEP, fit, REWARM]),
    )


DETECTOR = Detector("SF402", "late rise", TRACE, finding)
