"""Tissue's law: its areas against the recursion, its faults handled."""

import numpy as np
import pytest
from tests.forecasting.naive import tissue

import surefoot as sf
from surefoot.forecasting.course import Course, sums
from surefoot.forecasting.tissue import TISSUE, areas, kernel


def test_the_check_value_of_the_recursion():
    assert tissue(np.array([1.0, 1.0, 0.5, 0.0]), 4, 0.99) == (2.5, pytest.approx(1.495))
    # The last rate is as good as none, and so not counted; a rate just above that is.
    s1, s2 = areas(Course.of([1.0, 1.0, 0.5, 1.1e-4]), np.array([4]), 0.99)
    assert s1[0] == pytest.approx(2.5, abs=2e-4)
    assert s2[0] == pytest.approx(1.495, abs=2e-4)


@pytest.mark.parametrize("shape", ["linear", "cosine", "1-sqrt", "exponential"])
@pytest.mark.parametrize("decay", [0.9, 0.99, 0.999])
def test_areas_follow_the_recursion(shape, decay):
    rates = sf.Schedule(3e-3, (sf.hold(60), sf.ramp(1, 0.1, 140, shape))).array()
    steps = np.array([1, 60, 61, 100, 200])
    s1, s2 = areas(Course.of(rates), steps, decay)
    naive = np.array([tissue(rates, int(step), decay) for step in steps])
    np.testing.assert_allclose(s1, naive[:, 0], rtol=1e-12)
    np.testing.assert_allclose(s2, naive[:, 1], rtol=1e-9, atol=1e-15)


def test_appended_updates_without_a_rate_do_not_help():
    plan = np.append(np.ones(100), np.linspace(1, 0.01, 50))
    longer = np.append(plan, np.zeros(1000))
    assert tissue(longer, 1150, 0.99)[1] > 1.2 * tissue(plan, 150, 0.99)[1]
    (_, short), (_, long) = (areas(Course.of(r), np.array([len(r)]), 0.99) for r in (plan, longer))
    assert long == short


def test_slopes_are_those_of_the_loss():
    course = Course.of(sf.wsd(1e-3, total=500, warmup=20, decay=0.5).array())
    found = sums(course, np.array([100, 300, 500]))
    constants = np.array([2.5, -1.5, -0.7, -2.0, np.log(50.0)])
    _, slopes = TISSUE.slopes(constants, found, 400.0)
    for k in range(len(constants)):
        up, down = constants.copy(), constants.copy()
        up[k] += 1e-6
        down[k] -= 1e-6
        rise = (TISSUE.loss(up, found, 400.0) - TISSUE.loss(down, found, 400.0)) / 2e-6
        np.testing.assert_allclose(slopes[:, k], rise, rtol=1e-5, atol=1e-9)


def test_the_constants_of_the_paper_give_the_same_loss():
    rates = sf.wsd(2e-3, total=300, decay=0.5, shape="linear", floor=0.05).array()
    course = Course.of(rates)
    constants = np.array([2.5, -1.5, -0.7, -2.0, np.log(50.0)])
    own = TISSUE.loss(constants, sums(course, np.array([300]), 1000), 400.0)[0]
    paper = TISSUE.published(constants, course.peak, 400.0)
    s1, s2 = tissue(rates, 300, paper["lambda"])
    assert own == pytest.approx(paper["L0"] + paper["A"] * s1 ** -paper["alpha"] - paper["C"] * s2, rel=1e-6)


def test_the_kernel_runs_from_0_to_1():
    course = Course.of([1.0] * 10 + [0.5] * 5000)
    come, _ = kernel(np.array([np.log(100.0)]), sums(course, np.array([10, 11, 5010])))
    assert come[0, 0] == 0
    assert come[1, 0] == pytest.approx(1 - np.exp(-1 / 100))
    assert come[2, 0] == pytest.approx(1.0)


@pytest.mark.parametrize("decay", [1.0, -0.1, np.nan, "x"])
def test_a_decay_outside_its_range_is_refused(decay):
    with pytest.raises(sf.ArgumentError, match="decay="):
        areas(Course.of([1.0, 0.5]), np.array([2]), decay)
