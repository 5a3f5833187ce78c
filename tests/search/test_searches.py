import inspect
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.curve import Curve
from surefoot.errors import ArgumentError, TaskError
from surefoot.history.reading import Reading
from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import hold
from surefoot.search.finding import find
from surefoot.search.sweeping import sweep
from surefoot.search.tuning import tune

BUDGETS = [0.05, 0.25, 0.5, 1.0, 3.0, 6.0]
VERBS = [find, tune]


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("total", [50, 400, 3000])
def test_the_cost_counted_from_outside_is_within_the_budget(bowls, total, budget):
    counts = {"updates": 0}
    peak = tune(bowls.counted(bowls.bowl, counts), total=total, budget=budget)
    assert counts["updates"] == peak.cost_steps == peak.curve.cost_steps <= budget * total


@pytest.mark.parametrize("budget", BUDGETS[1:])
def test_validation_is_within_the_budget_too(budget):
    spent = {"updates": 0, "validations": 0}

    def task(schedule):
        x = 1.0

        def validate():
            spent["validations"] += 1
            return x * x

        for step in range(schedule.total):
            x -= schedule(step) * x
            spent["updates"] += 1
            yield Reading(step, x * x, val_loss=validate)

    tune(task, total=400, budget=budget)
    assert spent["validations"] >= 3
    assert spent["updates"] + spent["validations"] * 2 <= budget * 400


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.floats(0.01, 8.0), st.sampled_from(VERBS))
def test_any_total_and_budget_ends_within_it(total, budget, verb):
    updates = 0

    def bowl(schedule):
        nonlocal updates
        x = 1.0
        for step in range(schedule.total):
            x -= schedule(step) * x
            updates += 1
            yield x * x

    peak = verb(bowl, total=total, budget=budget)
    assert updates == peak.cost_steps <= budget * total
    assert peak.why
    assert peak.lr is None or peak.low <= peak.lr <= peak.high
    assert peak.lr is None or peak.lr < 2.0 or peak.confidence <= 0.2


@pytest.mark.parametrize("scale", [1e-2, 1.0, 1e4])
@pytest.mark.parametrize("budget", [0.25, 0.5, 1.0, 3.0])
def test_the_peak_is_below_the_edge_of_stability_whatever_the_scale(scale, budget):
    def bowl(schedule):
        x = 1.0
        for step in range(schedule.total):
            yield 0.5 * scale * x * x
            x -= schedule(step) * scale * x

    peak = tune(bowl, total=600, budget=budget)
    assert 0.005 / scale < peak.lr < 2 / scale
    assert peak.edge is None or peak.edge > 1.9 / scale


def regret(task, lr, total=600):
    """Return the regret against a fine grid, on the validation loss of full runs under three seeds."""
    grid = np.geomspace(1e-3, 2.0, 34)
    curve = sweep(task, [*grid, lr], total=total, seeds=3)
    losses = curve.by_rate()
    best = min(losses.values())
    return (losses[lr] - best) / (curve.start_loss - best)


@pytest.mark.parametrize(("budget", "worst"), [(0.25, 0.05), (0.5, 0.02), (1.0, 0.015), (3.0, 0.007)])
def test_regret_on_a_noisy_bowl(bowls, budget, worst):
    verb = find if budget <= 0.25 else tune
    peak = verb(bowls.noisy_bowl, total=600, budget=budget)
    assert regret(bowls.noisy_bowl, peak.lr) <= worst
    assert peak.curve.validated
    assert "judged by validation loss" in peak.why


def test_more_budget_gives_more_confidence(bowls):
    sure = [tune(bowls.noisy_bowl, total=600, budget=budget).confidence for budget in (0.1, 0.5, 3.0)]
    assert sure == sorted(sure)
    assert 0 < sure[0] < sure[-1] <= 0.95


def test_training_loss_is_said_to_be_the_judge(bowls):
    assert "judged by training loss (the task gives no val_loss)" in tune(bowls.bowl, total=300).why


