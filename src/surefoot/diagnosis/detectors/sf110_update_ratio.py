"""SF110 update ratio: an update is very large, or nothing at all, beside the weights it changes.

What it sees
    The column ``update_ratio`` (st.Monitors writes it): |dW| / |W| of one update, the median over weight matrices.

Formula
    At least 8 readings. Too large: each of the last 5 is above 0.1. Nothing: each of the last 5 is below 1e-6 while the
    rate, which must be in the log, is at least half of its highest. A warning either way.

Why it matters
    At a tenth of the weight an update, ten updates replace what the weights know. Below 1e-6 nothing is learned: dead
    units, a loss that is flat, or updates that round to nothing in bfloat16 weights.

Example
    SGD on the digits task at ten times the best rate: after an early excursion the ratio is 0 at the full rate, the
    loss stays at ln 10, and every unit is dead (the rate was too high, and a higher one is no cure).

What to try
    Where updates are too large:
    1. A longer warmup.
    2. Half the peak.
    3. Clipping.

    Where they are next to nothing:
    1. Look for units that died after a loss that jumped: then lower the peak.
    2. Keep the weights in float32.
    3. See that the parameters are the optimizer's and are not frozen.

False alarms
    The usual numbers, 1e-3 good, 1e-2 too high, 1e-4 too low, are folklore. In runs of this project at their best rate
    (digits, a small transformer; SGD, AdamW) the median at the peak was 4e-3 to 4e-2, and hardly more at ten times
    that rate, because weights grow until they fit it: hence limits this wide. Fresh LoRA pairs begin with ratios that
    are infinite.

Source
    The ratio: Karpathy, CS231n notes (undated, folklore); the limits: this project's runs.
"""

from __future__ import annotations

import numpy as np

from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.nouns import Finding, Remedy
from surefoot.diagnosis.remedies import CLIP, HALVE, LOWER, WARM_UP, ranked, remedy
from surefoot.diagnosis.trace import TRACE, Trace

_LEAST, _LAST = 8, 5
_LARGE, _NOTHING = 0.1, 1e-6

DEAD = remedy(
    "data",
    "Look for units that died, or a loss that jumped before: if it did, the rate was too high.",
    "an update of nothing at the full rate is a gradient of nothing",
)
WHOLE = remedy(
    "precision",
    "Keep the weights in float32 (mixed precision instead of bfloat16 weights).",
    "a bfloat16 weight does not change by less than 0.4 %",
)
OWNED = remedy("setup", "See that the parameters are the optimizer's and not frozen.", "others are never updated")


def finding(trace: Trace) -> Finding | None:
    """Return the finding on the last readings of the ratio."""
    step, ratio = (values[-_LAST:] for values in trace["update_ratio"].tail)
    if trace["update_ratio"].length < _LEAST:
        return None
    middle = float(np.median(ratio))
    if (ratio > _LARGE).all() and np.isfinite(ratio).all():
        text = f"at most {_LARGE} is usual"
        return _finding(float(step[0]), middle, text, [WARM_UP, HALVE, CLIP])
    if (np.abs(ratio) < _NOTHING).all() and _at_peak(trace):
        text = f"at least {_NOTHING:.0e} is usual near the highest rate"
        return _finding(float(step[0]), middle, text, [DEAD, LOWER, WHOLE, OWNED])
    return None


def _at_peak(trace: Trace) -> bool:
    rates = trace["lr"].finite
    return len(rates) > 0 and bool(rates.mean[-1] >= 0.5 * rates.high.max() > 0.0)


def _finding(step: float, ratio: float, usual: str, remedies: list[Remedy]) -> Finding:
    return Finding(
        *("SF110", "update ratio", int(step), "warning", 0.4),
        f"An update changes the weights by {ratio:.2g} of their size in the last {_LAST} readings; {usual}.",
        {"ratio": ratio, "large": _LARGE, "nothing": _NOTHING},
        ranked(remedies),
    )


DETECTOR = Detector("SF110", "update ratio", TRACE, finding)
