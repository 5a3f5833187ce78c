"""SF205 batch too noisy: the batch is far below the gradient's noise scale.

What it sees
    A measured noise scale beside the batch size; without both nothing is said.

Formula
    B_simple = tr(S) / |G|^2, the column ``noise_scale``: the median of its last quarter. B: the column ``batch`` (its
    last value), else the log's own statement. An update of batch B makes 1 / (1 + B_simple / B) of the progress of one
    without noise; info where that is below a fifth, so where B < B_simple / 4.

Why it matters
    Far below the noise scale most of an update is noise, and only a low rate averages it out: a larger batch takes
    proportionally fewer updates at hardly more samples.

Example
    A noise scale of 4,096 at a batch of 32: an update makes 0.8 % of the progress of a noiseless one.

What to try
    1. A larger batch, or accumulation, up to the noise scale; the rate then goes up with it: in proportion for SGD, by
       the square root for Adam.
    2. At this batch, decay the rate to 0: the noise goes down with it.
    3. An average of the weights.

False alarms
    Where samples are dear and updates cheap, a small batch is the right one. The noise scale grows during a run.

Source
    An Empirical Model of Large-Batch Training (arXiv 1812.06162, 2018), equation 2.11.
"""

from __future__ import annotations

import numpy as np

from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.nouns import Edit, Finding
from surefoot.diagnosis.remedies import ranked, remedy
from surefoot.diagnosis.trace import TRACE, Trace

_PROGRESS = 0.2

LARGER = remedy(
    "batch",
    "Take a larger batch, or accumulate, up to the noise scale, and scale the rate with it.",
    "below the noise scale the updates needed fall in proportion to the batch",
)
COOL = remedy(
    "schedule",
    "At this batch, decay the rate to 0 over the last fifth.",
    "the noise goes down with the rate",
    Edit("decay", {"steps": 0.2}),
)
AVERAGE = remedy("averaging", "Average the weights of the last updates.", "an average takes noise out at no cost")


def finding(trace: Trace) -> Finding | None:
    """Return the finding on a batch below a quarter of the noise scale."""
    scales, batches = trace["noise_scale"].finite.mean, trace["batch"].finite.mean
    batch = float(batches[-1]) if len(batches) else trace.number("batch")
    if not len(scales) or batch is None or not 0 < batch < np.inf:
        return None
    noise_scale = float(np.median(scales[-max(1, len(scales) // 4) :]))
    progress = batch / (batch + noise_scale) if noise_scale > 0 else 1.0
    if progress >= _PROGRESS:
        return None
    return Finding(
        *("SF205", "batch too noisy", None, "info", 0.7),
        f"The batch of {batch:,.0f} is {noise_scale / batch:.3g} times below the noise scale of {noise_scale:,.0f}: an "
        f"update makes {progress:.2g} of the progress of one without noise, at least {_PROGRESS} is usual.",
        {"batch": batch, "noise_scale": noise_scale, "progress": progress},
        ranked([LARGER, COOL, AVERAGE]),
    )


DETECTOR = Detector("SF205", "batch too noisy", TRACE, finding)
