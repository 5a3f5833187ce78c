"""The climb: trials on one rung after another, each rung placed by what the one before it showed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from surefoot.curve import Trial
from surefoot.search.execution import Bench
from surefoot.search.parabola import CLIP, Parabola, fitted, middle_of_best, regrets
from surefoot.search.question import Question
from surefoot.search.ranging import HIGH, LOW, STAGE, Landmarks, landmarks, noise_of, rising
from surefoot.search.rungs import SCAN, SHORTEST, Rung, length, probe
from surefoot.search.running import Request

BELOW = 6.5
"""Octaves from a range test's blow-up down to the middle of the first bracket."""
_SCAN_FROM = -19.0
# Shares of the gain from which a run counts as memorising, read off 15 small tasks, three of which memorise.
_FURTHER, _WORSE, _GAP = 0.03, 0.12, 0.2


@dataclass(frozen=True, slots=True)
class Step:
    """One rung that was climbed: its trials and the parabola through them."""

    rung: Rung
    fraction: float
    trials: tuple[Trial, ...]
    parabola: Parabola


@dataclass(frozen=True, slots=True)
class Climb:
    """What a climb has shown so far; ``start`` is the loss at initialisation, of the kind that trials are judged by."""

    steps: tuple[Step, ...] = ()
    test: Trial | None = None
    marks: Landmarks | None = None
    start: float = math.nan
    noise: float = 0.0


def tested(question: Question, bench: Bench, updates: int) -> Climb:
    """Run the range test with ``updates`` updates."""
    low, high = question.low or LOW, question.high or HIGH
    request = _request(question, high, updates, STAGE)
    rise = rising(low, high, updates)
    [trial] = bench.run([replace(request, schedule=rise, judge_start=True, judge_end=False, keep_all=True)])
    rates = rise.array(0, max(trial.steps, 1))
    marks = landmarks(rates, np.array(trial.losses or (math.nan,)))
    return Climb((), trial, marks, trial.start if trial.judged_start else marks.start, marks.noise)


def climbed(climb: Climb, question: Question, bench: Bench, rungs: tuple[Rung, ...]) -> Climb:
    """Climb one rung, the first of ``rungs``, with its share of what is left of the budget."""
    steps = length(rungs, bench.left, question.total)
    if steps < SHORTEST - 1:
        return climb
    rung = rungs[0]
    stage = f"{len(climb.steps) + 1} {rung.name}"
    if not climb.steps and climb.marks is None:
        return _scanned(question, bench, rung, steps)
    fraction = steps / question.total
    center = _next_center(climb, rung, fraction)
    trials: list[Trial] = []
    batch = _first(center, rung)
    while batch:
        octaves = [x for x in (_bounded(x, question) for x in batch) if not _tried(x, trials)]
        if not octaves:
            break
        trials += bench.run([_request(question, 2.0**x, steps, stage, rung) for x in octaves])
        batch = [] if len(trials) >= rung.count else [_extended(trials, climb.start, rung.spacing)]
    return _with(climb, rung, fraction, trials)


def _scanned(question: Question, bench: Bench, rung: Rung, steps: int) -> Climb:
    """Try rates over the whole range, ``rung.spacing`` octaves apart, where no range test says where to look."""
    bottom = _SCAN_FROM if question.low is None else math.log2(question.low)
    top = bottom + rung.spacing * (rung.count - 1) if question.high is None else math.log2(question.high)
    octaves = np.linspace(bottom, top, rung.count)
    requests = [_request(question, 2.0 ** float(x), steps, SCAN, rung) for x in octaves]
    trials = bench.run([replace(requests[0], judge_start=True), *requests[1:]])
    lowest = trials[0]
    start = lowest.start if lowest.judged_start else float(np.median(lowest.losses))
    return _with(Climb(start=start, noise=noise_of(np.array(lowest.losses))), rung, steps / question.total, trials)


def _with(climb: Climb, rung: Rung, fraction: float, trials: Sequence[Trial]) -> Climb:
    if not trials:
        return climb
    octaves, regret = _points(trials, climb.start)
    if len(trials) < 3 and climb.steps:
        # Too few for a parabola of their own: the rung before lends its points.
        before = _points(climb.steps[-1].trials, climb.start)
        octaves, regret = octaves + before[0], regret + before[1]
    return replace(climb, steps=(*climb.steps, Step(rung, fraction, tuple(trials), fitted(octaves, regret))))


def _points(trials: Sequence[Trial], start: float) -> tuple[list[float], list[float]]:
    return [math.log2(trial.lr) for trial in trials], regrets([judged(trial) for trial in trials], start)


def judged(trial: Trial) -> float:
    """Return the loss a trial is compared by: infinite where the run failed."""
    return math.inf if trial.failed else trial.loss


