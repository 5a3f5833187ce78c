"""The verdict: how far from the last rung's trials an answer may lie."""

import math
from dataclasses import dataclass, replace

import pytest

from surefoot.search.evidence import Climb, Step, read
from surefoot.search.question import asked
from surefoot.search.rungs import Rung
from surefoot.search.verdict import verdict
from surefoot.trial import Trial

TOTAL = 1000


@dataclass
class Bench:
    trials: list
    spent: int = 100
    seconds: float = 1.0


def task(schedule):
    yield schedule(0)


def trial(octave, loss, steps, train):
    status = "done" if math.isfinite(loss) else "diverged"
    told = (2.0, loss if train is None else train)
    return Trial(2.0**octave, 0, steps, steps, loss, status, validated=True, points=(0, 1), losses=told)


def answer(*rungs, whole=False):
    """Return the octave answered after rungs of {octave: loss}; a rung is a fraction of the run and its trials.

    ``whole``: the last rung is of complete runs.
    """
    climb = Climb(start=2.0, noise=0.01)
    for fraction, losses in rungs:
        steps = round(fraction * TOTAL)
        pairs = ((loss if isinstance(loss, tuple) else (loss, None)) for loss in losses.values())
        trials = tuple(trial(x, loss, steps, train) for x, (loss, train) in zip(losses, pairs, strict=True))
        rung = Rung(fraction, 3, 1.0, whole=whole and losses is rungs[-1][1])
        climb = replace(climb, steps=(*climb.steps, Step(rung, fraction, trials, read(trials, climb))))
    bench = Bench([one for step in climb.steps for one in step.trials])
    peak = verdict(climb, asked(task, total=TOTAL, budget=0.5), bench, verb="tune")
    return math.log2(peak.lr), peak


FIRST = (1 / 32, {-9: 1.9, -6: 1.7, -3: 1.8})


def test_where_the_loss_still_falls_upwards_the_answer_is_no_lower_than_the_best_probe():
    octave, peak = answer(FIRST, (1 / 16, {-6: 1.6, -4.6: 1.4}))
    assert -4.6 <= octave <= -4.2
    assert "the loss still falls" in peak.why


def test_where_two_probes_are_nearly_alike_the_answer_is_lower_than_both():
    octave, _ = answer(FIRST, (1 / 16, {-6: 1.41, -4.6: 1.4}))
    assert octave < -5


@pytest.mark.parametrize("fraction", [1 / 8, 1 / 4])
def test_after_long_probes_the_answer_is_near_their_parabola(fraction):
    octave, peak = answer(FIRST, (fraction, {-7: 1.05, -5.6: 1.0, -4.2: 1.9}))
    center = read(tuple(peak.curve.trials[3:]), Climb(start=2.0, noise=0.01)).center
    assert center - 0.81 <= octave <= center


def test_after_complete_runs_on_both_sides_the_answer_is_nearer_still_whatever_short_probes_said():
    low = (1 / 32, {-11: 1.7, -8: 1.6, -5: 1.9})
    octave, peak = answer(low, (1 / 2, {-6.4: 1.1, -5.6: 1.0, -4.8: 1.1}), whole=True)
    assert octave == pytest.approx(-5.6 - 0.4)
    assert "kept near the parabola" in peak.why


def test_an_answer_may_be_far_lower_where_the_data_is_memorised():
    calm = {-7: (1.05, 1.0), -5.6: (1.0, 0.95), -4.2: (1.06, 1.0)}
    eager = {-7: (1.05, 1.0), -5.6: (1.0, 0.7), -4.2: (1.06, 0.3)}
    short = (1 / 8, {-7: 1.2, -5.6: 1.02, -4.2: 1.06})
    octave, peak = answer(short, (1 / 4, eager))
    assert octave < answer(short, (1 / 4, calm))[0] - 0.5
    assert "memorise" in peak.why
