"""SF107 end of warmup: the trouble begins where the warmup ends.

What it sees
    An excursion or a departure of the loss that begins shortly before or after the rate reaches its peak.

Formula
    The first excursion that undid a tenth of the progress starts between 0.5 and 3 times the length of the warmup,
    which took at least 3 updates and is read off the logged rate.

Why it matters
    The peak is the first moment at which the full rate meets curvature that is still high: what survives it usually
    survives the rest. All three early troubles of the 104B BLOOM runs sat there.

Example
    Loss 6.4 to 10.2 within 40 iterations at the end of the warmup (tests/runs, log 303).

What to try
    1. Warm up twice as long.
    2. Lower the peak to a half.
    3. Clip the gradient norm at 1.0.

False alarms
    A bad batch that happens to fall there.

Source
    The BLOOM chronicles (bigscience, 2021 to 2022); Why warmup the learning rate?, arXiv 2406.09405, 2024.
"""

from __future__ import annotations

from surefoot.chart.numbers import rate_text
from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.nouns import Edit, Finding
from surefoot.diagnosis.rates import rate_phases
from surefoot.diagnosis.remedies import CLIP, HALVE, ranked, remedy
from surefoot.diagnosis.spikes import real
from surefoot.diagnosis.trace import TRACE, Trace


def finding(trace: Trace) -> Finding | None:
    """Return the finding where the first grave excursion begins around the end of the warmup."""
    rates, shape = rate_phases(trace), trace.main
    end = rates.warmup_end
    if shape is None or end is None or end < 3:
        return None
    grave = [one for one in trace.excursions if one.grave and (one.stop is None or real(one, shape, trace))]
    if not grave or not 0.5 * end <= shape.step[grave[0].start] <= 3.0 * end:
        return None
    first, step = grave[0], int(shape.step[grave[0].start])
    longer = remedy(
        "warmup",
        f"Warm up over {2 * int(end):,} updates, twice as many.",
        "the full rate met curvature that was still high",
        Edit("warmup", {"steps": 2 * int(end)}),
    )
    return Finding(
        *("SF107", "end of warmup", step, "warning", 0.7),
        f"The loss jumps from {rate_text(first.base)} to {rate_text(first.peak)} at step {step:,}, and the warmup ends "
        f"at step {int(end):,}.",
        {"warmup": end, "base": first.base, "peak": first.peak, "rate": rates.peak},
        ranked((longer, HALVE, CLIP)),
    )


DETECTOR = Detector("SF107", "end of warmup", TRACE, finding)
