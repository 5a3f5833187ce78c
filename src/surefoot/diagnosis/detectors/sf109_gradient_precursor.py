"""SF109 gradient precursor: the gradient norm grows before the loss does.

What it sees
    A gradient norm far above its own recent level in the last rows of the log, or in the rows ahead of a loss that
    leaves its band. It raises attention; it doesn't name a trouble.

Formula
    m, s = median and 1.4826 MAD of the 64 norms before. high: g > 5 m and g > m + 8 s.
    At the end: 3 of the last 5 norms are high, and the last is one of them: a warning where it is also the highest of
    them (it still rises), info otherwise; m is of at least 16 norms. Ahead of a loss that leaves its band at row i: one
    of the 5 norms before i is high, m being of those that lie 30 rows back or more, or of the first three (info).

Why it matters
    The norm sees the edge of stability some updates before the loss does: time to skip a batch, or to keep a
    checkpoint.

Example
    BLOOM 176B (tests/runs, log 301): norms 0.24, 0.95, 2.39, 15.9, 145, 960 beside losses 2.20, 2.22, 2.60, 2.24, 2.35,
    5.10: 3 updates ahead, by the median of the first three.

What to try
    1. Clip the gradient norm at 1.0, or at a quantile of its own past.
    2. Keep a checkpoint from before, and look at the batches of these rows.
    3. If the loss follows: lower the peak, or warm up for longer.

False alarms
    Single norms without any effect on the loss are normal in healthy long runs. Of 15 unhealthy runs with norms such an
    alarm led the loss in 7 and was late, absent or plainly false in 8.

Source
    This project's count over 123 logs (diagnosis reference, section 8); ZClip (arXiv 2504.02507, 2025) for norms that
    are judged by their own past.
"""

from __future__ import annotations

import numpy as np

from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.nouns import Finding, Severity
from surefoot.diagnosis.remedies import BATCHES, CLIP, LOWER, WARM_UP, ranked, remedy
from surefoot.diagnosis.robust import scale
from surefoot.diagnosis.trace import TRACE, Trace
from surefoot.history.columns import Column, Mask

_WINDOW, _LEAST, _FEW = 64, 16, 3
_TIMES, _FAR = 5.0, 8.0
_LAST, _AHEAD = 5, 30

SAVE = remedy("checkpoint", "Keep a checkpoint from before these rows.", "if the loss follows, it is the way back")


def finding(trace: Trace) -> Finding | None:
    """Return the finding on norms that grow at the end, else on ones that grew ahead of an excursion."""
    norms = trace["grad_norm"].finite
    return _ending(norms.step, norms.mean) or _leading(trace, norms.step, norms.mean)


def _high(past: Column, values: Column) -> tuple[Mask, float]:
    """Return which values are far above the past, and its median."""
    middle = float(np.median(past))
    high: Mask = (values > _TIMES * middle) & (values > middle + _FAR * scale(past)) & (middle > 0)
    return high, middle


def _ending(step: Column, norm: Column) -> Finding | None:
    if len(norm) < _LEAST + _LAST:
        return None
    last = norm[-_LAST:]
    high, middle = _high(norm[-_LAST - _WINDOW : -_LAST], last)
    if high.sum() < 3 or not high[-1]:
        return None
    rises = bool(last[-1] >= last.max())
    return _finding(
        *(float(step[-_LAST:][high][0]), "warning" if rises else "info", float(last.max()), middle),
        f"in {int(high.sum())} of the last {_LAST} rows" + (", rising still" if rises else ""),
    )


def _leading(trace: Trace, step: Column, norm: Column) -> Finding | None:
    shape = trace.main
    for one in trace.excursions if shape is not None else ():
        out = float(shape.step[one.start]) if shape is not None else 0.0
        at = int(np.searchsorted(step, out))
        first = max(at - _AHEAD, _FEW)
        if at <= first:
            continue
        high, middle = _high(norm[max(0, first - _WINDOW) : first], norm[first:at])
        if high[-_LAST:].any():
            since = float(step[first:at][high][0])
            where = f"from step {since:,.0f} on, before the loss left its band at step {out:,.0f}"
            return _finding(since, "info", float(norm[first:at].max()), middle, where)
    return None


def _finding(step: float, severity: Severity, top: float, middle: float, where: str) -> Finding:
    return Finding(
        *("SF109", "gradient precursor", int(step), severity, 0.4),
        f"The gradient norm is up to {top:.3g}, {top / middle:.3g} times its median of {middle:.3g}, {where}; up to "
        f"{_TIMES:.0f} times is usual.",
        {"norm": top, "median": middle, "times": top / middle},
        ranked([CLIP, SAVE, BATCHES, LOWER, WARM_UP]),
    )


DETECTOR = Detector("SF109", "gradient precursor", TRACE, finding)
