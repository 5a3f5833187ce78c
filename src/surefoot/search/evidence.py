"""The evidence of a climb: what its rungs have shown, and how to read it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from surefoot.search.parabola import Parabola, fitted, middle_of_best, regrets
from surefoot.search.ranging import Landmarks
from surefoot.search.rungs import Rung
from surefoot.trial import Trial

_CLEAR, _HARDLY = 3.0, 0.125
"""Standard errors that a fall of the training loss stands out by; the tolerance's share that is a fall beside it."""
_FEW = 3
"""Losses on either side below which an order of them is chance."""
_FAR = 0.1
"""The regret beside the highest rate tried, if that is the best, from which the best rate lies far above it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One rung that was climbed: its trials and the parabola through them.

    Where rates were run under several seeds, ``runs`` are all those runs and ``trials`` one a rate, with their mean.
    """

    rung: Rung
    fraction: float
    trials: tuple[Trial, ...]
    parabola: Parabola
    runs: tuple[Trial, ...] = ()

    @property
    def all_runs(self) -> tuple[Trial, ...]:
        """Every run of the rung, under whatever seed."""
        return self.runs or self.trials


@dataclass(frozen=True, slots=True)
class Climb:
    """What a climb has shown so far.

    ``start`` is the loss at initialisation, of the kind that trials are judged by, ``noise`` the standard deviation
    of one training loss; ``warm`` says that the probes warm up, as the recipe does; ``settled`` that it was ended
    because more runs would have changed nothing.
    """

    steps: tuple[Step, ...] = ()
    test: Trial | None = None
    marks: Landmarks | None = None
    start: float = math.nan
    noise: float = 0.0
    warm: bool = False
    settled: bool = False

    @property
    def tolerance(self) -> float:
        """How far a judged loss must move to have moved at all.

        Twice the noise of one training loss, or a tenth of the loss where that is less: what judges a trial is a
        mean over more than one batch.
        """
        return min(2 * self.noise, 0.1 * abs(self.start)) + 1e-6 * abs(self.start)


def judged(trial: Trial) -> float:
    """Return the loss a trial is compared by: infinite where the run failed."""
    return math.inf if trial.failed else trial.loss


def resolved(trials: Sequence[Trial], climb: Climb) -> bool:
    """Say whether any trial learned more than the noise: on a plateau before learning none does."""
    return any(climb.start - judged(trial) > climb.tolerance or trained(trial, climb) for trial in trials)


