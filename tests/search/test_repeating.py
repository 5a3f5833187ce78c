"""Repeats: which rates are run under further seeds, what their means are, and when that ends."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

import surefoot as sf
from surefoot.search.evidence import Climb, Step, read
from surefoot.search.question import asked
from surefoot.search.repeating import NOISE, contenders, pooled, repeated
from surefoot.search.rungs import VALIDATION, Rung
from surefoot.trial import Trial

WHOLE = Rung(1.0, 3, 0.8, whole=True)
START, TOTAL = 2.0, 50
losses_ = some.floats(0.1, 2.0)


def alike(_lr, _seed):
    return 1.0


class Purse:
    """A bench with updates left, whose runs lose ``loss(lr, seed)``."""

    def __init__(self, left, loss=alike):
        self.left, self.loss, self.asked = left, loss, []

    def run(self, requests):
        self.asked += [(request.lr, request.seed, request.steps) for request in requests]
        self.left -= sum(request.steps + VALIDATION for request in requests)
        return [trial(request.lr, self.loss(request.lr, request.seed), request.seed) for request in requests]


def trial(lr, loss, seed=0):
    status = "done" if math.isfinite(loss) else "diverged"
    return Trial(lr, seed, TOTAL, TOTAL, loss, status, validated=True, stage="4 run T")


def climbed(losses, rung=WHOLE):
    climb = Climb(start=START, noise=0.01)
    trials = tuple(trial(lr, loss) for lr, loss in losses.items())
    return replace(climb, steps=(Step(rung, 1.0, trials, read(trials, climb)),))


def task(schedule):
    yield schedule(0)


def question():
    return asked(task, total=TOTAL, budget=10.0)


def wanted(climb, left=10_000):
    return [(request.lr, request.seed) for request in contenders(climb, question(), Purse(left))]


def test_rates_within_noise_of_the_best_are_run_under_the_next_seed():
    close = 1.0 + NOISE * (START - 1.0)
    assert wanted(climbed({0.1: 1.0, 0.2: close, 0.4: 1.5})) == [(0.1, 1), (0.2, 1)]


@pytest.mark.parametrize(
    "losses",
    [{0.1: 1.0, 0.2: 1.1, 0.4: 1.5}, {0.1: 1.0, 0.2: math.inf}, {0.1: 1.0}],
    ids=["clear", "the other failed", "alone"],
)
def test_a_clear_winner_is_not_run_again(losses):
    assert wanted(climbed(losses)) == []


def test_probes_are_not_repeated_nor_is_nothing():
    assert wanted(climbed({0.1: 1.0, 0.2: 1.0}, Rung(1 / 4, 3, 1.2))) == []
    assert wanted(Climb(start=START)) == []


@pytest.mark.parametrize(("left", "runs"), [(3, 3), (2.9, 2), (2, 2), (1.9, 0)])
def test_what_is_left_bounds_how_many_are_repeated(left, runs):
    climb = climbed({0.1: 1.0, 0.2: 1.0, 0.4: 1.0})
    assert len(wanted(climb, int(left * (TOTAL + VALIDATION)))) == runs


def test_seeds_are_added_until_the_rates_are_told_apart():
    rng = np.random.default_rng(3)
    noise = {(lr, seed): 0.01 * float(rng.normal()) for lr in (0.1, 0.2) for seed in range(40)}
    purse = Purse(40 * 2 * (TOTAL + VALIDATION), lambda lr, seed: 1.0 + 0.01 * (lr > 0.15) + noise[lr, seed])
    climb = climbed({lr: purse.loss(lr, 0) for lr in (0.1, 0.2)})
    while again := contenders(climb, question(), purse):
        climb = repeated(climb, purse, again)
    step = climb.steps[-1]
    assert min(step.trials, key=lambda one: one.loss).lr == 0.1
    assert 4 < len(step.all_runs) < 80
    assert {seed for _, seed, _ in purse.asked} == set(range(1, len(step.all_runs) // 2))


def test_rates_that_are_all_alike_are_not_repeated_for_ever():
    purse = Purse(10**9)
    climb = climbed({0.1: 1.0, 0.2: 1.0})
    while again := contenders(climb, question(), purse):
        climb = repeated(climb, purse, again)
    # The assumed noise counts as two differences, so that the error falls below a thousandth of the gain.
    assert len(purse.asked) < 40


@given(some.lists(losses_, min_size=2, max_size=2), some.lists(some.floats(-0.5, 0.5), min_size=1, max_size=4))
def test_what_a_seed_shifts_all_rates_by_changes_no_difference(losses, shifts):
    runs = [
        trial(lr, loss + by, seed)
        for seed, by in enumerate(shifts)
        for lr, loss in zip((0.1, 0.2), losses, strict=True)
    ]
    low, high = pooled(runs)
    assert high.loss - low.loss == pytest.approx(losses[1] - losses[0])
    assert low.loss == pytest.approx(losses[0] + np.mean(shifts))


def test_a_rate_of_fewer_seeds_is_compared_by_those_it_has():
    runs = [trial(0.1, 1.0), trial(0.2, 1.1), trial(0.4, 1.3), trial(0.1, 2.0, 1), trial(0.2, 2.1, 1)]
    assert [one.loss for one in pooled(runs)] == pytest.approx([1.5, 1.6, 1.8])


def test_a_rate_that_failed_under_one_seed_has_failed():
    runs = [trial(0.1, 1.0), trial(0.2, 0.9), trial(0.1, 1.0, 1), trial(0.2, math.inf, 1)]
    assert [one.failed for one in pooled(runs)] == [False, True]


def test_where_no_rate_outlives_every_seed_the_first_seed_decides():
    runs = [trial(0.1, 1.0), trial(0.2, 0.9), trial(0.1, math.inf, 1), trial(0.2, math.inf, 1)]
    assert [one.loss for one in pooled(runs)] == [1.0, 0.9]


def noisy(schedule, seed=0):
    """A bowl whose starting point depends on the seed, and whose updates are noisy."""
    rng = np.random.default_rng(seed)
    x = 1.0 + 0.2 * float(rng.normal())
    for step in range(schedule.total):
        x -= schedule(step) * (4.0 * x + float(rng.normal()))
        yield sf.Reading(step, 2.0 * x * x, val_loss=lambda x=x: 2.0 * x * x)


def test_a_large_budget_is_spent_on_further_seeds_and_says_so():
    peak = sf.tune(noisy, total=60, budget=12)
    runs = [one for one in peak.curve.trials if "run" in one.stage]
    assert len({one.seed for one in runs}) > 1
    assert "under up to" in peak.why
    assert peak.cost_steps <= 12 * 60
