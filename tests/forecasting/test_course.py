"""Courses and their sums: what a law is told of the rates."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import surefoot as sf
from surefoot.forecasting.course import Course, sums, thinned

rates = st.lists(st.floats(0.01, 1.0), min_size=2, max_size=40)


def test_the_warmup_never_gets_into_the_falls():
    warm = Course.of(np.concatenate((np.arange(100) / 100, np.ones(200), np.linspace(1, 0.1, 100))))
    cold = Course.of(np.concatenate((np.ones(200), np.linspace(1, 0.1, 100))))
    assert sums(warm, np.array([400])).mass.sum() == pytest.approx(sums(cold, np.array([300])).mass.sum())
    assert sums(warm, np.array([400]), warmed=True).mass.sum() == pytest.approx(0.9 - 1.0, abs=0.02)


def test_updates_without_a_rate_are_not_counted():
    plan = np.concatenate((np.ones(100), np.linspace(1, 0.02, 50)))
    short, long = Course.of(plan), Course.of(np.append(plan, np.zeros(500)))
    assert long.idle_end == 500
    assert long.active[-1] == short.active[-1]
    assert long.area[-1] == short.area[-1]
    one, other = sums(short, np.array([150])), sums(long, np.array([650]))
    np.testing.assert_array_equal(one.count, other.count)
    np.testing.assert_array_equal(one.since, other.since)


@given(rates)
def test_every_fall_is_in_some_block(values):
    course = Course.of(values)
    found = sums(course, np.array([len(values)]))
    falls = -np.diff(course.shares)
    first = np.flatnonzero(falls > 0)
    assert found.mass.sum() == pytest.approx(falls[first[0] :].sum() if len(first) else 0.0, abs=1e-12)


@given(rates)
def test_counts_and_sums_since_a_fall_only_grow(values):
    course = Course.of(values)
    found = sums(course, np.arange(1, len(values) + 1))
    assert (np.diff(found.count, axis=0) >= -1e-12).all()
    assert (np.diff(found.since, axis=0) >= -1e-12).all()
    assert found.since.max(initial=0.0) <= course.area[-1] + 1e-9


def test_few_blocks_are_as_good_as_one_a_fall():
    course = Course.of(sf.cosine(1e-3, total=5000, warmup=100).array())
    steps = thinned(200, 5000, 20)
    few, all_ = sums(course, steps, blocks=128), sums(course, steps, blocks=None)

    def decayed(found):
        return (1 - (1 + 0.1 * np.exp(-0.64 * found.level) * found.since) ** -0.6) @ found.mass

    assert len(few.mass) < 200 < len(all_.mass)
    np.testing.assert_allclose(decayed(few), decayed(all_), atol=1e-3)


def test_a_step_down_is_exact_in_few_blocks():
    course = Course.of([1.0] * 500 + [0.3] * 500)
    found = sums(course, np.array([400, 500, 501, 1000]), blocks=4)
    assert found.mass.tolist() == pytest.approx([0.7])
    assert found.count[:, 0] == pytest.approx([0, 0, 1, 500])
    assert found.since[:, 0] == pytest.approx([0, 0, 0.3, 150])


def test_where_a_warmup_ends_and_whether_a_rate_falls():
    assert Course.of(sf.wsd(1e-3, total=1000, warmup=100).array()).warm == 100
    assert Course.of(sf.wsd(1e-3, total=1000).array()).falls
    assert not Course.of(sf.constant(1e-3, total=1000, warmup=100).array()).falls


def test_a_million_updates_are_no_trouble():
    course = Course.of(sf.cosine(1e-3, total=1_000_000, warmup=2000).array())
    found = sums(course, thinned(1000, 1_000_000, 50))
    assert found.count.shape[0] == 50
    assert found.count.shape[1] < 1000


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [1.0, -1.0], [np.nan], [[1.0]]])
def test_what_is_no_course_is_refused(values):
    with pytest.raises(sf.ArgumentError, match=r"^rates "):
        Course.of(values)
