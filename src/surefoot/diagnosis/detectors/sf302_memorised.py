"""SF302 memorised: the training loss is next to nothing, and validation is far above it.

What it sees
    A training loss that fell to under a hundredth of its start, and a validation loss above a tenth of its own.

Formula
    end of training < 0.01 start of training, and end of validation > 0.1 start of validation, > 20 end of training and
    at least 10 % above its own lowest.

Why it matters
    Every example is known by heart; no rate, and no further update, teaches what carries over.

Example
    A fine-tuned language model after thirty epochs over its few examples: training 0.05, validation rising.

What to try
    1. More weight decay.
    2. A slightly lower peak learning rate.
    3. Dropout, label smoothing, augmentation; more data.
    4. Keep the weights of the best evaluation.

False alarms
    A validation set of another kind than the training set.

Source
    This project's rule; the remedies are those of SF301.
"""

from __future__ import annotations

from surefoot.chart.numbers import rate_text
from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.remedies import OVERFIT, ranked
from surefoot.diagnosis.trace import TRACE, Trace


def finding(trace: Trace) -> Finding | None:
    """Return the finding where training is next to nothing beside validation."""
    loss, judged = trace.loss, trace.val_loss
    if loss is None or judged is None or not loss.fresh or min(loss.end, judged.best) <= 0:
        return None
    if not (loss.end < 0.01 * loss.start and judged.end > max(0.1 * judged.start, 20 * loss.end, 1.1 * judged.best)):
        return None
    step = int(loss.step[0] + loss.reached(0.01 * loss.start) * (loss.step[-1] - loss.step[0]))
    return Finding(
        *("SF302", "memorised", step, "warning", 0.8),
        f"The training loss ends at {rate_text(loss.end)}, {loss.end / loss.start:.2%} of its start, and "
        f"the validation loss at {rate_text(judged.end)}, {judged.end / judged.start:.0%} of its own.",
        {"train": loss.end, "val": judged.end, "start": loss.start, "val_start": judged.start},
        ranked(OVERFIT),
    )


DETECTOR = Detector("SF302", "memorised", TRACE, finding)
