import itertools
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.diagnosis.robust import SIGMA, centred_median, noise, scale, slope, trailing_median

COLUMNS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40).map(np.array)


@given(COLUMNS)
def test_the_scale_is_that_of_the_definition(values):
    middle = statistics.median(values)
    expected = SIGMA * statistics.median(abs(x - middle) for x in values) if len(values) > 1 else 0.0
    assert scale(values) == pytest.approx(expected)


@given(COLUMNS)
def test_the_noise_is_that_of_the_definition(values):
    apart = [abs(b - a) for a, b in itertools.pairwise(values)]
    bent = [abs(a - 2 * b + c) for a, b, c in zip(values, values[1:], values[2:], strict=False)]
    expected = SIGMA * statistics.median(apart) / 2**0.5 if len(values) > 2 else 0.0
    if len(values) > 4:
        expected = min(expected, SIGMA * statistics.median(bent) / 6**0.5)
    assert noise(values) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_both_estimate_the_deviation_of_normal_noise_also_with_a_few_wild_values():
    values = 3.0 + 0.5 * np.random.default_rng(0).standard_normal(20_000)
    values[::200] = 1e9
    assert scale(values) == pytest.approx(0.5, rel=0.05)
    assert noise(values) == pytest.approx(0.5, rel=0.05)


def test_the_noise_is_blind_to_a_slow_trend_and_the_scale_is_not():
    values = np.linspace(0, 100, 5000) + np.random.default_rng(0).standard_normal(5000)
    assert noise(values) == pytest.approx(1.0, rel=0.1)
    assert scale(values) > 20


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(-1e3, 1e3)), min_size=1, max_size=25))
def test_the_slope_is_the_median_of_all_pairs(points):
    points = sorted(points)
    steep = [(d - b) / (c - a) for (a, b), (c, d) in itertools.combinations(points, 2) if c > a]
    x, y = (np.array(column, dtype=float) for column in zip(*points, strict=True))
    assert slope(x, y) == pytest.approx(statistics.median(steep) if steep else 0.0, abs=1e-9)


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.integers(300, 1000))
def test_a_long_line_has_its_own_slope(a, b, count):
    x = np.arange(count, dtype=float)
    assert slope(x, a * x + b) == pytest.approx(a, abs=1e-6)


@given(COLUMNS, st.integers(0, 50))
def test_the_trailing_median_looks_back_only(values, window):
    found = trailing_median(values, window)
    width = max(1, min(window, len(values)))
    expected = [statistics.median(values[max(0, k + 1 - width) : k + 1]) for k in range(len(values))]
    assert found.tolist() == pytest.approx(expected)


@given(COLUMNS, st.integers(0, 20))
def test_the_centred_median_looks_both_ways(values, half):
    found = centred_median(values, 2 * half + 1)
    h = min(half, (len(values) - 1) // 2)
    expected = [statistics.median(values[max(0, k - h) : k + h + 1]) for k in range(len(values))]
    assert found.tolist() == pytest.approx(expected)
