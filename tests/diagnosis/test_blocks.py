import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.diagnosis.blocks import CAP, NONE, appended, joined, leaves, reduced
from surefoot.diagnosis.series import Series

VALUES = st.lists(
    st.floats(-1e6, 1e6) | st.sampled_from([np.nan, np.inf, -np.inf, 1e101]), min_size=1, max_size=64
).map(np.array)


def one_by_one(value):
    """The naive twin of a block over all of ``value``."""
    good = [x for x in value if abs(x) <= 1e100]
    pairs = [(a, b) for a, b in zip(value[::2], value[1::2], strict=False) if abs(a) <= 1e100 and abs(b) <= 1e100]
    return {
        "count": len(good),
        "bad": len(value) - len(good),
        "low": min(good, default=np.inf),
        "high": max(good, default=-np.inf),
        "total": sum(good),
        "pairs": len(pairs),
        "rough": sum(abs(a - b) for a, b in pairs),
    }


def blocks_of(value, width):
    steps = np.arange(len(value), dtype=float)
    return reduced(leaves(10 * steps, steps, np.asarray(value, dtype=float)), width)


@given(VALUES, st.sampled_from([1, 2, 4, 8]))
def test_each_block_says_of_its_values_what_a_loop_says(values, width):
    values = np.resize(values, (len(values) + width - 1) // width * width)
    blocks = blocks_of(values, width)
    assert len(blocks) == len(values) // width
    for k in range(len(blocks)):
        part = values[k * width : (k + 1) * width]
        expected = one_by_one(part) if width > 1 else one_by_one(part) | {"pairs": 0, "rough": 0}
        for name, number in expected.items():
            assert getattr(blocks, name)[k] == pytest.approx(number, rel=1e-9, abs=1e-6), name
        assert blocks.step[k] == 10 * k * width
        assert blocks.end[k] == 10 * ((k + 1) * width - 1)
        assert blocks.row[k] == k * width


@given(VALUES)
def test_joining_twice_is_reducing_to_four(values):
    values = np.resize(values, 4 * len(values))
    twice, once = joined(joined(blocks_of(values, 1))), blocks_of(values, 4)
    for name, column in vars(once).items():
        assert np.array_equal(getattr(twice, name), column), name


def test_the_mean_is_of_the_finite_values_alone():
    blocks = blocks_of([1.0, np.nan, 3.0, np.inf, np.nan, np.nan, np.nan, np.nan], 4)
    assert blocks.mean[0] == 2.0
    assert np.isnan(blocks.mean[1])


def test_nothing_before_blocks_changes_nothing():
    blocks = blocks_of([1.0, 2.0], 1)
    assert appended(NONE, blocks) is blocks
    assert appended(blocks, blocks).total.tolist() == [1.0, 2.0, 1.0, 2.0]


@settings(max_examples=15)
@given(st.integers(1, 40_000), st.integers(0, 99))
def test_there_are_never_more_than_the_cap_whatever_the_length(length, seed):
    value = np.random.default_rng(seed).standard_normal(length)
    rows = np.arange(length, dtype=float)
    series = Series().extended(rows, rows, value)
    assert len(series.blocks) < CAP
    assert len(series.points) <= CAP
    assert series.width == 1 or len(series.blocks) >= CAP // 2
    assert series.points.count.sum() == length
    assert series.points.total.sum() == pytest.approx(value.sum(), abs=1e-6)
    assert np.array_equal(series.points.row, np.arange(len(series.points)) * series.width)
