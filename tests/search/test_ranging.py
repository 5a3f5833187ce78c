import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.search.ranging import landmarks, noise_of, rising, smoothed

RATES = rising(1e-6, 100.0, 80).array()


def curve(fall=1e-3, blow=1.0, start=2.0, depth=1.0, offset=0.0):
    losses = start - depth * (fall < RATES) + np.where(blow < RATES, (RATES / blow) ** 2 * depth, 0.0)
    return losses + offset


def test_the_rate_rises_evenly_in_its_logarithm():
    steps = np.diff(np.log(RATES))
    assert RATES[0] == pytest.approx(1e-6)
    assert steps == pytest.approx(np.full(79, math.log(1e8) / 80))


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30), st.floats(0, 0.95))
def test_smoothing_is_a_weighted_mean(losses, beta):
    weights = [beta ** (len(losses) - 1 - k) for k in range(len(losses))]
    assert smoothed(np.array(losses), beta)[-1] == pytest.approx(np.average(losses, weights=weights), abs=1e-6)


@pytest.mark.parametrize("offset", [-1000.0, -2.0, 0.0, 5.0])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_blow_up_is_found_whatever_the_offset_and_scale(offset, scale):
    marks = landmarks(RATES, scale * (curve() + offset))
    assert 0 < marks.blew < 2.5
    assert marks.start == pytest.approx(scale * (2.0 + offset))
    assert marks.gain == pytest.approx(scale, rel=0.05)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_a_blow_up(bad):
    losses = curve(blow=1e3)
    losses[60:] = bad
    assert landmarks(RATES, losses).blew == pytest.approx(math.log2(RATES[60]))


def test_a_plateau_before_learning_is_no_blow_up():
    losses = curve(fall=0.01)
    losses[10:20] += 0.05
    assert 0 < landmarks(RATES, losses).blew < 2.5


def test_a_hump_that_comes_back_is_no_blow_up():
    losses = curve(blow=10.0)
    losses[55:60] += 5.0
    assert landmarks(RATES, losses).blew > 3


def test_no_blow_up_is_none():
    marks = landmarks(RATES, curve(blow=1e9))
    assert marks.blew is None
    assert marks.fell == pytest.approx(math.log2(RATES[-1]), abs=4)


@given(st.integers(0, 50))
def test_noise_alone_is_no_blow_up(seed):
    losses = 2.0 + 0.1 * np.random.default_rng(seed).standard_normal(80)
    marks = landmarks(RATES, losses)
    assert marks.blew is None
    assert marks.gain < 5 * 0.1


def test_noise_is_measured_around_the_trend():
    rng = np.random.default_rng(0)
    losses = np.linspace(10, 0, 4000) + 0.2 * rng.standard_normal(4000)
    assert noise_of(losses) == pytest.approx(0.2, rel=0.05)


def test_nothing_but_nan():
    marks = landmarks(RATES[:1], np.array([math.nan]))
    assert math.isnan(marks.start)
