"""The multi-power law: its check values, the sum written out, and its faults handled."""

from dataclasses import replace

import numpy as np
import pytest
from tests.forecasting.naive import TRUE, multipower

import surefoot as sf
from surefoot.forecasting.course import Course, sums
from surefoot.forecasting.multipower import MULTIPOWER, PUBLISHED, MultiPower

SMALL = PUBLISHED["25M"]
# Without the warmup in its sum the law has another L0: higher by B times the peak.
EFFECTIVE = replace(SMALL, loss_zero=SMALL.loss_zero + SMALL.b * 3e-4)


def test_the_check_value_of_a_constant_rate():
    assert EFFECTIVE.loss(Course.of([3e-4] * 24_000), np.array([24_000]))[0] == pytest.approx(3.342115, abs=1e-6)


def test_the_check_value_of_two_stages():
    course = Course.of([3e-4] * 16_000 + [9e-5] * 8_000)
    assert EFFECTIVE.loss(course, np.array([24_000]))[0] == pytest.approx(3.295396, abs=1e-6)


@pytest.mark.parametrize(("size", "low"), [("25M", 0.109), ("100M", 0.131), ("400M", 0.157)])
def test_the_published_constants_are_low_by_what_the_warmup_leaks(size, low):
    law = PUBLISHED[size]
    assert law.b * 3e-4 == pytest.approx(low, abs=5e-4)
    course = Course.of(sf.constant(3e-4, total=24_000, warmup=2160).array())
    leaked = law.loss(course, np.array([24_000]), warmed=True) - law.loss(course, np.array([24_000]))
    assert leaked[0] == pytest.approx(low, rel=0.02)


@pytest.mark.parametrize("shape", ["linear", "cosine", "1-sqrt", "exponential"])
def test_the_law_is_the_sum_written_out(shape):
    plan = sf.Schedule(1e-3, (sf.ramp(0, 1, 30), sf.hold(100), sf.ramp(1, 0.05, 200, shape)))
    course, rates = Course.of(plan.array()), plan.array()
    for step in (40, 131, 200, 330):
        expected = multipower(rates, step, TRUE, first=31)
        assert MultiPower(*TRUE).loss(course, np.array([step]))[0] == pytest.approx(expected, rel=1e-6)


def test_a_rise_after_a_fall_is_a_fall_below_0():
    again = sf.Schedule(1e-3, (sf.hold(200), sf.ramp(1, 0.1, 100), sf.ramp(0.1, 1, 100), sf.ramp(1, 0.5, 100)))
    found = MultiPower(*TRUE).loss(Course.of(again.array()), np.array([350, 500]))
    np.testing.assert_allclose(found, [multipower(again.array(), step, TRUE) for step in (350, 500)], rtol=1e-6)


def test_appended_updates_without_a_rate_do_not_help():
    plan = sf.cosine(1e-3, total=400).array()
    law = MultiPower(*TRUE)
    short = law.loss(Course.of(plan), np.array([400]))
    assert law.loss(Course.of(np.append(plan, np.zeros(5000))), np.array([5400])) == pytest.approx(short)


def test_slopes_are_those_of_the_loss():
    course = Course.of(sf.wsd(1e-3, total=500, warmup=20, decay=0.5).array())
    found = sums(course, np.array([100, 300, 500]))
    constants = np.array([2.5, -1.5, -0.7, -2.0, -2.2, -0.5, 0.64])
    _, slopes = MULTIPOWER.slopes(constants, found, 400.0)
    for k in range(len(constants)):
        up, down = constants.copy(), constants.copy()
        up[k] += 1e-6
        down[k] -= 1e-6
        rise = (MULTIPOWER.loss(up, found, 400.0) - MULTIPOWER.loss(down, found, 400.0)) / 2e-6
        np.testing.assert_allclose(slopes[:, k], rise, rtol=1e-5, atol=1e-9)


def test_the_constants_of_the_paper_give_the_same_loss():
    course = Course.of(sf.wsd(2e-3, total=300, warmup=10, decay=0.5, floor=0.05).array())
    constants = np.array([2.5, -1.5, -0.7, -2.0, -2.2, -0.5, 0.64])
    paper = MULTIPOWER.published(constants, course.peak, 400.0)
    law = MultiPower(*(paper[name] for name in ("L0", "A", "alpha", "B", "C", "beta", "gamma")))
    own = MULTIPOWER.loss(constants, sums(course, np.array([150, 300]), 2048), 400.0)
    np.testing.assert_allclose(own, law.loss(course, np.array([150, 300])), rtol=1e-9)


def test_a_loss_at_every_update_fits_into_memory():
    plan = sf.cosine(1e-3, total=30_000)
    found = MultiPower(*TRUE).loss(Course.of(plan.array()), np.arange(1, 30_001))
    assert found.shape == (30_000,)
    assert found[-1] == pytest.approx(MultiPower(*TRUE).loss(Course.of(plan.array()), np.array([30_000]))[0], rel=1e-5)


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), None])
def test_constants_that_are_not_above_0_are_refused(bad):
    with pytest.raises(sf.ArgumentError, match="beta="):
        replace(SMALL, beta=bad)
