"""Memorising: whether longer runs would learn the training data by heart, and so want a lower rate."""

from __future__ import annotations

import math
from itertools import pairwise

from surefoot.search.evidence import Climb, Step, judged
from surefoot.trial import Trial

# On 28 small tasks, those that memorise gained at most .05 a doubling; beyond the best rate their training loss still
# fell, by .01 to .4 of the whole gain, or it fell 2.5 times as much as the validation loss on the way there.
_GAINS, _FALLS, _FLAT = (0.05, 0.1), 0.01, 0.03
_WORSE = 0.025
"""The share of the gain by which longer trials may be worse by chance; where they are worse still, they memorise."""
_FAR_WORSE = 0.06
"""The share of the gain by which a rate that learns more of the training data is judged worse: it overfits."""
_LONG = 0.09
"""The share of a run from which a probe that overfits says so of the run."""
_APART = 4.0
"""Rates further apart than this factor may have the best one between them, and say nothing of memorising."""


def memorising(climb: Climb) -> float:
    """Return 0 to 1: how surely the best rate falls with the length of the run because the data is memorised.

    It is sure where longer trials end worse. Otherwise two signs have to come together: longer trials gain little, and
    a rate above the best one still lowers the training loss, for there a higher rate is only a longer run. Either of
    them alone misleads: a saturated convex task does not mind, and the training loss of embeddings falls so while
    longer runs still improve. Where there is no shorter rung to compare with, the highest rates must overfit outright.
    """
    worse = -(improvement(climb, whole=True) or 0.0)
    if worse > _WORSE:
        return 1.0
    gained = improvement(climb)
    step = next((step for step in reversed(climb.steps) if len(step.trials) > 1), None)
    if step is None:
        return 0.0
    if gained is None:
        return by_heart(step, climb) if step.fraction > _LONG and _overfits(step, climb) else 0.0
    least, most = _GAINS
    return by_heart(step, climb) * min(max((most - gained) / (most - least), 0.0), 1.0)


def improvement(climb: Climb, *, whole: bool = False) -> float | None:
    """Return the share of the whole gain that the last doubling of the horizon brought; None if one rung is all.

    Complete runs are left out unless ``whole``: cooled to the end, they are better than probes of their length.
    """
    rungs = [(step, _best(step)) for step in climb.steps if whole or not step.rung.whole]
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


def _overfits(step: Step, climb: Climb) -> bool:
    """Say whether a rung's lowest rate is its best, and the next learns the training data better to no avail."""
    known = sorted((trial for trial in step.trials if not trial.failed), key=lambda trial: trial.lr)
    if len(known) < 2 or known[0] is not _best(step):
        return False
    low, high = known[:2]
    return high.tail < low.tail and high.loss - low.loss > _FAR_WORSE * (climb.start - low.loss)


def _learns(low: Trial, high: Trial, gain: float) -> float:
    """Return 0 to 1: how surely the higher rate learned the training data far better than what is held out."""
    if high.lr > _APART * low.lr:
        return 0.0
    trained, held_out = (low.tail - high.tail) / gain, (low.loss - high.loss) / gain
    return min(max((trained - 2.5 * max(held_out, 0.0)) / _FALLS, 0.0), 1.0)


def _best(step: Step) -> Trial:
    return min(step.trials, key=judged)
