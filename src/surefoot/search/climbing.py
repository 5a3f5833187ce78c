"""The climb: trials on one rung after another, each rung placed by what the one before it showed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from surefoot.search.belief import believed
from surefoot.search.branching import FEWEST, grafted, kept, place, trunks
from surefoot.search.evidence import Climb, Step, judged, next_octave, read, resolved
from surefoot.search.execution import Bench
from surefoot.search.question import Question
from surefoot.search.ranging import HIGH, LOW, STAGE, Landmarks, landmarks, rising
from surefoot.search.rungs import LONG, SHORTEST, VALIDATION, Rung, length, probe, warms
from surefoot.search.running import Request
from surefoot.trial import Trial

# Octaves from landmarks of a range test to the best rate of probes of T/32: medians over 25 tasks. One alone is off by
# 1.8 (blow-up), 2.4 or more (the others, which noise may put anywhere); the mean of those that are clear by 1.4.
_FROM_BLOW, _FROM_FALL, _FROM_HALF = -4.6, -2.0, 0.0
_LITTLE = 0.25
"""The cost in runs up to which rungs make a single trial where nothing was learned yet."""
_NOTHING = 0.0005
"""Expected regret at which a search ends; with a budget of 3 that saved 3 % of the updates and cost nothing."""
LEAP = 2.0
"""Spacings to go up at once from an end that is far better; not on the first rung or in complete runs: a cliff."""
LOWER = 3.0
"""Octaves below the best rate of a rung that the next one begins at most: a spacing of the first rung."""


def tested(question: Question, bench: Bench, updates: int) -> Climb:
    """Run the range test with ``updates`` updates."""
    low, high = question.low or LOW, question.high or HIGH
    request = asking(question, high, updates, STAGE)
    rise = rising(low, high, updates)
    [trial] = bench.run([replace(request, schedule=rise, judge_start=True, judge_end=False, keep_all=True)])
    rates = rise.array(0, max(trial.steps, 1))
    marks = landmarks(rates, np.array(trial.losses or (math.nan,)))
    start = trial.start if trial.judged_start else marks.start
    return Climb((), trial, marks, start, marks.noise, warms(question.recipe, question.total))


def climbed(climb: Climb, question: Question, bench: Bench, rungs: tuple[Rung, ...]) -> Climb:
    """Climb one rung, the first of ``rungs``, with its share of what is left of the budget.

    Where the rung before it was too short to learn anything and little is left, that makes one trial, the longest
    there can be.
    """
    if climb.steps and not resolved(climb.steps[-1].trials, climb):
        rungs = _joined(rungs)
    steps = length(rungs, bench.left, question.total)
    if steps < SHORTEST - 1:
        return climb
    rung = rungs[0]
    stage = f"{len(climb.steps) + 1} {rung.name}"
    fraction = steps / question.total
    center = _next_center(climb, rung, fraction)
    old = _trunks(climb) if rung.count >= FEWEST else []
    make = partial(_kept, question, rungs, steps, stage)
    trials: list[Trial] = []
    batch = _first(center, rung)
    leap = 1.0 if rung.whole or not climb.steps else LEAP
    while batch:
        octaves = [x for x in (_bounded(x, question) for x in batch) if not _tried(x, trials)]
        if not octaves:
            break
        requests = grafted(octaves, rung.spacing, make, [one for one in old if not _tried(math.log2(one.lr), trials)])
        if len(trials) + len(requests) >= rung.count:
            old = [one for one in old if one.lr in {request.lr for request in requests if request.since}]
        bench.shelf.keep([place(one) for one in (*old, *trunks(trials))])
        trials += bench.run(requests)
        # Trials that diverged cost little: what they left looks for a rate that does not.
        enough = not all(trial.failed for trial in trials) or bench.left < steps + VALIDATION
        batch = [] if len(trials) >= rung.count and enough else [next_octave(trials, climb, rung.spacing, leap)]
    return stepped(climb, rung, fraction, trials)


def _joined(rungs: tuple[Rung, ...]) -> tuple[Rung, ...]:
    """Return one trial that costs what ``rungs`` would where that is at most a quarter of a run, else the rungs."""
    fraction = sum(rung.fraction * rung.count for rung in rungs)
    return (Rung(fraction, 1, rungs[0].spacing),) if fraction <= _LITTLE else rungs


def stepped(climb: Climb, rung: Rung, fraction: float, trials: Sequence[Trial], runs: tuple[Trial, ...] = ()) -> Climb:
    """Return the climb with one more rung that gave ``trials``, the means of ``runs`` where these were several."""
    if not trials:
        return climb
    return replace(climb, steps=(*climb.steps, Step(rung, fraction, tuple(trials), read(trials, climb), runs)))


def settled(climb: Climb) -> bool:
    """Say whether more runs would change nothing: the best rate known is expected to cost next to nothing."""
    belief = believed(climb, 1.0, whole=True) if climb.steps else None
    return belief is not None and belief.risk(belief.aim()) < _NOTHING


def _next_center(climb: Climb, rung: Rung, fraction: float) -> float:
    if climb.steps:
        belief = believed(climb, fraction, whole=rung.whole)
        best = math.log2(min(climb.steps[-1].trials, key=judged).lr)
        return climb.steps[-1].parabola.center if belief is None else max(belief.aim(), best - LOWER)
    if climb.marks is None:
        raise AssertionError
    return bracket(climb.marks)


def bracket(marks: Landmarks) -> float:
    """Return the octave in the middle of the first bracket, from the landmarks of a range test.

    Where it neither blew up nor fell beyond its noise, its middle is as good a guess as any.
    """
    if marks.blew is None and not marks.clear and math.isfinite(marks.middle):
        return marks.middle
    said = [] if marks.blew is None else [marks.blew + _FROM_BLOW]
    if marks.clear or not said:
        said += [marks.fell + _FROM_FALL, marks.half + _FROM_HALF]
    return float(np.mean(said))


def _first(center: float, rung: Rung) -> list[float]:
    """Return the first octaves of a rung: both sides of its centre, a little lower where a third trial is to follow.

    One run's regret was 1.2 % with .6 of the spacing below, 1.7 % with all of it below, 1.4 % with half.
    """
    if rung.count == 1:
        return [center]
    lower = 0.6 if rung.count % 2 else 0.5
    return [center - lower * rung.spacing, center + (1 - lower) * rung.spacing]


def _bounded(octave: float, question: Question) -> float:
    low = -40.0 if question.low is None else math.log2(question.low)
    high = 20.0 if question.high is None else math.log2(question.high)
    return min(max(octave, low), high)


def _tried(octave: float, trials: Sequence[Trial]) -> bool:
    return any(abs(math.log2(trial.lr) - octave) < 0.05 for trial in trials)


def _trunks(climb: Climb) -> list[Trial]:
    """Return the trials that those of the next rung may go on from: none of a rung that has learned nothing."""
    last = climb.steps[-1].trials if climb.steps else ()
    return trunks(last) if last and resolved(last, climb) else []


def _kept(question: Question, rungs: tuple[Rung, ...], steps: int, stage: str, rate: float) -> Request:
    """Return the request of one trial of the first of ``rungs``, which may be gone on from on the second."""
    request = asking(question, rate, steps, stage, rungs[0])
    if len(rungs) == 1 or rungs[1].count < FEWEST:
        return request
    longer = min(round(steps * rungs[1].fraction / rungs[0].fraction), question.total)
    return kept(request, asking(question, rate, longer, stage, rungs[1]))


def asking(question: Question, rate: float, steps: int, stage: str, rung: Rung | None = None) -> Request:
    """Return the request for one trial of ``steps`` updates at ``rate``; without a rung, for a range test."""
    warm = steps >= LONG * question.total and warms(question.recipe, question.total)
    schedule = question.recipe(rate, steps) if rung is not None and rung.whole else probe(rate, steps, warm=warm)
    knobs = dict(question.knobs or {})
    return Request(question.task, schedule, rate, steps, question.seed, stage, knobs)
