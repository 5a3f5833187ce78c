"""SF408 flat metric: the validation metric is flat while the loss falls.

What it sees
    An accuracy, F1, BLEU or other score of the validation that hasn't moved since its first value, beside a training
    loss that fell.

Formula
    At least 5 evaluations; every score of the log (names below) has max - min <= 0.01 x max(|median|, 0.01); the loss
    fell by at least a fifth of its first value between the first evaluation and the last, and by more than 6 s, s its
    noise. Info; a warning where every score is equal to the bit.

Why it matters
    Either the metric is broken (a constant prediction, the wrong labels, a threshold), or what is learnt doesn't
    transfer: no rate cures that.

Example
    A BLEU of exactly 0.0 at each evaluation of a translation model whose loss halves: the decoder stops at once.

What to try
    1. Look at predictions: are they all the same class, or empty?
    2. Check that training and validation share labels, tokenizer and preprocessing, and that eval mode is on.
    3. Judge by the validation loss until then.

False alarms
    A rare class keeps an accuracy at the share of the common one for long. A metric that had saturated before the first
    evaluation (a resumed run).

Source
    The troubleshooting checklist (undated, folklore). The thresholds are this project's own.
"""

from __future__ import annotations

import re

import numpy as np

from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.remedies import ranked, remedy
from surefoot.diagnosis.shape import Shape
from surefoot.diagnosis.trace import TRACE, Trace
from surefoot.history.columns import Column

_LEAST, _FLAT, _FELL = 5, 0.01, 0.2
_SCORE = re.compile(
    r"^val_.*(acc|f1|bleu|rouge|auc|map|iou|wer|cer|ssim|psnr|exact|match|metric|score|top_?[15]|recall)"
)

LOOK = remedy(
    "data", "Look at predictions: are they all the same, or empty?", "a constant prediction gives a constant metric"
)
SHARED = remedy(
    "data",
    "Check that training and validation share labels, tokenizer and preprocessing, and that eval mode is on.",
    "a metric that doesn't move while the loss falls mostly measures something else",
)
LOSS = remedy("log", "Judge by the validation loss until then.", "it moves before a thresholded metric does")


def finding(trace: Trace) -> Finding | None:
    """Return the finding on scores that do not move."""
    scores = {name: series for name, series in trace.series.items() if _SCORE.search(name) and "loss" not in name}
    loss = trace.loss
    if not scores or loss is None or any(len(series.finite) < _LEAST for series in scores.values()):
        return None
    values = [series.finite.mean for series in scores.values()]
    step = next(iter(scores.values())).finite.step
    fell = _fell(loss, float(step[0]), float(step[-1]))
    if fell is None or not all(_flat(one) for one in values):
        return None
    still = all(bool((one == one[0]).all()) for one in values)
    name = next(iter(scores))
    return Finding(
        *("SF408", "flat metric", int(step[0]), "warning" if still else "info", 0.6 if still else 0.4),
        f"{name} stays at {float(np.median(values[0])):.4g} over {len(values[0])} evaluations while the loss falls "
        f"from {fell[0]:.4g} to {fell[1]:.4g}; it should move with it.",
        {"metric": name, "value": float(np.median(values[0])), "loss_before": fell[0], "loss_after": fell[1]},
        ranked([LOOK, SHARED, LOSS]),
    )


def _flat(score: Column) -> bool:
    return float(score.max() - score.min()) <= _FLAT * max(abs(float(np.median(score))), _FLAT)


def _fell(loss: Shape, first: float, last: float) -> tuple[float, float] | None:
    """Return the loss near two steps if it fell clearly between them."""
    a, b = np.searchsorted(loss.step, (first, last))
    before, after = (float(np.median(loss.value[max(0, k - 3) : k + 3])) for k in (int(a), int(b)))
    clear = before - after >= max(_FELL * abs(before), 6 * loss.noise)
    return (before, after) if clear else None


DETECTOR = Detector("SF408", "flat metric", TRACE, finding)
