"""SF204 warmup too long: the rate was still rising when a good part of the run was over.

What it sees
    A logged rate that reaches its peak late, in a run that is otherwise calm.

Formula
    The warmup ends after 30 % of the steps (of the planned total, where the log says it), the run has at least 200
    updates, and nothing left its band before. A note: cyclic schedules (one-cycle: 30 %) do so on purpose.

Why it matters
    What a warmup protects from is over after a few percent of a run; updates below the peak are slower ones.

Example
    A warmup of 4,000 updates copied into a fine-tuning of 6,000.

What to try
    1. Warm up over 5 % of the updates.

False alarms
    One-cycle and triangular schedules; runs that were stopped early.

Source
    Warmup of 5 %: the troubleshooting checklist (undated, folklore); one-cycle: arXiv 1708.07120, 2017.
"""

from __future__ import annotations

from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.rates import rate_phases
from surefoot.diagnosis.remedies import WARM_UP, ranked
from surefoot.diagnosis.trace import TRACE, Trace

_LATE, _LEAST = 0.3, 200


def finding(trace: Trace) -> Finding | None:
    """Return the finding where the warmup took more than three tenths of a calm run."""
    rates, shape = rate_phases(trace), trace.main
    if shape is None or rates.warmup_end is None or trace.excursions:
        return None
    total = trace.number("total") or float(shape.step[-1])
    if total < _LEAST or rates.warmup_end <= _LATE * total:
        return None
    return Finding(
        *("SF204", "warmup too long", int(rates.warmup_end), "info", 0.5),
        f"The rate reaches its peak at step {rates.warmup_end:,.0f}, {rates.warmup_end / total:.0%} of the run "
        "(usual: 1 to 10 %).",
        {"warmup": rates.warmup_end, "total": total},
        ranked((WARM_UP,)),
    )


DETECTOR = Detector("SF204", "warmup too long", TRACE, finding)
