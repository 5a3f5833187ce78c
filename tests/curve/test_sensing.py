from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import surefoot as sf
from surefoot.curve import Curve, Trial, sensitivity
from surefoot.errors import ArgumentError


def curve(losses, start=3.0, low=-3.0, high=-1.0):
    rates = np.logspace(low, high, len(losses))
    trials = tuple(
        Trial(float(lr), 0, 9, 9, loss, "done" if math.isfinite(loss) else "diverged")
        for lr, loss in zip(rates, losses, strict=True)
    )
    return Curve(trials, start)


@given(st.lists(st.floats(0.1, 9.0), min_size=2, max_size=12))
def test_sensitivity_is_the_mean_over_the_logarithm_of_the_rate(losses):
    found = sensitivity(curve(losses), 1e-4, 1.0)
    fine = np.interp(np.linspace(0, 1, 200_001), np.linspace(0, 1, len(losses)), np.minimum(losses, 3.0))
    assert found == pytest.approx(float(np.mean(fine)) - min(*losses, 3.0), abs=1e-4)


def test_the_window_is_three_decades_about_the_best():
    losses = [2.0] * 61
    losses[30] = 1.0
    wide = curve(losses, low=-6.0, high=0.0)
    assert sensitivity(wide) == sensitivity(wide, 10**-4.5001, 10**-1.4999)
    assert sensitivity(wide) < sensitivity(wide, 1e-6, 1.0)


def test_a_sweep_that_ends_inside_the_window_is_read_as_far_as_it_goes():
    assert sensitivity(curve([1.0, 2.0, 2.0], high=-2.0)) == sensitivity(curve([1.0, 2.0, 2.0], high=-2.0), 1e-9, 1e9)


def test_a_run_that_failed_counts_as_the_loss_at_initialisation():
    assert sensitivity(curve([1.0, math.inf], high=-2.0)) == pytest.approx(1.0)
    assert sensitivity(curve([1.0, 9.0], high=-2.0)) == pytest.approx(1.0)
    assert sensitivity(curve([1.0, 1.0, 1.0])) == 0.0


def test_only_the_rates_of_the_window_count():
    assert sensitivity(curve([1.0, 1.0, 2.9, 2.9]), low=1e-3, high=10 ** (-3 + 2 / 3 + 0.01)) == 0.0


@pytest.mark.parametrize("found", [Curve(), curve([1.0]), curve([1.0, 2.0], math.nan), curve([math.inf, math.inf])])
def test_a_sweep_that_shows_nothing_has_no_sensitivity(found):
    assert sensitivity(found) is None
    assert found.sensitivity() is None


def test_the_function_and_the_method_are_one():
    found = curve([1.0, 2.0, 1.5])
    assert sf.sensitivity(found, 1e-3, 1e-1) == found.sensitivity(1e-3, 1e-1)


def test_a_window_without_width_is_named():
    with pytest.raises(ArgumentError, match=r"low=0.1 must be below high=0.1"):
        sensitivity(curve([1.0, 2.0]), 0.1, 0.1)
