from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.chart.curves import curve_chart
from surefoot.chart.thinning import binned, thinned
from surefoot.curve import Curve
from surefoot.trial import Trial


@given(st.integers(0, 99), st.integers(601, 5000), st.floats(1e-9, 1.0))
def test_few_points_keep_the_lowest_the_highest_and_both_ends(seed, count, low):
    rng = np.random.default_rng(seed)
    x = np.exp(rng.uniform(np.log(low), 1.0, count))
    y = rng.standard_normal(count)
    few_x, few_y = thinned(x, y)
    assert len(few_x) < 700
    assert (few_y.min(), few_y.max()) == (y.min(), y.max())
    assert set(zip(few_x.tolist(), few_y.tolist(), strict=True)) <= set(zip(x.tolist(), y.tolist(), strict=True))
    assert (np.diff(few_x) >= 0).all()


def test_up_to_600_points_are_all_drawn():
    x = np.geomspace(1, 2, 600)[::-1]
    assert thinned(x, x)[0].tolist() == x[::-1].tolist()
    assert thinned(np.ones(9), np.zeros(9))[0].tolist() == [1.0] * 9


def test_many_rates_are_averaged_over_neighbours():
    x = np.geomspace(1e-4, 1.0, 10_000)
    rates, means = binned(x, np.log(x), 100)
    assert len(rates) == 100
    assert means == pytest.approx(np.log(rates))
    assert np.isnan(binned(x, np.where(x > 0.5, np.nan, 1.0), 100)[1][-1])
    assert np.isfinite(binned(x, np.where(x > 0.5, np.nan, 1.0), 100)[1][0])


def test_a_curve_of_many_trials_has_a_small_picture():
    rng = np.random.default_rng(0)
    rates = 10 ** rng.uniform(-4, 0, 20_000)
    trials = tuple(
        Trial(float(lr), 0, 9, 9, float(loss), stage="sweep", status="diverged" if lr > 0.5 else "done")
        for lr, loss in zip(rates, rng.random(20_000), strict=True)
    )
    chart = curve_chart(Curve(trials, 2.0))
    assert sum(len(series.x) for series in chart.series) < 2000
    assert len(Curve(trials, 2.0)._repr_html_()) < 300_000
