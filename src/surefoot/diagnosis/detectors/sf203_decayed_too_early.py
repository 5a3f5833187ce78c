"""SF203 decayed too early: the rate was gone while the loss was still falling fast.

What it sees
    A logged rate that is next to nothing for a large part of the run, and a loss that fell until then and stands after.

Formula
    The rate is below 2 % of its peak for more than 30 % of the steps at the end; over the stretch of equal length
    before, the loss fell by at least 5 % of its level and 5 sigma, and over the stretch itself by less than a tenth of
    that.

Why it matters
    Updates at a rate of nothing teach nothing: the run ended earlier than its clock says.

Example
    A schedule with a total of 10,000 in a run of 30,000: the last 20,000 updates are held at the floor.

What to try
    1. Stretch the schedule over the whole run.
    2. Plan a longer hold before the decay (WSD).

False alarms
    Weights that are averaged after the decay; runs kept alive for their evaluations.

Source
    This project's rule; "the slow end of a decay is no plateau" is what it is held against.
"""

from __future__ import annotations

import numpy as np

from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.nouns import Edit, Finding
from surefoot.diagnosis.rates import rate_phases
from surefoot.diagnosis.remedies import LONGER_HOLD, ranked, remedy
from surefoot.diagnosis.trace import TRACE, Trace

_GONE, _LONG = 0.02, 0.3


def finding(trace: Trace) -> Finding | None:
    """Return the finding where the rate was gone for the last third while the loss had been falling."""
    rates, shape = rate_phases(trace), trace.main
    if shape is None or not rates.known or rates.peak <= 0 or len(shape) < 12:
        return None
    left = np.flatnonzero(rates.rate > _GONE * rates.peak)
    if not len(left):
        return None
    begin, end = float(rates.step[left[-1]]), float(shape.step[-1])
    if float(rates.step[-1]) < 0.9 * end:
        return None
    span = end - float(shape.step[0])
    gone = (end - begin) / span if span > 0 else 0.0
    if not _LONG < gone < 0.98:
        return None
    k = int(np.searchsorted(shape.step, begin, side="right"))
    first = max(2 * k - len(shape), 0)
    before = float(np.median(shape.value[first : first + max(min(3, (k - first) // 2), 1)]))
    at = float(np.median(shape.value[k : k + 3]))
    fell, after = before - at, at - shape.end
    if fell < max(0.05 * abs(at), 5.0 * shape.noise) or after > 0.1 * fell:
        return None
    total = int(end) + 1
    stretch = remedy(
        "decay",
        f"Stretch the schedule over all {total:,} updates.",
        "a rate of nothing teaches nothing",
        Edit("stretch", {"total": total}),
    )
    return Finding(
        *("SF203", "decayed too early", int(begin), "warning", 0.6),
        f"The rate is below 2 % of its peak from step {begin:,.0f} on, {gone:.0%} of the run; the loss fell by "
        f"{fell:.3g} in as long before, and by {after:.3g} since.",
        {"from": begin, "share": gone, "fell_before": fell, "fell_after": after},
        ranked((stretch, LONGER_HOLD)),
    )


DETECTOR = Detector("SF203", "decayed too early", TRACE, finding)
