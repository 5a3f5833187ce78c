"""SF104 spike: the loss jumped and came back.

What it sees
    One or two excursions of the loss far above its band that are over before the log ends.

Formula
    Out: value > b + max(8 sigma, 0.25 |b|, 2.5 q); back: two rows under b + max(3 sigma, 0.1 |b|); b and sigma are the
    median and the noise of the rows before, q the height of their highest twentieth. Counted where it undid a tenth of
    the progress (or 3 %, and a fifth of its logarithm), after the first twentieth of the steps, where
    evaluations during it noticed it too, and of up to five rows only if 5 sigma high in logarithms too.

Why it matters
    A spike that heals costs the updates it lasted. The next one may not heal: one run of the corpus recovers from its
    first restart and is lost at its second.

Example
    A transformer on WMT, 2.9 to 7.6 near step 31,000, back within 4,000 steps, ends at its best (tests/runs, log 18).

What to try
    1. Nothing: it healed. Keep a checkpoint from before it.
    2. Clip the gradient norm at 1.0, so that the next one is smaller.
    3. If one does not come back: roll back about 100 steps and skip the next 200 to 500 batches.

False alarms
    Batches of two kinds (mixup, mixed data sets): rows far above the others that recur are not counted.

Source
    Labelled logs in tests/runs; rolling back and skipping: PaLM, arXiv 2204.02311, 2022.
"""

from __future__ import annotations

from surefoot.chart.numbers import rate_text
from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.excursions import Excursion
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.remedies import HEALED, ranked
from surefoot.diagnosis.shape import Shape
from surefoot.diagnosis.spikes import spikes
from surefoot.diagnosis.trace import TRACE, Trace

RECURRING = 3
"""This many spikes are no single ones any more (SF105)."""


def finding(trace: Trace) -> Finding | None:
    """Return the finding where one or two spikes came back."""
    found, shape = spikes(trace), trace.main
    if shape is None or not found or len(found) >= RECURRING:
        return None
    worst = max(found, key=lambda one: one.peak - one.base)
    return Finding(
        *("SF104", "spike", int(shape.step[worst.start]), "warning", 0.8),
        f"{_said(worst, shape)}{', the higher of two' if len(found) == 2 else ''}.",
        {"base": worst.base, "peak": worst.peak, "limit": worst.base + 8.0 * worst.sigma, "spikes": len(found)},
        ranked(HEALED),
    )


def _said(one: Excursion, shape: Shape) -> str:
    jump = f"The loss jumps from {rate_text(one.base)} to {rate_text(one.peak)} at step {shape.step[one.start]:,.0f}"
    if one.stop is None:
        return f"{jump} and is on its way back at {rate_text(shape.end)}"
    return f"{jump} and is back after {shape.step[one.stop] - shape.step[one.start]:,.0f} steps"


DETECTOR = Detector("SF104", "spike", TRACE, finding)
