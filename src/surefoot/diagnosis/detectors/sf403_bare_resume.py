"""SF403 bare resume: the run was taken up again without the optimizer's state, and without a rewarm.

What it sees
    A loss that jumps at the step of a resume and comes back within some rows, while the rate goes on at its level.

Formula
    m, s = median and noise of the 16 losses before the resume (fewer at the beginning, at least 5). Jump: the highest
    of the 8 losses after it is above m + max(6 s, 0.05 |m|), and so is their second highest. Back: the median of 5
    later losses, within half as many rows as lie before, is below m + 3 s. The rate right after is at least half of
    that right before. A warning; info if the loss has not come back yet.

Why it matters
    Moments that begin at zero make Adam's first updates as large as the rate allows, on weights that were trained with
    tiny ones: the run pays the jump at each resume, and may leave for good at a high rate.

Example
    A checkpoint that holds the weights alone, loaded into a fresh AdamW in the middle of a run.

What to try
    1. Save and load the optimizer's state with the weights.
    2. Where it is lost, rewarm from 0 over about 1/(1-beta2) updates (1,000 for 0.999), then go on.
    3. Check that the data goes on where it was: the same batches again lower the loss, new ones do not raise it.

False alarms
    A change of data at the resume; a rewarm (the rate falls there, and nothing is said).

Source
    On the Variance of the Adaptive Learning Rate and Beyond (arXiv 1908.03265, 2019) and On the Adequacy of Untuned
    Warmup (arXiv 1910.04209, 2019) for the length of the warmup. The thresholds are this project's own.
"""

from __future__ import annotations

import numpy as np

from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.ending import resumes
from surefoot.diagnosis.nouns import Edit, Finding, Remedy
from surefoot.diagnosis.rates import RatePhases, rate_phases
from surefoot.diagnosis.remedies import ranked, remedy
from surefoot.diagnosis.robust import noise
from surefoot.diagnosis.trace import TRACE, Trace
from surefoot.history.columns import Column

_BEFORE, _AFTER, _LEAST = 16, 8, 5

STATE = remedy(
    "checkpoint",
    "Save and load the optimizer's state with the weights.",
    "moments that begin at zero make the first updates too large",
)
ORDER = remedy(
    "data", "Check that the data goes on where it was.", "another order or another part of the data jumps as well"
)


def _rewarm(at: float, last: float) -> Remedy:
    steps = max(1, min(1000, int(last - at) // 2))
    return remedy(
        "warmup",
        f"Where the state is lost, rewarm from 0 over {steps:,} updates.",
        "Adam's second moments need about 1 / (1 - beta2) updates to be measured",
        Edit("rewarm", {"at": int(at), "steps": steps}),
    )


def finding(trace: Trace) -> Finding | None:
    """Return the finding on the first resume at which the loss jumps and the rate does not fall."""
    points = trace["loss"].finite
    seen = rate_phases(trace)
    found = (_jump(points.step, points.mean, seen, at) for at in resumes(trace))
    return next((one for one in found if one is not None), None)


def _jump(step: Column, loss: Column, seen: RatePhases, at: float) -> Finding | None:
    cut = int(np.searchsorted(step, at))
    before, after = loss[max(0, cut - _BEFORE) : cut], loss[cut : cut + _AFTER]
    if len(before) < _LEAST or len(after) < 2 or not _unchanged(seen, at):
        return None
    level, sigma = float(np.median(before)), noise(before)
    second, top = np.sort(after)[-2:].tolist()
    if second <= level + max(6 * sigma, 0.05 * abs(level)):
        return None
    back = _back(loss[cut + 2 : cut + max(cut // 2, _AFTER)], level + max(3 * sigma, 0.01 * abs(level)))
    return Finding(
        *("SF403", "bare resume", int(at), "info" if back is None else "warning", 0.4 if back is None else 0.7),
        f"The loss jumps from {level:.4g} to {top:.4g} where the run was taken up again at step {at:,.0f}, with the "
        "rate at its level; with the optimizer's state it goes on as before.",
        {"before": level, "noise": sigma, "top": float(top), "rows_to_come_back": back},
        ranked([STATE, _rewarm(at, float(step[-1])), ORDER]),
    )


def _unchanged(seen: RatePhases, at: float) -> bool:
    """Say whether the rate goes on at a resume at half of what it was or more; without a rate nobody knows."""
    before, after = seen.rate[seen.step < at], seen.rate[seen.step >= at]
    return bool(len(before) and len(after) and after[0] >= 0.5 * before[-1])


def _back(later: Column, level: float) -> int | None:
    if len(later) < _LEAST:
        return None
    medians = np.median(np.lib.stride_tricks.sliding_window_view(later, _LEAST), axis=1)
    under = np.flatnonzero(medians <= level)
    return int(under[0]) + 2 if len(under) else None


DETECTOR = Detector("SF403", "bare resume", TRACE, finding)