@pytest.mark.parametrize("verb", VERBS)
def test_the_same_question_has_the_same_answer(bowls, verb):
    first, again = verb(bowls.unseeded, total=300), verb(bowls.unseeded, total=300)
    assert (first.lr, first.why) == (again.lr, again.why)
    assert [t.loss for t in first.curve.trials] == [t.loss for t in again.curve.trials]


def test_a_range_test_is_all_there_is_without_a_total(bowls):
    peak = find(bowls.bowl)
    assert peak.lr < 0.5 < peak.edge
    assert peak.confidence <= 0.2
    assert (peak.cost_steps <= 100, peak.curve.trials) == (True, ())
    assert "a range test alone" in peak.why


@pytest.mark.parametrize(("low", "high"), [(1e-4, 1e-2), (1e-3, None), (None, 1e-3), (0.02, 0.03)])
@pytest.mark.parametrize("budget", [0.25, 0.5, 1.0])
def test_rates_stay_within_the_bounds(bowls, low, high, budget):
    peak = tune(bowls.bowl, total=600, budget=budget, low=low, high=high)
    tried = [trial.lr for trial in peak.curve.trials] + [peak.lr]
    assert min(tried) >= (low or 0) * (1 - 1e-9)
    assert max(tried) <= (high or math.inf) * (1 + 1e-9)


def never_falls(schedule):
    for step in range(schedule.total):
        yield 1.0 + 0 * schedule(step)


def pure_noise(schedule, seed):
    rng = np.random.default_rng(seed)
    for _ in range(schedule.total):
        yield 1.0 + float(rng.standard_normal())


def rises(schedule):
    x = 1.0
    for step in range(schedule.total):
        x += schedule(step)
        yield x


@pytest.mark.parametrize("task", [never_falls, pure_noise, rises])
@pytest.mark.parametrize("budget", [0.25, 0.5, 1.0, 3.0])
def test_no_answer_where_the_loss_never_fell(task, budget):
    peak = tune(task, total=600, budget=budget)
    assert (peak.lr, peak.low, peak.high, peak.confidence) == (None, None, None, 0.0)
    assert "the loss never fell" in peak.why


def uneven(schedule):
    """Batches in turn whose losses differ far more than training changes them at first."""
    x = 1.0
    for step in range(schedule.total):
        scale = (5.7, 11.8, 13.8, 11.9)[step % 4]
        yield scale * x * x
        x -= schedule(step) * 2.0 * x


@pytest.mark.parametrize("total", [200, 400, 1000])
@pytest.mark.parametrize("budget", [0.25, 0.5, 1.0])
def test_batches_that_differ_much_hide_no_fall(total, budget):
    peak = tune(uneven, total=total, budget=budget)
    assert peak.lr is not None, peak.why
    assert 1e-3 < peak.lr < 1.0


def ignores(schedule):
    for step in range(schedule.total):
        yield 1 / (1 + 0.01 * step)


@pytest.mark.parametrize("budget", [0.25, 0.5, 1.0, 3.0])
def test_no_answer_where_the_task_ignores_its_schedule(budget):
    peak = tune(ignores, total=600, budget=budget)
    assert peak.lr is None
    assert peak.why == "the loss does not depend on the rate: apply schedule(step) in the task."


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("made", [lambda: iter([1 / (1 + k) for k in range(10_000)]), lambda: ignores(bare())])
def test_a_run_that_is_not_fresh_is_refused(verb, made):
    shared = made()
    with pytest.raises(TaskError, match="make a fresh run on every call"):
        verb(lambda _schedule: shared, total=600)


def bare():
    return Schedule(1.0, (hold(10_000),))


def test_no_answer_where_everything_diverges():
    def task(_schedule):
        yield 1.0
        while True:
            yield math.nan

    peak = tune(task, total=600)
    assert peak.lr is None
    assert "every run diverged" in peak.why


@pytest.mark.parametrize("offset", [-50.0, 1000.0])
def test_a_loss_that_is_not_near_zero(offset):
    def task(schedule):
        x = 1.0
        for step in range(schedule.total):
            yield offset + x * x
            x -= schedule(step) * 2 * x

    assert 1e-3 < tune(task, total=600).lr < 1.0