def trained(trial: Trial, climb: Climb) -> bool:
    """Say whether the training loss fell by far more than its noise, and what is held out fell with it, if little."""
    if not (trial.validated and trial.losses):
        return False
    # Before the first update what is held out is as good as what is trained on, and its loss less noisy.
    error = climb.noise / math.sqrt(max(trial.total // 10, 1))
    return climb.start - trial.tail > _CLEAR * error and climb.start - judged(trial) > _HARDLY * climb.tolerance


def apart(trial: Trial, climb: Climb) -> bool:
    """Say whether every loss at the trial's end is below every one before anything was learned.

    Batches that differ much look like noise that no fall can stand out of; by chance it is so once in C(n + k, k), for
    k losses at the end and n in the first third of the range test.
    """
    before = () if climb.test is None else climb.test.losses[: len(climb.test.losses) // 3]
    end = trial.losses[-max(len(trial.losses) // 10, _FEW) :]
    enough = not trial.failed and len(trial.losses) >= 2 * _FEW and len(before) >= _FEW
    return enough and max(end) < min(before) and judged(trial) < climb.start


def deaf(trials: Sequence[Trial]) -> bool:
    """Say whether trials of equal length and seed lost the same, to the last bit, at every rate that was tried."""
    seen: dict[tuple[int, int], dict[float, tuple[float, tuple[float, ...]]]] = {}
    for trial in trials:
        if not trial.failed:
            seen.setdefault((trial.total, trial.seed), {})[trial.lr] = (trial.loss, trial.losses)
    several = [found for found in seen.values() if len(found) > 1]
    return bool(several) and all(len(set(found.values())) == 1 for found in several)


def rose(trial: Trial, climb: Climb) -> bool:
    """Say whether the trial ended above where it began, by more than a plateau's wandering."""
    return judged(trial) > climb.start + 2 * climb.tolerance


def read(trials: Sequence[Trial], climb: Climb) -> Parabola:
    """Return the parabola of a rung; its centre is the edge of stability where nothing was learned yet.

    Two trials are too few for a parabola of their own: the rung before lends its points.
    """
    if not resolved(trials, climb):
        stable, broken = _stability(trials, climb)
        above = min(broken, default=_blew(climb, max(stable, default=0.0)))
        edge = (max(stable) + above) / 2 if stable else above - 3.0
        return Parabola(edge, 0.0, 0.0, inside=False)
    octaves, regret = _points(trials, climb.start)
    if len(trials) < 3 and climb.steps and resolved(climb.steps[-1].trials, climb):
        before = _points(climb.steps[-1].trials, climb.start)
        octaves, regret = octaves + before[0], regret + before[1]
    return fitted(octaves, regret)


def next_octave(trials: Sequence[Trial], climb: Climb, spacing: float, leap: float = 1.0) -> float:
    """Return the octave to try next on a rung: beyond the best point if it is at an end, else beside it.

    Above an end that is far better than the next point, ``leap`` times as far.

    Where nothing was learned yet, the edge of stability is approached: it is there that learning starts first.
    """
    if not resolved(trials, climb):
        stable, broken = _stability(trials, climb)
        if not stable:
            return min(broken) - spacing
        if broken:
            return _between(max(stable), min(broken), min(stable) - spacing)
        # Halfway to the blow-up of the range test: by single spacings a plateau was not left within the budget.
        return max(max(stable) + spacing, (max(stable) + _blew(climb, max(stable))) / 2)
    x, y = zip(*sorted(zip(*_points(trials, climb.start), strict=True)), strict=True)
    best = middle_of_best(y)
    if best == 0:
        return float(x[0] - spacing)
    if best == len(x) - 1:
        return float(x[-1] + spacing * (leap if y[-2] > _FAR else 1.0))
    return float(x[0] - spacing if y[best - 1] <= y[best + 1] else x[-1] + spacing)


def _between(stable: float, broken: float, otherwise: float) -> float:
    return (stable + broken) / 2 if broken - stable > 1 else otherwise


def _blew(climb: Climb, otherwise: float) -> float:
    """Return the octave at which the range test blew up, or ``otherwise`` where it did not, or lower."""
    known = None if climb.marks is None else climb.marks.blew
    return otherwise if known is None else max(known, otherwise)


def _stability(trials: Sequence[Trial], climb: Climb) -> tuple[list[float], list[float]]:
    """Return the octaves at which the loss stayed where it was, and those at which it rose or was lost."""
    stable: list[float] = []
    broken: list[float] = []
    for trial in trials:
        (broken if rose(trial, climb) else stable).append(math.log2(trial.lr))
    # A rate above one that broke is not stable, whatever its loss says.
    return [x for x in stable if x < min(broken, default=math.inf)], broken


def _points(trials: Sequence[Trial], start: float) -> tuple[list[float], list[float]]:
    return [math.log2(trial.lr) for trial in trials], regrets([judged(trial) for trial in trials], start)


def broken_above(step: Step, climb: Climb) -> float | None:
    """Return the octave of the lowest rate that broke: above the centre on this rung, anywhere on a longer one.

    On the rung itself only divergence counts; a longer rung that has not learned says no more than where it rose.
    """
    here = [t for t in step.trials if t.failed and math.log2(t.lr) > step.parabola.center]
    longer = [t for s in climb.steps if s.fraction > step.fraction for t in s.trials if rose(t, climb)]
    return min((math.log2(trial.lr) for trial in (*here, *longer)), default=None)
