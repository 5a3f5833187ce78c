import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.search.rungs import (
    DESIGNS,
    SHORTEST,
    VALIDATION,
    default_recipe,
    design,
    length,
    probe,
    warms,
)
from surefoot.search.rungs import test_length as first_test

totals = st.integers(1, 100_000)


@given(totals, st.floats(0.01, 10))
def test_the_rungs_that_are_chosen_fit(total, budget):
    updates = int(budget * total)
    rungs = design(budget, updates, total)
    left = updates - (first_test(updates, total) + VALIDATION if rungs else 0)
    for k, rung in enumerate(rungs):
        steps = length(rungs[k:], left, total)
        assert SHORTEST - 1 <= steps <= total
        left -= rung.count * (steps + VALIDATION)
    assert left >= 0 or not rungs


def test_more_budget_never_gives_a_shorter_last_rung():
    longest = [max((rung.fraction for rung in rungs), default=0.0) for _, rungs in sorted(DESIGNS, key=lambda d: d[0])]
    assert longest[2:] == sorted(longest[2:])


@given(st.integers(1, 5000), st.sampled_from([probe, default_recipe]))
def test_a_trial_has_the_length_and_the_peak_asked_for(total, make):
    schedule = make(0.3, total)
    rates = schedule.array()
    assert schedule.total == len(rates) == total
    assert rates.max() == pytest.approx(0.3)
    assert (np.diff(rates[int(rates.argmax()) :]) <= 1e-12).all()


@given(st.integers(50, 5000))
def test_the_mean_rates_are_nine_tenths_and_a_half(total):
    assert probe(1.0, total).array().mean() == pytest.approx(0.9, abs=0.02)
    assert default_recipe(1.0, total).array().mean() == pytest.approx(0.5, abs=0.02)


@given(st.integers(20, 5000))
def test_a_warm_probe_rises_over_its_first_fifth(total):
    rates = probe(1.0, total, warm=True).array()
    assert (len(rates), rates[0], rates.max()) == (total, 0.0, 1.0)
    assert rates.mean() == pytest.approx(0.8, abs=0.03)


def test_which_recipes_warm_up():
    assert warms(default_recipe, 1000)
    assert not warms(lambda peak, total: probe(peak, total), 1000)