def test_rates_that_raise_are_rates_that_are_too_high():
    def task(schedule):
        x = 1.0
        for step in range(schedule.total):
            x -= schedule(step) * 4 * x
            if abs(x) > 1e3:
                raise OverflowError("math range error")
            yield x * x

    assert 1e-3 < tune(task, total=600, budget=1.0).lr < 0.5


def test_a_budget_that_allows_nothing_says_how_much_would():
    peak = tune(rises, total=50, budget=0.05)
    assert peak.lr is None
    assert peak.why == "a budget of 2 updates allows no trial: give at least 9 (budget=0.18 for total=50)."


def test_complete_runs_use_the_recipe(bowls):
    seen = []

    def recipe(peak, total):
        seen.append((peak, total))
        return Schedule(peak, (hold(total),))

    peak = tune(bowls.noisy_bowl, total=400, budget=3.0, recipe=recipe)
    runs = [trial for trial in peak.curve.trials if "run T/" in trial.stage]
    assert len(runs) == 3
    assert {(trial.lr, trial.total) for trial in runs} <= set(seen)


def test_a_recipe_that_holds_its_peak_gets_a_lower_one(bowls):
    held = tune(bowls.noisy_bowl, total=400, recipe=lambda peak, total: Schedule(peak, (hold(total),)))
    usual = tune(bowls.noisy_bowl, total=400)
    assert held.lr < usual.lr
    assert "mean rate" in held.why


def test_a_task_that_raises_is_chained():
    def task(schedule):
        raise KeyError("data")
        yield schedule(0)

    with pytest.raises(TaskError, match="raised KeyError") as error:
        tune(task, total=100)
    assert isinstance(error.value.__cause__, KeyError)


BAD = [
    ({"total": 0}, "total=0 must be an int >= 1"),
    ({"total": 100.0}, "total=100.0 must be an int >= 1"),
    ({"total": 100, "budget": 0}, "budget=0 must be a number > 0"),
    ({"total": 100, "budget": math.nan}, "budget=nan must be a number > 0"),
    ({"total": 100, "low": -1}, "low=-1 must be a finite rate > 0"),
    ({"total": 100, "low": 1.0, "high": 0.1}, "low=1.0 must be below high=0.1"),
    ({"total": 100, "seed": -1}, "seed=-1 must be an int >= 0"),
    ({"total": 100, "knobs": {"width": 3}}, "names 'width', which bowl does not take"),
    ({"total": 100, "recipe": 3}, "recipe=3 must be a function"),
    ({"total": 100, "recipe": lambda peak, _total: peak}, "it must return a Schedule"),
]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(("arguments", "sentence"), BAD)
def test_bad_arguments_are_named(bowls, verb, arguments, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        verb(bowls.bowl, **arguments)


def test_a_sweep_is_its_trials(bowls):
    curve = sweep(bowls.bowl, [0.01, 0.1, 0.45, 1.0, 2.0], total=200)
    assert [trial.status for trial in curve.trials] == ["done", "done", "done", "diverged", "diverged"]
    assert curve.edge == 1.0
    assert curve.start_loss == 2.0
    assert Curve.from_json(curve.to_json()) == curve


@pytest.mark.parametrize(("seeds", "which"), [(2, [0, 1]), ([7, 3], [7, 3])])
def test_a_sweep_over_seeds(bowls, seeds, which):
    curve = sweep(bowls.noisy_bowl, [0.01, 0.1], total=50, seeds=seeds)
    assert [(trial.lr, trial.seed) for trial in curve.trials] == [(lr, seed) for seed in which for lr in (0.01, 0.1)]
    assert len({trial.loss for trial in curve.trials}) == 4


@pytest.mark.parametrize(("lrs", "sentence"), [([], "is empty"), ([0.1, -1], "lrs=-1"), ([math.nan], "lrs=nan")])
def test_a_sweep_of_bad_rates(bowls, lrs, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        sweep(bowls.bowl, lrs, total=10)


@pytest.mark.parametrize("verb", [find, tune, sweep])
def test_the_contract_of_names(verb):
    names = set(inspect.signature(verb).parameters)
    assert {"task", "total", "journal", "executor", "recipe", "knobs", "progress"} <= names
