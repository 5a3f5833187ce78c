from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student_law

from surefoot.curve import Curve, Trial
from surefoot.curve.band import student
from surefoot.errors import ArgumentError


@given(st.floats(0.01, 0.999), st.integers(1, 400))
def test_student_s_quantile_is_scipy_s(level, freedom):
    assert student(level, freedom) == pytest.approx(student_law.ppf(0.5 + level / 2, freedom), rel=1e-5)


def swept(losses, start=3.0):
    """One row a rate, one column a seed."""
    return Curve(
        tuple(
            Trial(2.0**k, seed, 9, 9, loss, "done" if math.isfinite(loss) else "diverged")
            for k, row in enumerate(losses)
            for seed, loss in enumerate(row)
        ),
        start,
    )


@given(st.lists(st.lists(st.floats(-9, 9), min_size=3, max_size=3), min_size=1, max_size=5))
def test_a_band_is_mean_and_student_s_interval(losses):
    band = swept(losses).band(0.8)
    assert band.lrs == tuple(2.0**k for k in range(len(losses)))
    assert band.counts == (3,) * len(losses)
    assert band.means == pytest.approx(np.mean(losses, 1), abs=1e-12)
    assert band.errors == pytest.approx(np.std(losses, 1, ddof=1) / math.sqrt(3), abs=1e-7)
    reach = student_law.ppf(0.9, 2) * np.array(band.errors)
    assert band.lows == pytest.approx(np.array(band.means) - reach, abs=1e-7)
    assert band.highs == pytest.approx(np.array(band.means) + reach, abs=1e-7)


def test_a_single_seed_has_no_interval_and_a_failed_one_no_finite_mean():
    band = swept([[1.0], [2.0]]).band()
    assert band.means == (1.0, 2.0)
    assert all(map(math.isnan, (*band.errors, *band.lows, *band.highs)))
    failed = swept([[1.0, math.inf], [1.0, 2.0]]).band()
    assert failed.means == (math.inf, 1.5)
    assert math.isnan(failed.errors[0])
    assert failed.errors[1] == pytest.approx(0.5)


def test_pairs_take_out_what_a_seed_adds_to_all_rates():
    rates, seeds = np.array([1.0, 0.5, 0.7]), np.array([0.0, 2.0, -2.0])
    band = swept((rates[:, None] + seeds).tolist()).band(paired=True)
    assert band.errors == pytest.approx((0, 0, 0), abs=1e-9)
    assert band.means == pytest.approx(rates)
    table = [[*row] for row in rates[:, None] + seeds]
    table[0][1] = math.inf
    assert swept(table).band(paired=True).errors[1:] == pytest.approx((0, 0), abs=1e-9)


def test_a_band_of_another_length_and_of_nothing():
    curve = Curve((Trial(0.1, 0, 5, 5, 1.0), Trial(0.1, 1, 5, 5, 2.0), Trial(0.2, 0, 9, 9, 1.0)))
    assert curve.band().lrs == (0.2,)
    assert curve.band(total=5).means == (1.5,)
    assert Curve().band().lrs == ()


@pytest.mark.parametrize("level", [0.0, 1.0, 2.0])
def test_a_level_that_is_no_probability_is_named(level):
    with pytest.raises(ArgumentError, match=f"level={level}"):
        Curve().band(level)
