"""SF406 flat cooldown: the rate decayed over the last part, and the loss did not fall faster for it.

What it sees
    A hold followed by a decay to the end, and a loss whose slope in the decay is no steeper than in the hold.

Formula
    Hold: the points between the end of the warmup and the start of the decay, as many steps of it as the decay has.
    b is its Theil-Sen line over log step, s the noise of the loss. gain = b carried on to the middle of the decay's
    last quarter minus the median of the losses there. Info where gain < max(2 s / sqrt(n), 0.001 |loss|), n losses in
    that quarter, for a decay that begins after half of the steps, comes down to 0.2 of the peak, and has at least 16
    losses; the validation loss is looked at where there are that many.

Why it matters
    At a rate that is high enough, noise holds the loss up and a cooldown lets it down: the elbow. Without one the rate
    was already low (the hold could have been at a higher rate), or the loss is limited by something else.

Example
    None in the logs at hand: each of the published cooldowns shows its elbow.

What to try
    1. Measure the rate with a range test: without noise to take out, the hold was probably low.
    2. Look at the end of the decay: it should come near 0, along 1-sqrt.
    3. Look at data and labels if the loss has a floor of its own.

False alarms
    A loss of 0 (memorised) has nowhere to fall. A hold that falls fast itself.

Source
    Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations (arXiv 2405.18392, 2024); Understanding
    Warmup-Stable-Decay Learning Rates: A River Valley Loss Landscape Perspective (arXiv 2410.05192, 2024).
"""

from __future__ import annotations

import numpy as np

from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.nouns import Edit, Finding
from surefoot.diagnosis.rates import RatePhases, rate_phases
from surefoot.diagnosis.remedies import ranked, remedy
from surefoot.diagnosis.robust import noise, slope
from surefoot.diagnosis.series import Series
from surefoot.diagnosis.trace import TRACE, Trace

_LEAST = 16

MEASURE = remedy(
    "rate",
    "Measure the rate with a range test.",
    "a hold at a useful rate keeps noise up that a cooldown takes out; here there was none",
)
LOWER_END = remedy(
    "schedule",
    "Let the decay end at 0, over a fifth of the updates, along 1-sqrt.",
    "most of the gain comes where the rate nears 0",
    Edit("decay", {"steps": 0.2}),
)
LABELS = remedy("data", "Look at data and labels.", "a loss with a floor of its own falls at no rate")


def finding(trace: Trace) -> Finding | None:
    """Return the finding on a cooldown without an elbow."""
    seen = rate_phases(trace)
    start = seen.decay_start
    if not seen.known or start is None or seen.rises or seen.end_factor > 0.2:
        return None
    first, last = float(seen.step[0]), float(seen.step[-1])
    if start < first + 0.5 * (last - first):
        return None
    for name in ("val_loss", "loss"):
        parts = _parts(trace[name], seen, start)
        if parts is not None:
            return _flat(*parts, start)
    return None


_Points = tuple[np.ndarray, np.ndarray]


def _parts(series: Series, seen: RatePhases, start: float) -> tuple[_Points, _Points] | None:
    """Return the steps and losses of the hold and of the decay, None where one of them is too short to judge."""
    points = series.finite
    step, loss = points.step, points.mean
    warm, end = seen.warmup_end, float(seen.step[-1])
    ahead = max(float(seen.step[0]) if warm is None else warm, 2 * start - end)
    hold, decay = (step >= ahead) & (step <= start), (step > start) & (step <= end)
    if hold.sum() < _LEAST or decay.sum() < _LEAST:
        return None
    return (step[hold], loss[hold]), (step[decay], loss[decay])


def _flat(hold: _Points, decay: _Points, start: float) -> Finding | None:
    # Over log step: at a constant rate the loss falls ever more slowly, and a straight line would promise too much.
    begun = np.log(np.maximum(hold[0], 1.0))
    steep = slope(begun, hold[1])
    level = float(np.median(hold[1] - steep * begun))
    quarter = len(decay[0]) // 4
    step, loss = decay[0][-quarter:], decay[1][-quarter:]
    end = float(np.median(loss))
    carried = level + steep * float(np.log(max(np.median(step), 1.0)))
    gain, least = carried - end, max(2 * noise(hold[1]) / np.sqrt(quarter), 1e-3 * abs(end))
    if not gain < least:
        return None
    return Finding(
        *("SF406", "flat cooldown", int(start), "info", 0.5),
        f"The loss ends the cooldown at {end:.4g}, {gain:.2g} below what the hold alone would have come to; at least "
        f"{least:.2g} is expected of a decay.",
        {"end": end, "carried_on": carried, "gain": gain, "expected": float(least)},
        ranked([MEASURE, LOWER_END, LABELS]),
    )


DETECTOR = Detector("SF406", "flat cooldown", TRACE, finding)
