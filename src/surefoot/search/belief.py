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

from surefoot.search.evidence import Climb, Step, improvement, judged, resolved
from surefoot.search.parabola import CLIP, regrets

Vector = NDArray[np.float64]

# Mean regret at 2x the best rate is 5 %, at half of it 2 % (15 small tasks): octaves to 5 % on either side of it,
# and how much steeper the higher side is taken to be, for its cliffs.
_KNEE, _LEFT, _RIGHT, _SPREAD, _STEEPER = 0.05, 1.6, 1.2, 0.6, 1.5
_WIDTHS = np.geomspace(0.4, 6.0, 7)
# Octaves per doubling. Of deviations .2, .3, .35 and .5, on nine tasks, .3 was the best compromise: .5 was worst
# everywhere, .2 good for find and poor at a budget of 1. The mean is lower where longer trials do not improve.
_DRIFT, _DOWN, _SATURATED = 0.3, -0.7, 0.08
_DRIFTS = np.linspace(-1.5, 1.5, 13)
# What a regret may be off by: the noise of a loss, not known beforehand, and a share of the regret itself.
_NOISES, _MISFIT, _AGEING = (0.01, 0.03, 0.1), 0.2, 0.7
_GRID = 0.25
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
    seen = [(step, center + _moved(last, step.fraction, drift, whole=step.rung.whole)) for step in steps]
    fits = np.logaddexp.reduce([_fit(seen, last, climb.start, (left, right), noise) for noise in _NOISES])
    off = (drift - expected_drift(climb)) / _DRIFT, np.log(left / _LEFT) / _SPREAD, np.log(right / _RIGHT) / _SPREAD
    log = fits - 0.5 * sum(z**2 for z in off)
    weights = np.exp(log - log.max())
    kept = weights > 1e-6
    there = center + _moved(last, fraction, drift, whole=whole)
    return Belief(there[kept], left[kept], right[kept], weights[kept] / weights[kept].sum())


def expected_drift(climb: Climb) -> float:
    """Return the octaves per doubling expected of the best rate: down where longer trials hardly got further."""
    improved = improvement(climb)
    return 0.0 if improved is None else _DOWN * min(max(1 - improved / _SATURATED, 0.0), 1.0)


def _shift(fraction: float, *, whole: bool) -> float:
    """Return the octaves from the best rate of trials of ``fraction`` of a run to that of the full run.

    Measured over 15 small tasks: probes need none from T/8 on, half an octave down at T/16, one at T/32; complete
    runs a quarter of an octave down for each doubling that is still to come.
    """
    doublings = _doublings(fraction)
    return -0.25 * doublings if whole else -0.5 * min(max(doublings - 3, 0.0), 3.0)


def _doublings(fraction: float) -> float:
    return math.log2(1 / min(fraction, 1.0))


def _moved(last: Step, fraction: float, drift: Vector, *, whole: bool) -> Vector:
    """Return the octaves from the best rate of the rung ``last`` to that of trials of another length."""
    usual = _shift(last.fraction, whole=last.rung.whole) - _shift(fraction, whole=whole)
    return usual + drift * (_doublings(last.fraction) - _doublings(fraction))


def _fit(
    seen: Sequence[tuple[Step, Vector]], last: Step, start: float, widths: tuple[Vector, Vector], noise: float
) -> Vector:
    """Return the log-likelihood of every guess; how good the best rate of a rung is, is free."""
    left, right = widths
    total = np.zeros_like(left)
    for step, center in seen:
        age = 1 + _AGEING * abs(_doublings(step.fraction) - _doublings(last.fraction))
        regret = np.array(regrets([judged(trial) for trial in step.trials], start))
        octaves = [math.log2(trial.lr) for trial in step.trials]
        off = np.array([np.where(x > center, (x - center) / right, (center - x) / left) for x in octaves])
        variance = (noise * age) ** 2 + (_MISFIT * regret) ** 2
        free = regret < CLIP
        rest = regret[:, None] - np.minimum(_KNEE * off**2, 1.0)
        rest -= (rest[free] / variance[free, None]).sum(axis=0) / (1 / variance[free]).sum()
        # A clipped regret says only that it is at least so much.
        rest[~free] = np.maximum(rest[~free], 0.0)
        total -= 0.5 * (rest**2 / variance[:, None]).sum(axis=0) + 0.5 * float(np.log(variance[free]).sum())
    return total
