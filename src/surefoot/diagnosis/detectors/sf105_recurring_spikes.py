"""SF105 recurring spikes: the loss jumps again and again, and comes back each time.

What it sees
    Three or more spikes (as SF104 counts them).

Formula
    The number of excursions that undid a tenth of the progress, came back, and lie after the first twentieth.

Why it matters
    Each costs updates, and a run that spikes regularly is close to its edge: the rate, the optimizer's memory of
    squared gradients (beta2) or a part of the data is at fault.

Example
    An isolated spike is common in long runs (log 18 of tests/runs has one); three are a pattern.

What to try
    1. Clip the gradient norm at 1.0.
    2. Lower the peak to a half.
    3. Warm up longer.
    4. Lower beta2 (0.95 for 0.999): squared gradients that are remembered too long underestimate a new size.
    5. Look at the batches in which it happens.

False alarms
    Batches of very different difficulty in a fixed order.

Source
    Stable and low-precision training for large-scale vision-language models, arXiv 2304.13013, 2023 (beta2); the
    troubleshooting checklist (undated).
"""

from __future__ import annotations

from surefoot.chart.numbers import rate_text
from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.detectors.sf104_spike import RECURRING
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.remedies import UNSTABLE, ranked
from surefoot.diagnosis.spikes import spikes
from surefoot.diagnosis.trace import TRACE, Trace


def finding(trace: Trace) -> Finding | None:
    """Return the finding where three or more spikes came back."""
    found, shape = spikes(trace), trace.main
    if shape is None or len(found) < RECURRING:
        return None
    steps = [int(shape.step[one.start]) for one in found]
    worst = max(found, key=lambda one: one.peak - one.base)
    return Finding(
        *("SF105", "recurring spikes", steps[0], "warning", 0.8),
        f"{len(found)} spikes between step {steps[0]:,} and {steps[-1]:,}, the highest from {rate_text(worst.base)} to "
        f"{rate_text(worst.peak)}.",
        {"spikes": len(found), "base": worst.base, "peak": worst.peak, "first": steps[0], "last": steps[-1]},
        ranked(UNSTABLE),
    )


DETECTOR = Detector("SF105", "recurring spikes", TRACE, finding)
