"""The belief about the best rate: a small posterior over where it lies, how sharp it is and how it drifts.

A guess says: on trials of a given length the regret grows from 0 at ``center`` to 5 % at ``left`` octaves below and
``right`` octaves above it, quadratically, and the centre moves by ``drift`` octaves for each doubling of the length.
Every rung weighs the guesses, the longest most; what is then recommended is the rate of least expected regret, which
lies low where the evidence is flat or ragged, because too high a rate costs more than one too low.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.search.evidence import Climb, Step, judged, resolved
from surefoot.search.memorising import memorising
from surefoot.search.parabola import CLIP, regrets
from surefoot.search.rungs import LONG

Vector = NDArray[np.float64]

# Octaves to 5 % regret on either side of the best rate of a full run, how much narrower they get with each halving of
# the run, and how much steeper the higher side is taken to be in the mean, for its cliffs (30 small tasks).
_KNEE, _LEFT, _RIGHT, _SPREAD, _NARROWS, _STEEPER = 0.05, 2.3, 1.9, 0.6, 0.9, 1.75
_WIDTHS = np.geomspace(0.5, 8.0, 7)
# Octaves per doubling. Of deviations .2, .3, .35 and .5, on nine tasks, .3 was the best compromise: .5 was worst
# everywhere, .2 good for find and poor at a budget of 1.
_DRIFT = 0.3
_DRIFTS = np.linspace(-1.0, 1.0, 9)
# What a regret may be off by: the noise of a loss, not known beforehand, and a share of the regret itself.
# By how much of the gain the best trial of a rung may be worse than the best there is: else trials that are all alike
# would also be explained by a best rate far from all of them.
_MISSED = 0.3
_NOISES, _MISFIT, _AGEING = (0.004, 0.015, 0.05), 0.3, 0.7
_GRID = 0.25
# Octaves from the best rate of trials 0, 1, .. doublings short of the full run to its own: probes, complete runs.
_COLD = (0.0, 0.0, 0.0, 0.0, -0.75, -1.25)
_WARM = (0.0, -0.1, -0.25, -0.25, -0.25, -0.25)
_WHOLE = -0.25
# What a doubling moves it by where the data is memorised, whatever the drift was before that began.
_BY_HEART = -0.7
_FINE = 0.1


@dataclass(frozen=True, slots=True)
class Belief:
    """Weighted guesses at the best octave of one length, and at the octaves to 5 % regret on either side of it."""

    centers: Vector
    left: Vector
    right: Vector
    weights: Vector

    def risk(self, octave: float) -> float:
        """Return the expected regret at an octave."""
        off = octave - self.centers
        scaled = np.where(off > 0, _STEEPER * (off / self.right) ** 2, (off / self.left) ** 2)
        return float(self.weights @ np.minimum(_KNEE * scaled, 1.0))

    def aim(self) -> float:
        """Return the octave of least expected regret."""
        # The risk has its minimum between the centres that have weight.
        likely = self.centers[self.weights > 1e-6]
        octaves = np.arange(likely.min(), likely.max() + _FINE, _FINE)
        return min((float(x) for x in octaves), key=self.risk)

    def region(self, octave: float, more: float, most: float) -> tuple[float, float]:
        """Return the octaves around ``octave``, at most ``most`` away, where the risk is at most ``more`` higher."""
        limit = self.risk(octave) + more
        low = high = 0.0
        while low < most and self.risk(octave - low - _FINE) <= limit:
            low += _FINE
        while high < most and self.risk(octave + high + _FINE) <= limit:
            high += _FINE
        return octave - low, octave + high


def believed(climb: Climb, fraction: float, *, whole: bool) -> Belief | None:
    """Return the belief about runs of ``fraction`` of the full one; None where nothing was learned on any rung."""
    steps = [step for step in climb.steps if resolved(step.trials, climb)]
    if not steps:
        return None
    last = next((step for step in reversed(steps) if len(step.trials) > 1), steps[-1])
    tried = [math.log2(trial.lr) for trial in last.trials]
    centers = np.arange(min(tried) - 4, max(tried) + 2 + _GRID / 2, _GRID)
    mesh = np.meshgrid(centers, _DRIFTS, _WIDTHS, _WIDTHS, indexing="ij")
    center, drift, left, right = (axis.ravel() for axis in mesh)
    seen = [(step, center + _moved(climb, last, step.fraction, drift, whole=step.rung.whole)) for step in steps]
    fits = np.logaddexp.reduce([_fit(seen, last, climb.start, (left, right), noise) for noise in _NOISES])
    off = drift / _DRIFT, np.log(left / _LEFT) / _SPREAD, np.log(right / _RIGHT) / _SPREAD
    log = fits - 0.5 * sum(z**2 for z in off)
    weights = np.exp(log - log.max())
    kept = weights > 1e-6
    learned = memorising(climb)
    there = center + _moved(climb, last, fraction, (1 - learned) * drift, whole=whole)
    there += learned * _BY_HEART * (_doublings(last.fraction) - _doublings(fraction))
    narrow = _NARROWS ** _doublings(fraction)
    return Belief(there[kept], narrow * left[kept], narrow * right[kept], weights[kept] / weights[kept].sum())


def _shift(fraction: float, *, whole: bool, warm: bool) -> float:
    """Return the octaves from the best rate of trials of ``fraction`` of a run to that of the full run.

    Measured over 30 small tasks, full grids, tasks that memorise apart.
    """
    doublings = _doublings(fraction)
    if whole:
        return _WHOLE * doublings
    return float(np.interp(doublings, range(6), _WARM if warm and fraction >= LONG else _COLD))


def _doublings(fraction: float) -> float:
    return math.log2(1 / min(fraction, 1.0))


def _moved(climb: Climb, last: Step, fraction: float, drift: Vector, *, whole: bool) -> Vector:
    """Return the octaves from the best rate of the rung ``last`` to that of trials of another length."""
    here = _shift(last.fraction, whole=last.rung.whole, warm=climb.warm)
    usual = here - _shift(fraction, whole=whole, warm=climb.warm)
    return usual + drift * (_doublings(last.fraction) - _doublings(fraction))


def _fit(
    seen: Sequence[tuple[Step, Vector]], last: Step, start: float, widths: tuple[Vector, Vector], noise: float
) -> Vector:
    """Return the log-likelihood of every guess; by how much a rung missed the best rate is free within reason."""
    left, right = widths
    total = np.zeros_like(left)
    for step, center in seen:
        age = 1 + _AGEING * abs(_doublings(step.fraction) - _doublings(last.fraction))
        regret = np.array(regrets([judged(trial) for trial in step.trials], start))
        octaves = [math.log2(trial.lr) for trial in step.trials]
        off = np.array([np.where(x > center, (x - center) / right, (center - x) / left) for x in octaves])
        off /= _NARROWS ** _doublings(step.fraction)
        variance = (noise * age) ** 2 + (_MISFIT * regret) ** 2
        free = regret < CLIP
        rest = regret[:, None] - np.minimum(_KNEE * off**2, 1.0)
        missed = (rest[free] / variance[free, None]).sum(axis=0) / (1 / variance[free]).sum()
        rest -= missed
        total -= 0.5 * (missed / _MISSED) ** 2
        # A clipped regret says only that it is at least so much.
        rest[~free] = np.maximum(rest[~free], 0.0)
        total -= 0.5 * (rest**2 / variance[:, None]).sum(axis=0) + 0.5 * float(np.log(variance[free]).sum())
    return total
