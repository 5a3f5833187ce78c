"""Rules that answer with a range of rates."""

from __future__ import annotations

from typing import Any

import numpy as np

from surefoot.errors import ArgumentError
from surefoot.rules.prepared import Preparation, noise_of, test_of

_MEAN = Preparation(0.7, head=0, tail=0, stop=None)
_CLEAR = 0.05
"""The share of the whole fall that counts as a change."""


def smith(curve: Any) -> tuple[float, float] | None:
    """Return the range from where the loss starts to fall to where it becomes ragged or rises: bounds of a cycle.

    m is the bias-corrected mean of weight 0.7, s the noise about the trend in the first third, c = max(2 s, 5 % of the
    fall of m). The lower bound is the first rate from which on m stays c below its start until its minimum; the upper
    one the last rate before m stands c above its lowest so far, or a single loss jumps by 4 s and a quarter of the fall
    above the mean before it. None where m never falls by c.

    Weakness: the paper reads both ends by eye, off an accuracy over a linear test of several epochs; every number here
    is this project's. An exponential test of 100 updates shows the lower end late.

    Source: "Cyclical Learning Rates for Training Neural Networks", arXiv 1506.01186, 2015, section 3.3.
    """
    lrs, losses = test_of(curve)
    if len(losses) < 3:
        return None
    means = _MEAN.smoothed(losses)
    noise = noise_of(losses[: max(3, len(losses) // 3)])
    start = float(np.median(losses[: max(1, len(losses) // 6)]))
    fall = start - float(means.min())
    clear = max(2 * noise, _CLEAR * fall, 1e-9 * abs(start))
    bottom = int(np.argmin(means))
    if fall <= clear or bottom == 0:
        return None
    high_ones = np.flatnonzero(means[:bottom] > start - clear)
    low = int(high_ones[-1]) + 1 if high_ones.size else 0
    ragged = means > np.minimum.accumulate(means) + clear
    ragged[1:] |= losses[1:] > means[:-1] + 4 * noise + fall / 4
    after = np.flatnonzero(ragged[low + 1 :])
    high = low + int(after[0]) if after.size else len(lrs) - 1
    return (float(lrs[low]), float(lrs[high])) if high > low else None


def edge_range(curve: Any, *, low: float = 0.3, high: float = 1.0) -> tuple[float, float] | None:
    """Return 0.3 to 1 times the edge: where the rate of a run is said to lie below that of a range test's blow-up.

    (``low`` e, ``high`` e), e the rate after which the mean m (weight 0.7) stays further above the start than it had
    fallen below it, or above 4 times the noise where that is more, or the loss is not finite. None where it never blew
    up, or never fell. Raises ArgumentError unless 0 < low < high.

    Weakness: how far the best rate lies below the edge goes from 4x to 256x over 15 small real tasks, so that most of
    these ranges do not hold it; a clipped or a normalised network may have no edge at all.

    Source: folklore, in the form that the article gave it from which this project began.
    """
    if not 0 < low < high:
        raise ArgumentError(f"low={low!r} and high={high!r} must be factors of the edge with 0 < low < high.")
    lrs, losses = test_of(curve)
    whole = np.asarray(getattr(curve, "curve", curve).test_lrs, np.float64)
    if len(losses) < 2:
        return None
    means = _MEAN.smoothed(losses)
    start = float(np.median(losses[: max(1, len(losses) // 6)]))
    gain = max(start - float(means.min()), 0.0)
    noise = noise_of(losses[: max(3, len(losses) // 3)])
    above = means > start + max(gain, 4 * noise, 1e-12 * abs(start))
    edge = float(whole[len(losses)]) if len(losses) < len(whole) else None
    if above[-1]:
        below = np.flatnonzero(~above)
        edge = float(lrs[below[-1] + 1 if below.size else 0])
    return None if edge is None or gain <= 0 or means.argmin() == 0 else (low * edge, high * edge)
