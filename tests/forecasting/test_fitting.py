"""Fits: made curves are followed, spikes are left aside, constants that no run tells stay as wide as before."""

from dataclasses import replace

import numpy as np
import pytest
from tests.forecasting.made import LAW, final, run

import surefoot as sf
from surefoot.forecasting.course import Course
from surefoot.forecasting.fitting import fit
from surefoot.forecasting.multipower import MULTIPOWER
from surefoot.forecasting.observing import observed
from surefoot.forecasting.spreading import constants, drawn, losses_drawn
from surefoot.forecasting.tissue import TISSUE

PLANS = (
    sf.wsd(1e-3, total=4000, warmup=200, decay=0.2, shape="linear"),
    sf.cosine(1e-3, total=4000, warmup=200, floor=0.1),
    sf.constant(1e-3, total=4000, warmup=200),
)


def runs(plans=PLANS, **knobs):
    return observed([run(plan, seed=k, **knobs) for k, plan in enumerate(plans)], [None] * len(plans), None)[0]


def test_quiet_curves_are_followed():
    found = fit(MULTIPOWER, runs(noise=0.0))
    assert max(np.abs(rest).max() for rest in found.residuals) < 5e-4
    published = MULTIPOWER.published(found.constants, 1e-3, found.reference)
    assert published["L0"] == pytest.approx(LAW.loss_zero, abs=0.03)
    assert published["alpha"] == pytest.approx(LAW.alpha, rel=0.05)


@pytest.mark.parametrize("law", [MULTIPOWER, TISSUE])
@pytest.mark.parametrize("shape", ["1-sqrt", "cosine", "linear", "exponential"])
def test_another_cooldown_is_foretold(law, shape):
    plan = sf.Schedule(1e-3, (sf.ramp(0, 1, 200), sf.hold(2200), sf.ramp(1, 0.05, 1600, shape)))
    found = fit(law, runs())
    expected = found.losses(Course.of(plan.array()), np.array([4000]))[0]
    assert expected == pytest.approx(final(plan), abs=0.004 if law is MULTIPOWER else 0.02)


def test_spikes_do_not_move_a_fit():
    spiked = []
    for one in runs():
        losses = one.losses.copy()
        losses[[10, 25]] *= 1.5
        spiked.append(replace(one, losses=losses))
    plain, robust = fit(MULTIPOWER, runs()), fit(MULTIPOWER, spiked)
    course = Course.of(PLANS[0].array())
    assert robust.losses(course, np.array([4000])) == pytest.approx(plain.losses(course, np.array([4000])), abs=0.004)


def test_what_no_run_tells_is_weak():
    hold = fit(MULTIPOWER, runs(PLANS[2:]))
    told = constants(hold, drawn(hold))
    assert told["B"].weak
    assert told["B"].high > 1.5 * told["B"].low
    three = fit(MULTIPOWER, runs())
    found = constants(three, drawn(three))
    assert not found["B"].weak
    assert found["B"].low <= found["B"].value <= found["B"].high


def test_draws_agree_where_the_runs_are_and_spread_beyond():
    found = fit(MULTIPOWER, runs(PLANS[2:]))
    draws = drawn(found)
    hold, decay = (
        losses_drawn(found, draws, Course.of(plan.array()), np.array([4000])).std() for plan in (PLANS[2], PLANS[0])
    )
    assert decay > 4 * hold


def test_the_same_runs_give_the_same_draws():
    found = fit(MULTIPOWER, runs())
    np.testing.assert_array_equal(drawn(found, 5), drawn(found, 5))
    assert not np.array_equal(drawn(found, 5), drawn(found, 5, seed=1))
