"""SF207 stuck d: a tuning-free optimizer's estimate never left where it began, and nothing is learnt.

What it sees
    The column ``d``, the estimate that Prodigy, D-Adaptation, Mechanic and DoG multiply the rate by, beside the loss.

Formula
    At least 8 rows over 100 updates, from the beginning of the run (a first row within 10 updates, or a d of at most
    1e-5); the largest d is at most twice its first (above 0); the loss fell by less than a fifth of its start. A
    warning.

Why it matters
    The rate is d times lr. With d at d0 = 1e-6 the log says "lr 1.0", and the weights do not move.

Example
    The package prodigyopt on bfloat16 weights: d is 1.1e-6 after 800 updates, the loss where it was; with float32
    weights d is 2.3e-2 after 20.

What to try
    1. Keep the weights in float32 under autocast, or use st.optim.Prodigy, which keeps the way gone in float32: a step
       of a millionth is rounded away in bfloat16, so that the distance, which d is made from, stays 0.
    2. Look at what is done to gradients: a clip at a norm far below theirs, a scale that is not taken off, and d_coef.
    3. Raise d0 to 1e-5, then 1e-4.
    4. Check that lr is 1.0, and that a warmup from 0 ends.

False alarms
    A d0 that was right from the start, with a loss at its floor: fine-tuning of a model that knows its task.

Source
    Prodigy issue 27, OneTrainer issue 412, prodigy-plus-schedule-free issue 14 (2024-2025). The limits: this project's
    runs.
"""

from __future__ import annotations

from surefoot.chart.numbers import rate_text
from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.remedies import ranked, remedy
from surefoot.diagnosis.trace import TRACE, Trace

_ROWS, _UPDATES, _FIRST, _SMALL = 8, 100, 10, 1e-5

WIDE = remedy(
    "precision",
    "Keep the weights in float32, under autocast; or use st.optim.Prodigy.",
    "steps of a millionth are rounded away in bfloat16, and d is made from the distance gone",
)
SIZES = remedy(
    "clip",
    "Look at what is done to gradients: a clip far below their norm, a scale left on; and at d_coef.",
    "d is estimated from them",
)
BEGIN = remedy("estimate", "Raise d0 to 1e-5, then to 1e-4.", "the first steps are then large enough to be measured")
ONE = remedy("rate", "Check that lr is 1.0, and that a warmup from 0 ends.", "d does not grow while the rate is 0")


def finding(trace: Trace) -> Finding | None:
    """Return the finding on a d that stays where it began while the loss does too."""
    points, shape = trace["d"].finite, trace.main
    if shape is None or len(points) < _ROWS or points.end[-1] - points.step[0] < _UPDATES:
        return None
    # Mechanic's is 0 before its second update.
    first, most = float(points.high[points.high > 0][:1].sum()), float(points.high.max())
    begun = points.step[0] <= _FIRST or first <= _SMALL
    fell = shape.start - shape.end
    if not begun or most > 2.0 * first or fell > max(0.2 * abs(shape.start), 3.0 * shape.noise):
        return None
    updates = points.end[-1] - points.step[0] + 1
    return Finding(
        *("SF207", "stuck d", int(points.step[0]), "warning", 0.8),
        f"d is {most:.2g} after {updates:,.0f} updates and began at {first:.2g}, where it should have grown within a "
        f"hundred; the loss went from {rate_text(shape.start)} to {rate_text(shape.end)}.",
        {"d": most, "first": first, "updates": float(updates), "start": shape.start, "end": shape.end},
        ranked((WIDE, SIZES, BEGIN, ONE)),
    )


DETECTOR = Detector("SF207", "stuck d", TRACE, finding)
