"""SF202 plateau: the loss has stopped falling far above where it began to be useful.

What it sees
    A loss that has been flat for most of the run, at a level that is still a good part of its start.

Formula
    Over the last 60 % of the steps the smoothed loss spreads by less than 2 % of its level, its Theil-Sen slope over
    that stretch is below the noise, the level is above a half of the start or a metric says that nothing was learnt (an
    error rate of 90 %, a score of 2 %), and the validation loss, where there is one, is as flat. A run that fell
    further has converged to a floor, unless it is above a tenth of the start: then it is noted.

Why it matters
    Updates on a plateau are paid for and change nothing that can be measured.

Example
    A speech model with a CTC loss that stays at 5.7, where it predicts nothing but blanks, from 2 % of its run on.

What to try
    1. Find the rate with a range test and short runs: a plateau looks the same from above and from below.
    2. Plan a longer hold before the decay.
    3. Use a larger batch, if it is below the gradient noise scale.
    4. Look at the data pipeline and the labels.

False alarms
    A loss at its floor: noise that no model can predict (entropy of text, label noise).

Source
    The troubleshooting checklist (undated).
"""

from __future__ import annotations

import math

from surefoot.chart.numbers import rate_text
from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.metrics import nothing_learnt
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.remedies import PLATEAU, ranked
from surefoot.diagnosis.robust import slope
from surefoot.diagnosis.shape import Shape
from surefoot.diagnosis.trace import TRACE, Trace

_FROM = 0.4


def finding(trace: Trace) -> Finding | None:
    """Return the finding where the main loss is flat over the last 60 % of the steps."""
    shape, judged = trace.main, trace.val_loss
    if shape is None or len(shape) < 20 or not shape.fresh or not _flat(shape):
        return None
    level = shape.level(_FROM)
    if level <= 0.1 * abs(shape.start) or (judged is not None and len(judged) >= 10 and not _flat(judged)):
        return None
    at = shape.reached(level + max(0.02 * abs(level), shape.noise))
    step = int(shape.step[0] + at * (shape.step[-1] - shape.step[0]))
    grave = level > 0.5 * abs(shape.start) or nothing_learnt(trace)
    return Finding(
        *("SF202", "plateau", step, "warning" if grave else "info", 0.5),
        f"The loss is flat at {rate_text(level)} from step {step:,} on: it spreads by "
        f"{shape.spread(_FROM) / abs(level):.2%} of its level over the last 60 % of the run.",
        {"level": level, "spread": shape.spread(_FROM), "start": shape.start, "from": float(step)},
        ranked(PLATEAU),
    )


def _flat(shape: Shape) -> bool:
    part, level = shape.part(_FROM), shape.level(_FROM)
    if len(shape.value[part]) < 8 or shape.spread(_FROM) > 0.02 * abs(level):
        return False
    fall = -slope(shape.step[part], shape.smooth[part]) * float(shape.step[-1] - shape.step[part.start])
    return fall < max(3.0 * shape.noise / math.sqrt(shape.tail), 0.002 * abs(level))


DETECTOR = Detector("SF202", "plateau", TRACE, finding)
