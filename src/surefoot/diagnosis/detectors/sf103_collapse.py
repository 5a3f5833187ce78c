"""SF103 collapse: pinned at chance, because the rate was too high, although it looks like a plateau.

What it sees
    A loss that stays flat at the entropy of the labels, or at or above its own start, after it was elsewhere: far
    above it in the first rows, or below it before.

Formula
    Pinned: over the last half of the steps the smoothed loss spreads by less than 3 % of its level (or 5 of its
    sigmas), and the level is at ln n (within 1 %; n the classes, known, read off an accuracy that never left 1/n, or a
    usual number) or at least 0.98 of the start. Elsewhere before: first row above 1.02 of the level (unless n is a
    guess and the way down took more than three rows), or a value above 1.05 of it, or the smoothed loss below 0.97 of
    it, early. Or above its start: for at least 30 % of the steps the smoothed loss is above
    start + max(0.005 |start|, 3 sigma), it ends above 0.85 of the start and climbs no more (else: SF102); or the
    evaluations do so, and training ends no lower either. Or exploded: it rose to twice its start in the first half and
    is flat above half of it at the end. Or never below chance: the accuracy stays at 1/n and the loss above ln n, and
    it rose above its start or the rate is 0.3 or more.

Why it matters
    It is read as a plateau, and raising the rate of a run that collapsed is the worst advice there is.

Example
    WideResNet on CIFAR-10, Adam at 0.041: the first epoch's mean loss is 2.7 (a fresh network has 2.3), every later
    one 2.303 = ln 10, accuracy 0.10 (tests/runs, log 143).

What to try
    1. Lower the peak by 10.
    2. Warm up over 5 % of the updates: in that study it bought a factor of 4 in rate.
    3. Clip the gradient norm at 1.0.
    4. Check the loss scaling of mixed precision.
    5. More weight decay.

False alarms
    A loss whose floor happens to be ln 2 or ln 10 without any classes; labels that hold no information (SF206 asks).

Source
    Why warmup the learning rate?, arXiv 2406.09405, 2024 (its runs); labelled logs in tests/runs.
"""

from __future__ import annotations

import math

import numpy as np

from surefoot.chart.numbers import rate_text
from surefoot.diagnosis.chance import at_chance, classes_of
from surefoot.diagnosis.detector import Detector
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.remedies import DIVERGED, ranked
from surefoot.diagnosis.shape import Shape
from surefoot.diagnosis.trace import TRACE, Trace

_LEAST, _FEW = 10, 4
_HOT = 0.3
"""A rate that is too high for any optimizer whose loss never left chance; SGD on a normalised network trains at 0.1."""


def finding(trace: Trace) -> Finding | None:
    """Return the finding on the main loss, pinned or above its own start; else on evaluations that say the same."""
    shape = trace.main
    if shape is None or len(shape) < _LEAST:
        return None
    found = _pinned(trace, shape) or _above(shape, "loss") or _exploded(shape) or _never_below_chance(trace, shape)
    return found or _evaluated(trace)


def _pinned(trace: Trace, shape: Shape) -> Finding | None:
    level = shape.level(0.5)
    if level <= 0 or not _flat(shape, 0.5, level):
        return None
    classes = at_chance(level, trace, shape)
    start = shape.start if shape.fresh else math.nan
    if classes is None and not level >= 0.98 * start:
        return None
    where = _elsewhere(shape, level)
    if where is None or (where[0] == 0 and classes_of(trace, level) is None and not _at_once(shape, level)):
        return None
    row, was = where
    if classes is None and any(one.stop is not None and one.start <= row <= one.stop for one in trace.excursions):
        # It left a level that is no known chance, and came back to it: a spike, and nothing is lost.
        return None
    chance = f"ln {classes:,.0f} = {math.log(classes):.4g} is chance" if classes else f"it began at {rate_text(start)}"
    return _finding(
        shape,
        row,
        f"The loss was {rate_text(was)} at step {shape.step[row]:,.0f} and is pinned at {rate_text(level)} over the "
        f"last half ({chance}): collapsed, because the rate was too high, not too low.",
        {"level": level, "was": was, "classes": classes, "spread": shape.spread(0.5)},
    )


def _flat(shape: Shape, since: float, level: float) -> bool:
    late = shape.noise_near(len(shape) - 1) / shape.noise if shape.noise > 0 else 1.0
    return shape.spread(since) <= max(0.03 * level, shape.still * late)


