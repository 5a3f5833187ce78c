"""Memorising: whether longer runs would learn the training data by heart, and so want a lower rate."""

from __future__ import annotations

import math
from itertools import pairwise

from surefoot.search.evidence import Climb, Step, judged
from surefoot.trial import Trial

# On 30 small tasks, those that memorise gained at most .05 a doubling; beyond the best rate their training loss still
# fell, by .01 to .4 of the whole gain, or it fell 2.5 times as much as the validation loss on the way there.
_FALLS, _FLAT = 0.01, 0.03
_APART = 4.0
"""Rates further apart than this factor have the best one between them, and say nothing of memorising."""
_GAINS = (0.05, 0.1)


def memorising(climb: Climb) -> float:
    """Return 0 to 1: how surely the best rate falls with the length of the run because the data is memorised.

    Two signs have to come together. Longer trials gain little, and a rate above the best one still lowers the training
    loss: there a higher rate is only a longer run. Either sign alone misleads: a saturated convex task does not mind,
    and the training loss of embeddings falls so while longer runs still improve.
    """
    gained = improvement(climb)
    step = next((step for step in reversed(climb.steps) if len(step.trials) > 1), None)
    if gained is None or step is None:
        return 0.0
    least, most = _GAINS
    return by_heart(step, climb) * min(max((most - gained) / (most - least), 0.0), 1.0)


def improvement(climb: Climb) -> float | None:
    """Return the share of the whole gain that the last doubling of the horizon brought; None if one rung is all."""
    rungs = [(step, _best(step)) for step in climb.steps if not step.rung.whole]
    pairs = [(a, b) for a, b in pairwise(rungs) if b[0].fraction > 1.3 * a[0].fraction]
    if not pairs:
        return None
    (short, before), (long, after) = pairs[-1]
    gain = climb.start - after.loss
    # Longer trials at much lower rates than the best of the shorter ones say nothing.
    alike = max(trial.lr for trial in long.trials) > before.lr / 2
    if before.failed or after.failed or not alike or gain <= 0:
        return None
    return (before.loss - after.loss) / math.log2(long.fraction / short.fraction) / gain


def by_heart(step: Step, climb: Climb) -> float:
    """Return 0 to 1: how surely a higher rate, near the best one of the rung, only learns the training data better."""
    told = (t for t in step.trials if t.validated and not t.failed and math.isfinite(t.tail))
    known = sorted(told, key=lambda trial: trial.lr)
    gain = climb.start - _best(step).loss
    if len(known) < 2 or gain <= 0:
        return 0.0
    best = min(range(len(known)), key=lambda k: known[k].loss)
    below = _learns(known[best - 1], known[best], gain) if best else 0.0
    flat = best > 0 and known[best - 1].loss - known[best].loss < _FLAT * gain
    above = _learns(known[best], known[best + 1], gain) if best + 1 < len(known) else 0.0
    return max(above, below if flat else below / 2)


def _learns(low: Trial, high: Trial, gain: float) -> float:
    """Return 0 to 1: how surely the higher rate learned the training data far better than what is held out."""
    if high.lr > _APART * low.lr:
        return 0.0
    trained, held_out = (low.tail - high.tail) / gain, (low.loss - high.loss) / gain
    return min(max((trained - 2.5 * max(held_out, 0.0)) / _FALLS, 0.0), 1.0)


def _best(step: Step) -> Trial:
    return min(step.trials, key=judged)