def shift(rung: Rung, fraction: float) -> float:
    """Return the octaves from the best rate of trials of ``fraction`` of a run to that of the full run.

    Measured over 15 small tasks: probes need none from T/8 on, half an octave down at T/16, one at T/32; complete
    runs a quarter of an octave down for each doubling that is still to come.
    """
    doublings = math.log2(1 / min(fraction, 1.0))
    return -0.25 * doublings if rung.whole else -0.5 * min(max(doublings - 3, 0.0), 3.0)


def _next_center(climb: Climb, rung: Rung, fraction: float) -> float:
    if climb.steps:
        last = climb.steps[-1]
        return last.parabola.center - (shift(rung, fraction) if rung.whole else 0.0)
    if climb.marks is None:
        raise AssertionError
    return bracket(climb.marks)


def bracket(marks: Landmarks) -> float:
    """Return the octave in the middle of the first bracket below a range test's blow-up."""
    if marks.blew is not None:
        return marks.blew - BELOW
    return marks.fell - BELOW / 2


def _first(center: float, rung: Rung) -> list[float]:
    if rung.count == 1:
        return [center]
    if rung.count % 2:
        return [center - rung.spacing, center]
    return [center - rung.spacing / 2, center + rung.spacing / 2]


def _extended(trials: Sequence[Trial], start: float, spacing: float) -> float:
    """Return the octave to try next: beyond the best point if it is at an end, else beyond its better neighbour."""
    order = sorted(trials, key=lambda trial: trial.lr)
    x = [math.log2(trial.lr) for trial in order]
    y = regrets([judged(trial) for trial in order], start)
    if min(y) >= CLIP:
        # Nothing learned: too high if anything was lost or rose, else too low.
        rose = any(trial.failed or trial.loss > start for trial in order)
        return x[0] - 2 * spacing if rose else x[-1] + 2 * spacing
    best = middle_of_best(y)
    if best == 0:
        return x[0] - spacing
    if best == len(x) - 1:
        return x[-1] + spacing
    return x[0] - spacing if y[best - 1] <= y[best + 1] else x[-1] + spacing


def _bounded(octave: float, question: Question) -> float:
    low = -40.0 if question.low is None else math.log2(question.low)
    high = 20.0 if question.high is None else math.log2(question.high)
    return min(max(octave, low), high)


def _tried(octave: float, trials: Sequence[Trial]) -> bool:
    return any(abs(math.log2(trial.lr) - octave) < 0.05 for trial in trials)


def _request(question: Question, rate: float, steps: int, stage: str, rung: Rung | None = None) -> Request:
    schedule = question.recipe(rate, steps) if rung is not None and rung.whole else probe(rate, steps)
    knobs = dict(question.knobs or {})
    return Request(question.task, schedule, rate, steps, question.seed, stage, knobs)


def improvement(climb: Climb) -> float | None:
    """Return the share of the whole gain that the last doubling of the horizon brought; None if one rung is all."""
    best = [(step.fraction, min(map(judged, step.trials))) for step in climb.steps if not step.rung.whole]
    pairs = [(a, b) for a, b in pairwise(best) if b[0] > 1.3 * a[0] and math.isfinite(a[1]) and math.isfinite(b[1])]
    if not pairs:
        return None
    (short, before), (long, after) = pairs[-1]
    gain = climb.start - after
    return (before - after) / math.log2(long / short) / gain if gain > 0 else None


def memorised(step: Step, climb: Climb) -> bool:
    """Say whether the rung shows a task that is being memorised: its training loss goes where validation does not.

    A rate that is merely too high worsens both losses. Here a higher rate than the best one trains further while it
    validates worse, or validates much worse though it trains as well; or the best run's own training loss has fallen
    by a fifth more than its validation loss. A longer run reaches the same point at a lower rate.
    """
    trials = sorted((trial for trial in step.trials if not trial.failed), key=lambda trial: trial.lr)
    best = min(trials, key=judged)
    gain = climb.start - best.loss
    if not (best.validated and gain > 0):
        return False
    above = trials[trials.index(best) + 1 :]
    further = any(best.tail - trial.tail > _FURTHER * gain for trial in above)
    trained = [(t.tail - best.tail) / gain for t in above[:1]]
    worse = [(t.loss - best.loss) / gain - rose for t, rose in zip(above, trained, strict=False)]
    alone = any(rose < _FURTHER and gap > _WORSE for rose, gap in zip(trained, worse, strict=True))
    return further or alone or _gap(best, climb) > _GAP


def _gap(best: Trial, climb: Climb) -> float:
    """Return the share of what training gained that validation did not, 0 where it is within the noise."""
    gap, gained = best.loss - best.tail, climb.start - best.tail
    error = climb.noise / math.sqrt(max(1, round(len(best.losses) / 10)))
    return gap / gained if gained > 0 and gap > 3 * error else 0.0
