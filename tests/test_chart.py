from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.chart.data import Axis, Series
from surefoot.chart.numbers import count_text, linear_ticks, log_ticks, rate_text, spread
from surefoot.errors import ArgumentError

positive = st.floats(1e-9, 1e6)


@given(st.floats(-1e6, 1e6), st.floats(1e-2, 1e6), st.integers(2, 10))
def test_linear_ticks_lie_inside_evenly_and_are_about_as_many_as_asked(low, width, about):
    high = low + width
    ticks = linear_ticks(low, high, about)
    assert 1 <= len(ticks) <= 2 * about + 1
    assert all(low - width * 1e-6 <= t <= high + width * 1e-6 for t in ticks)
    if len(ticks) > 2:
        gaps = np.diff(ticks)
        assert gaps.min() == pytest.approx(gaps.max(), rel=1e-3)


@given(positive, st.floats(1.5, 1e9), st.integers(3, 8))
def test_log_ticks_lie_inside_rise_and_stay_few(low, ratio, about):
    ticks = log_ticks(low, low * ratio, about)
    assert all(low * (1 - 1e-6) <= t <= low * ratio * (1 + 1e-6) for t in ticks)
    assert list(ticks) == sorted(set(ticks))
    assert len(ticks) <= 2 * about + 1


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1e-4, 1e-1, (1e-4, 1e-3, 1e-2, 1e-1)),
        (1e-3, 1e-2, (1e-3, 2e-3, 5e-3, 1e-2)),
        (1e-9, 1e3, (1e-9, 1e-6, 1e-3, 1.0, 1e3)),
    ],
)
def test_log_ticks_are_the_decimals_people_write(low, high, expected):
    ticks = log_ticks(low, high)
    assert ticks == expected


def test_ticks_hold_no_binary_dust():
    assert linear_ticks(0.0, 0.5) == (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)


@given(positive, st.floats(1.01, 1e6), st.floats(0, 1))
def test_a_log_axis_places_by_ratio(low, ratio, share):
    axis = Axis("rate", low, low * ratio, log=True)
    assert axis.at(low * ratio**share) == pytest.approx(share, abs=1e-6)
    assert math.isnan(axis.at(0.0))
    assert math.isnan(axis.at(math.nan))


@pytest.mark.parametrize(
    ("low", "high", "log"), [(1, 1, False), (2, 1, False), (math.nan, 1, False), (0, 1, True), (-1, 1, True)]
)
def test_an_axis_without_a_range_is_refused(low, high, log):
    with pytest.raises(ArgumentError, match="axis 'x': low="):
        Axis("x", low, high, log)


def test_a_gap_splits_a_series_into_runs():
    series = Series("line", (0.0, 1.0, 2.0, 3.0), (5.0, math.nan, 7.0, 8.0))
    assert series.runs() == (((0.0, 5.0),), ((2.0, 7.0), (3.0, 8.0)))


def test_a_series_of_two_lengths_is_refused():
    with pytest.raises(ArgumentError, match="one length"):
        Series("line", (0.0, 1.0), (0.0,))


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=8), st.booleans())
def test_a_spread_is_a_valid_axis_that_holds_what_it_was_given(values, log):
    low, high = spread(values, log=log)
    if math.isfinite(high / max(low, 1e-300)):
        Axis("x", low, high, log)
    assert all(low <= v <= high for v in values if math.isfinite(v) and (v > 0 or not log))


@given(st.floats(1e-12, 1e6))
def test_a_rate_is_written_to_three_digits(value):
    assert float(rate_text(value)) == pytest.approx(value, rel=5.1e-3)


@pytest.mark.parametrize(("value", "text"), [(9999, "9999"), (10_000, "10k"), (1_234_567, "1.23M"), (2e9, "2G")])
def test_counts_are_short(value, text):
    assert count_text(value) == text
