"""SF405 no decay: a finished run kept its rate to the end.

What it sees
    A run that reached its planned total with its rate still at the peak.

Formula
    The last row is at the planned total, at least 20 rates were logged, the median of the last 3 % of them (at least 3)
    is 0.9 of the peak or more, and there was no rise after the warmup (cycles have decays of their own). Info. A single
    0 in the last row, which some schedulers log past their end, is no decay.

Why it matters
    The noise of the gradient holds the loss up in proportion to the rate; a decay to 0 over the last fifth lets it
    down.

Example
    A 124M transformer over 50,000 updates: constant 3.108, with a linear decay over the last fifth 2.966 (validation
    loss; the published runs of arXiv 2501.18965).

What to try
    1. Decay to 0 over the last fifth of the updates.
    2. If the run is over, go on from its last checkpoint with such a decay, or average the last weights.

False alarms
    Schedule-free and other averaging optimizers need no decay (nothing is said where the log names one); a trunk that
    is decayed in a run of its own.

Source
    The Surprising Agreement Between Convex Optimization Theory and Learning-Rate Scheduling for Large Model Training
    (arXiv 2501.18965, 2025); Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations (arXiv
    2405.18392, 2024).
"""

from __future__ import annotations

import numpy as np

from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.ending import finished
from surefoot.diagnosis.nouns import Edit, Finding
from surefoot.diagnosis.rates import rate_phases
from surefoot.diagnosis.remedies import ranked, remedy
from surefoot.diagnosis.trace import TRACE, Trace

_NO_NEED = ("schedule", "dog", "prodigy", "dadapt")

COOL = remedy(
    "schedule",
    "Decay to 0 over the last fifth of the updates.",
    "the loss then falls below what any constant rate holds it at",
    Edit("decay", {"steps": 0.2}),
)
LATE = remedy(
    "schedule",
    "If the run is over, go on from its last checkpoint with a decay, or average the last weights.",
    "both take out the noise that the rate keeps up",
)


def finding(trace: Trace) -> Finding | None:
    """Return the finding on a run that ended at its peak."""
    seen = rate_phases(trace)
    if not seen.known or len(seen.rate) < 20 or seen.rises or not finished(trace):
        return None
    end = float(np.median(seen.rate[-max(3, len(seen.rate) // 33) :])) / seen.peak
    if end < 0.9:
        return None
    if any(word in trace.text("optimizer") for word in _NO_NEED):
        return None
    return Finding(
        *("SF405", "no decay", None, "info", 0.8),
        f"The run ended with the rate at {end:.0%} of its peak; decays to 0 over the last fifth end lower.",
        {"end_factor": end, "peak": seen.peak, "last": float(seen.step[-1])},
        ranked([COOL, LATE]),
    )


DETECTOR = Detector("SF405", "no decay", TRACE, finding)
