"""SF111 no headroom: updates overshoot, or the curvature is above what the optimizer bears.

What it sees
    The columns ``headroom`` (eta_c / eta: how many times the update could be taken before the loss of its batch rises;
    st.Monitors, st.headroom) and ``sharpness_ratio`` (eta lambda_max(P^-1 H) over the optimizer's threshold;
    st.stability_threshold).

Formula
    Each of the last 5 readings of headroom is below 0.5, or each of the last 5 sharpness ratios above 2. A warning.

Why it matters
    Below 1 every update raises the loss that it was made to lower; a quadratic with the curvature above the threshold
    diverges.

Example
    SGD, momentum 0.9, in one dimension: the threshold is 3.8; at eta lambda = 8 the ratio is 2.1, the loss grows
    tenfold in a few updates.

What to try
    1. Half the peak.
    2. A longer warmup.
    3. Clipping.
    4. Less momentum; with Nesterov the threshold is lower than that of plain SGD.

False alarms
    A ratio of about 1, so a headroom of about 1 for SGD, is where full-batch training lives (the edge of stability) and
    no fault. With momentum and small batches, single probes of 0 are normal in healthy runs near their end: the
    direction is that of earlier batches. In this project's runs no rate, not even one that had collapsed, kept the
    headroom below 0.5 for 5 probes in a row at its peak: a run that goes bad leaves this region within updates, and
    other detectors see it.

Source
    Headroom: arXiv 2601.16979 (2026). Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability
    (arXiv 2103.00065, 2021); Adaptive Gradient Methods at the Edge of Stability (arXiv 2207.14484, 2022). The limits:
    this project's runs.
"""

from __future__ import annotations

import numpy as np

from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.remedies import CLIP, HALVE, MOMENTUM, WARM_UP, ranked
from surefoot.diagnosis.trace import TRACE, Trace

_LAST = 5
_ROOM, _SHARP = 0.5, 2.0


def finding(trace: Trace) -> Finding | None:
    """Return the finding on the headroom, else on the sharpness."""
    for name in ("headroom", "sharpness_ratio"):
        step, value = (values[-_LAST:] for values in trace[name].tail)
        if len(value) < _LAST or not np.isfinite(value).all():
            continue
        middle = float(np.median(value))
        if name == "headroom" and (value < _ROOM).all():
            return _finding(
                float(step[0]), f"The loss rises at {middle:.2g} times the update; at least 1 is usual", name, middle
            )
        if name == "sharpness_ratio" and (value > _SHARP).all():
            text = (
                f"The curvature is {middle:.2g} times what the optimizer bears at this rate; at most about 1 is usual"
            )
            return _finding(float(step[0]), text, name, middle)
    return None


def _finding(step: float, said: str, name: str, value: float) -> Finding:
    return Finding(
        *("SF111", "no headroom", int(step), "warning", 0.5),
        f"{said} (median of the last {_LAST} readings).",
        {name: value, "limit": _ROOM if name == "headroom" else _SHARP},
        ranked([HALVE, WARM_UP, CLIP, MOMENTUM]),
    )


DETECTOR = Detector("SF111", "no headroom", TRACE, finding)
