"""SF301 overfitting: the validation loss rises while the training loss falls.

What it sees
    A smoothed validation loss that ends above its minimum while the training loss went on falling.

Formula
    end > min * (1 + max(3 %, 3 sigma / min)) for at least 3 evaluations after the minimum: min is the lowest smoothed
    one, end the 30th percentile of the last (5 % of them, 3 to 51);
    the training loss is lower at the end than at the minimum. A note only below 4 %, or where a validation metric
    is better at the end than at the minimum and the rise is below 15 %.

Why it matters
    What the model learns after the minimum does not carry over to new data.

Example
    ResNet on ImageNet: validation at its lowest, 1.76, after half of the run, ends at 2.02 while the training loss
    falls from 3.04 to 2.85 (tests/runs, log 15).

What to try
    1. More weight decay.
    2. A slightly lower peak learning rate (neither supported nor contradicted by labelled logs).
    3. Dropout, label smoothing, augmentation.
    4. Keep the weights of the best evaluation.

False alarms
    A loss that grows because the model becomes sure of itself while its accuracy still rises.

Source
    The troubleshooting checklist (undated); labelled logs in tests/runs.
"""

from __future__ import annotations

import numpy as np

from surefoot.chart.numbers import rate_text
from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.metrics import improved
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.remedies import OVERFIT, ranked
from surefoot.diagnosis.shape import Shape
from surefoot.diagnosis.trace import TRACE, Trace

_LEAST = 5
_CLEAR, _FAR = 0.04, 0.15


def finding(trace: Trace) -> Finding | None:
    """Return the finding where validation rose from its minimum while training fell."""
    judged, loss = trace.val_loss, trace.loss
    if judged is None or loss is None or len(judged) < _LEAST or judged.best <= 0:
        return None
    at = judged.best_at
    # The lower values of the end: evaluations that jump up now and then are no sustained rise.
    late = float(np.percentile(judged.value[-max(judged.tail, min(5, len(judged) // 3)) :], 30))
    rise = late / judged.best - 1.0
    if len(judged) - at <= 3 or rise <= max(0.03, 3.0 * judged.noise / judged.best / np.sqrt(judged.tail)):
        return None
    step = float(judged.step[at])
    if not _training_fell(loss, step):
        return None
    sure = rise >= _FAR or (rise >= _CLEAR and not improved(trace, step))
    return Finding(
        *("SF301", "overfitting", int(step), "warning" if sure else "info", 0.8),
        f"The validation loss rises by {rise:.0%} from its lowest, {rate_text(judged.best)} at step {step:,.0f}, to "
        f"{rate_text(late)}, while the training loss falls to {rate_text(loss.end)}.",
        {"best": judged.best, "end": late, "rise": rise, "best_step": step, "noise": judged.noise},
        ranked(OVERFIT),
    )


def _training_fell(loss: Shape, step: float) -> bool:
    at = min(int(np.searchsorted(loss.step, step)), len(loss) - 1)
    return loss.end < float(loss.smooth[at]) and len(loss) - at > 2


DETECTOR = Detector("SF301", "overfitting", TRACE, finding)