def _elsewhere(shape: Shape, level: float) -> tuple[int, float] | None:
    """Return the row and the value of the loss before it was pinned, None if it never was elsewhere."""
    early = shape.part(0.0, 0.5)
    values, smooth = shape.value[early], shape.smooth[early]
    band = 3.0 * shape.noise
    top, low = int(np.argmax(values)), int(np.argmin(smooth))
    if values[top] > max(1.05 * level, level + 2 * band) or (top == 0 and values[0] > 1.02 * level + band):
        return top, float(values[top])
    return (low, float(smooth[low])) if smooth[low] < 0.97 * level - band else None


def _at_once(shape: Shape, level: float) -> bool:
    """Say whether the loss was at its level within three rows: a descent takes longer and ends where it likes."""
    return bool(np.any(shape.value[1:4] <= 1.02 * level))


def _above(shape: Shape, what: str) -> Finding | None:
    if not shape.fresh or shape.start <= 0:
        return None
    # The start is a single row: it is known no better than the noise.
    limit = shape.start + max(0.005 * shape.start, 3.0 * shape.noise_near(len(shape) // 2))
    above = shape.smooth > limit
    share = float(
        np.sum(np.diff(shape.step, append=shape.step[-1:]) * above) / max(shape.step[-1] - shape.step[0], 1.0)
    )
    climbs = shape.end > 1.2 * shape.level(0.6, 0.8)
    if share < 0.3 or shape.end < 0.85 * shape.start or climbs:
        return None
    row = int(np.argmax(above))
    return _finding(
        shape,
        row,
        f"The {what} stands above its own start, {rate_text(shape.start)}, for {share:.0%} of the run and ends at "
        f"{rate_text(shape.end)}: the rate was too high, not too low.",
        {"start": shape.start, "limit": limit, "share": share, "end": shape.end},
    )


def _exploded(shape: Shape) -> Finding | None:
    """Return the finding where the loss rose to twice its start in the first half and is flat near it since."""
    first = shape.part(0.0, 0.5)
    top, level = int(np.argmax(shape.value[first])), shape.level(0.7)
    peak = float(shape.value[top])
    early = shape.fresh and shape.start > 0 and peak >= 2.0 * shape.start
    if not early or not 0.5 * shape.start <= level or not _flat(shape, 0.7, level):
        return None
    return _finding(
        shape,
        top,
        f"The loss rises from {rate_text(shape.start)} to {rate_text(peak)} at step {shape.step[top]:,.0f} and is flat "
        f"at {rate_text(level)} at the end: the rate was too high, not too low.",
        {"start": shape.start, "peak": peak, "level": level},
    )


def _evaluated(trace: Trace) -> Finding | None:
    """Return the finding on evaluations above the first one, while training gets no better than that one either.

    A training loss may be logged for the first time when it is lost already; the first evaluation rarely is.
    """
    loss, judged = trace.loss, trace.val_loss
    if loss is None or judged is None or len(judged) < _FEW or loss.end < 0.85 * judged.start:
        return None
    if loss.start <= 3.0 * judged.start and loss.end < 0.8 * loss.start:
        # Training began where the evaluations did and got better: whatever this is, the rate did not lose it.
        return None
    return _above(judged, "validation loss") if judged.best > 0.9 * judged.start else None


def _never_below_chance(trace: Trace, shape: Shape) -> Finding | None:
    """Return the finding where the accuracy stays at 1/n, the loss above ln n, and the rate or a rise says too high."""
    classes, rates = classes_of(trace, shape.end), trace["lr"].finite
    if classes is None or shape.best < 0.99 * math.log(classes):
        return None
    top = int(np.argmax(shape.value))
    rose = shape.value[top] > max(1.05 * shape.end, 1.003 * shape.start + 3.0 * shape.noise)
    hot = len(rates) > 0 and float(rates.high.max()) >= _HOT
    if not (rose or hot):
        return None
    chance = math.log(classes)
    return _finding(
        shape,
        top,
        f"The accuracy never leaves 1/{classes:,.0f} and the loss never falls below ln {classes:,.0f} = {chance:.4g}; "
        f"it was up to {rate_text(float(shape.value[top]))}"
        + (
            f" at a rate of {rate_text(float(rates.high.max()))}: too high, not too low."
            if hot
            else ": too high a rate."
        ),
        {"chance": chance, "classes": classes, "top": float(shape.value[top]), "end": shape.end},
    )


def _finding(shape: Shape, row: int, message: str, evidence: dict[str, float | None]) -> Finding:
    step = int(shape.step[row])
    return Finding("SF103", "collapse", step, "error", 0.9, message, evidence, ranked(DIVERGED))


DETECTOR = Detector("SF103", "collapse", TRACE, finding)
