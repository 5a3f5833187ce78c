"""SF108 after a rise: the trouble follows a restart or a rise of the rate.

What it sees
    An excursion or a departure of the loss that begins where the logged rate has just risen.

Formula
    An excursion, or the departure of SF102, starts within 3 % of the steps after the rate rose by 1.5 times its local
    minimum. A bump that comes back is expected and is a note; one that stays, or is higher than the one before, is not.

Why it matters
    A restart throws the weights out of the valley that the decay had found. One bump heals, the next may not: watch
    harder after every rise.

Example
    Conformer on LibriSpeech: restarts at 80,000 and 160,000; the first bump heals, the second does not (tests/runs,
    log 12).

What to try
    1. Restart at a lower rate: half the peak.
    2. Warm up again over 1 % of the updates instead of jumping.
    3. Do without the restart: one decay over the whole run.

False alarms
    The bump after a restart is part of the plan: it is said, and no more.

Source
    Labelled logs in tests/runs; SGDR, arXiv 1608.03983, 2016 (why restarts at all).
"""

from __future__ import annotations

from surefoot.chart.numbers import rate_text
from surefoot.diagnosis.departure import departure
from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.nouns import Edit, Finding, Remedy
from surefoot.diagnosis.rates import rate_phases
from surefoot.diagnosis.remedies import ranked, remedy
from surefoot.diagnosis.spikes import rise_before
from surefoot.diagnosis.trace import TRACE, Trace


def finding(trace: Trace) -> Finding | None:
    """Return the finding on the last excursion that began just after a rise of the rate."""
    shape, rises = trace.main, rate_phases(trace).rises
    if shape is None or not rises:
        return None
    after = ((rise_before(one, shape, rises), one) for one in trace.excursions)
    near = [(rise, one) for rise, one in after if rise is not None]
    if not near:
        return None
    rise, one = near[-1]
    found = departure(shape, trace.excursions)
    lost = one.stop is None and found is not None and found.lost
    end = "does not come back" if lost else "comes back" if one.stop is not None else "is not back yet"
    return Finding(
        *("SF108", "after a rise", int(shape.step[one.start]), "warning" if lost else "info", 0.8),
        f"The rate rises at step {rise:,.0f}, and the loss jumps from {rate_text(one.base)} to {rate_text(one.peak)} "
        f"and {end}.",
        {"rise": rise, "base": one.base, "peak": one.peak, "bumps": len({r for r, _ in near})},
        ranked(_remedies(int(rise))),
    )


def _remedies(rise: int) -> tuple[Remedy, ...]:
    return (
        remedy("rate", "Restart at half the rate.", "the valley that the decay found is as narrow as it made it"),
        remedy(
            "warmup",
            "Warm up again over 1 % of the updates instead of jumping.",
            "the optimizer's second moments were measured at the low rate",
            Edit("rewarm", {"at": rise, "steps": 0.01}),
        ),
        remedy("decay", "Do without the restart: one decay over the whole run.", "each restart risks what was won"),
    )


DETECTOR = Detector("SF108", "after a rise", TRACE, finding)
