"""SF112 runaway d: a tuning-free optimizer's estimate grew by decades, and the loss with it.

What it sees
    The column ``d``, the estimate that Prodigy, D-Adaptation, Mechanic and DoG multiply the rate by, beside the loss.

Formula
    From the last row where d is below a tenth of its largest value before it reaches half of that, to a little after,
    the smoothed loss rises above the level before by more than a half of it and 6 sigma. An error where the loss ends
    above that level, a warning where it came back within the run, and an error where d itself is no finite number.

Why it matters
    The rate is d times lr: a d that is ten times too large is a rate that is, and most of these methods never lower d
    again.

Example
    Prodigy with d_coef=1e4 on a small classifier: d goes from 1e-6 to 50 within 5 updates, the loss from 1.6 to a
    million; after 800 updates it is 700.

What to try
    1. A limit: growth_rate=1.02, or d_limit= at ten times the d of a run that went well.
    2. A smaller d_coef (0.5, 0.1).
    3. With a warmup, safeguard_warmup=True: without it a rate that is still small makes d too large.
    4. A rate that is tuned for a method without d: the d from before it ran away times lr is where to look first.

False alarms
    A loss that rises for another reason just when d grows, in the first updates of a run: broken batches, labels.

Source
    Prodigy issues 3 and 37, dadaptation issue 42, kohya sd-scripts issue 592 (2023-2024); Prodigy: arXiv 2306.06101
    (2023). The limits: this project's runs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from surefoot.chart.numbers import rate_text
from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.nouns import Finding, Severity
from surefoot.diagnosis.remedies import RANGE_TEST, ranked, remedy
from surefoot.diagnosis.series import Series
from surefoot.diagnosis.shape import Shape
from surefoot.diagnosis.trace import TRACE, Trace

LIMIT = remedy(
    "estimate",
    "Limit d: growth_rate=1.02, or d_limit= at ten times the d of a run that went well.",
    "an estimate that is too large is never taken back",
)
SMALLER = remedy("estimate", "Use a smaller d_coef: 0.5, then 0.1.", "it scales every estimate of d")
SAFEGUARD = remedy(
    "warmup",
    "With a warmup, set safeguard_warmup=True.",
    "while the rate is still small, a d without it is over-estimated",
)
REMEDIES = (LIMIT, SMALLER, SAFEGUARD, RANGE_TEST)


@dataclass(frozen=True)
class Growth:
    """The last tenfold growth of d: from ``low`` at ``step`` to ``high``; the loss from ``before`` to ``after``."""

    step: float
    low: float
    high: float
    before: float
    after: float


def finding(trace: Trace) -> Finding | None:
    """Return the finding on a d that is not finite, or that grew by decades while the loss rose."""
    series, shape = trace["d"], trace.main
    if series.bad:
        return _finding(series.first_bad, "error", f"d is not finite from step {series.first_bad:,.0f} on.", {})
    grown = None if shape is None or len(shape) < 8 else _growth(series, shape)
    if shape is None or grown is None:
        return None
    lost = shape.end > grown.before
    end = f"it ends at {rate_text(shape.end)}" if lost else f"it came back, to {rate_text(shape.end)}"
    return _finding(
        grown.step,
        "error" if lost else "warning",
        f"d grew from {grown.low:.2g} to {grown.high:.2g} after step {grown.step:,.0f}, and the loss rose from "
        f"{rate_text(grown.before)} to {rate_text(grown.after)} with it; {end}.",
        {"d before": grown.low, "d": grown.high, "before": grown.before, "after": grown.after, "end": shape.end},
    )


def _growth(series: Series, shape: Shape) -> Growth | None:
    points = series.finite
    if len(points) < 2:
        return None
    # The estimate of each row of the loss is the last one that was logged.
    at = np.searchsorted(points.step, shape.step, side="right") - 1
    d = np.where(at >= 0, points.high[at], 0.0)
    top = float(d.max())
    if not 0.0 < top < np.inf:
        return None
    half = int(np.flatnonzero(d >= 0.5 * top)[0])
    low = np.flatnonzero(d[:half] <= 0.1 * top)
    if not len(low):
        return None
    start = int(low[-1])
    stop = half + min(max(len(shape) // 20, 3), 30)
    before = float(np.median(shape.value[max(0, start - 9) : start + 1]))
    after = float(np.max(shape.smooth[start : stop + 1]))
    # Of so few rows before it the noise cannot be told: that of the whole run stands for it.
    noise = 2.0 * shape.noise_near(start) if start >= 8 else shape.noise
    room = max(0.5 * abs(before), 3.0 * noise)
    if not after > before + room:
        return None
    return Growth(float(shape.step[start]), float(d[start]), top, before, after)


def _finding(step: float, severity: Severity, said: str, evidence: dict[str, float]) -> Finding:
    sure = 0.8 if severity == "error" else 0.6
    return Finding("SF112", "runaway d", int(step), severity, sure, said, evidence, ranked(REMEDIES))


DETECTOR = Detector("SF112", "runaway d", TRACE, finding)
