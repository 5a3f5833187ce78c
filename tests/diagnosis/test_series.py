import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.diagnosis.blocks import CAP
from surefoot.diagnosis.series import HEAD, TAIL, Series


def values(length, seed):
    rng = np.random.default_rng(seed)
    made = rng.standard_normal(length) * 10.0 ** rng.integers(-3, 3, length)
    made[rng.random(length) < 0.05] = np.nan
    return made


def fed(value, cuts):
    rows = np.arange(len(value), dtype=float)
    series = Series()
    for part in np.split(rows.astype(int), sorted(cuts)):
        series = series.extended(2 * rows[part], rows[part], value[part])
    return series


def same(one, other):
    flat = [one.points, one.finite, one.blocks], [other.points, other.finite, other.blocks]
    for a, b in zip(*flat, strict=True):
        assert all(np.array_equal(column, vars(b)[name], equal_nan=True) for name, column in vars(a).items())
    for name in ("step", "row", "value"):
        assert np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True)
    for name in ("head", "tail"):
        for a, b in zip(getattr(one, name), getattr(other, name), strict=True):
            assert np.array_equal(a, b, equal_nan=True)
    for name in ("width", "length", "bad", "first_bad", "last_bad", "last_good"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), nan_ok=True, rel=0, abs=0)


@settings(max_examples=40)
@given(st.integers(0, 12_000), st.integers(0, 99), st.lists(st.integers(0, 12_000), max_size=12))
def test_any_chunks_make_the_same_series_to_the_bit(length, seed, cuts):
    value = values(length, seed)
    same(fed(value, [min(cut, length) for cut in cuts]), fed(value, []))


@given(st.integers(0, 99))
def test_value_by_value_is_the_same_as_at_once(seed):
    value = values(200, seed)
    same(fed(value, range(1, 200)), fed(value, []))


def test_value_by_value_is_the_same_beyond_the_cap():
    value = values(2 * CAP + 77, 5)
    same(fed(value, range(1, len(value))), fed(value, []))


@settings(max_examples=20)
@given(st.integers(0, 30_000), st.integers(1, 5000))
def test_memory_does_not_grow_with_the_rows(length, chunk):
    series = fed(values(length, 0), range(chunk, length, chunk))
    held = [*vars(series.blocks).values(), series.step, series.row, series.value, *series.head, *series.tail]
    assert sum(len(column) for column in held) <= 10 * CAP + 3 * series.width + 2 * (HEAD + TAIL)
    assert len(series.value) < series.width
    # A view would keep the chunk that it was cut from.
    assert all(column.base is None or column.base.nbytes <= 8 * (CAP + HEAD + TAIL) for column in held[10:13])


@given(st.integers(0, 600), st.integers(0, 99))
def test_what_is_counted_is_what_a_loop_counts(length, seed):
    value = values(length, seed)
    series = fed(value, [length // 3])
    bad = [2 * k for k in range(length) if not np.isfinite(value[k])]
    good = [2 * k for k in range(length) if np.isfinite(value[k])]
    assert (series.length, series.bad) == (length, len(bad))
    ends = (series.first_bad, series.last_bad, series.last_good)
    expected = (bad[0] if bad else np.nan, bad[-1] if bad else np.nan, good[-1] if good else np.nan)
    assert ends == pytest.approx(expected, nan_ok=True)
    assert np.array_equal(series.head[1], value[:HEAD], equal_nan=True)
    assert np.array_equal(series.tail[1], value[-TAIL:] if length else [], equal_nan=True)
    assert (series.finite.count > 0).all()
    assert series.finite.count.sum() == len(good)


def test_a_short_series_is_kept_value_by_value():
    value = values(CAP - 1, 1)
    series = fed(value, [])
    assert series.width == 1
    assert np.array_equal(series.points.mean, value, equal_nan=True)


def test_nothing_more_is_the_same_series():
    series = fed(values(10, 0), [])
    assert series.extended(*(np.zeros(0) for _ in range(3))) is series
