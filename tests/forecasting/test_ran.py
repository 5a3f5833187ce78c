"""The rates a run had: from its log, its schedule, another run, or what can be assumed."""

import numpy as np
import pytest

import surefoot as sf
from surefoot.forecasting.ran import Past, course_of, silent

PLAN = sf.wsd(1e-3, total=1000, warmup=100, decay=0.4, shape="linear")


def history(plan=PLAN, start=0, every=10, lr=True, facts=None):
    steps = np.arange(start, plan.total + 1, every)
    rates = plan.array(0, plan.total + 1)[steps]
    columns = {"step": steps, "loss": np.full(len(steps), 2.0)} | ({"lr": rates} if lr else {})
    return sf.History(columns, origin=sf.Origin(facts=facts or {}))


def test_rates_are_read_between_the_rows():
    course, notes = course_of(history(), None, "history")
    np.testing.assert_allclose(course.shares * course.peak, PLAN.array(), atol=2e-6)
    assert notes == ()


def test_the_schedule_that_is_given_is_taken():
    course, notes = course_of(history(lr=False), PLAN, "history")
    np.testing.assert_array_equal(course.shares, PLAN.array() / PLAN.peak)
    assert notes == ()


def test_without_a_rate_the_schedule_is_asked_for():
    with pytest.raises(sf.ArgumentError, match=r"history logs no learning rate: pass the schedule .* with ran="):
        course_of(history(lr=False), None, "history")


def test_a_branch_takes_its_past_from_its_trunk():
    trunk = history(sf.constant(1e-3, total=2000, warmup=100))
    course, notes = course_of(history(start=500), None, "history[1]", [trunk])
    np.testing.assert_allclose(course.shares * course.peak, PLAN.array(), atol=2e-6)
    assert "its past is taken from another run" in notes[0]


def test_a_log_that_begins_inside_its_decay_is_carried_back_to_the_peak_of_the_others():
    course, notes = course_of(history(start=700), None, "history", (), Past(peak=1e-3))
    np.testing.assert_allclose(course.shares[110:], PLAN.array()[110:] / 1e-3, atol=2e-3)
    assert "history begins at step 700" in notes[0]


def test_a_log_that_begins_inside_its_warmup_is_carried_back_to_0():
    course, _ = course_of(history(start=50), None, "history")
    np.testing.assert_allclose(course.shares, PLAN.array() / 1e-3, atol=2e-3)


def test_the_warmup_that_a_log_names_is_taken():
    course, notes = course_of(history(start=200, facts={"warmup": 100.0}), None, "history")
    np.testing.assert_allclose(course.shares, PLAN.array() / 1e-3, atol=2e-3)
    assert notes == ()


def test_a_warmup_is_assumed_where_the_log_begins_early_and_nothing_tells():
    late = history(start=100)
    assert silent(late, None)
    assert not silent(late, PLAN)
    assert not silent(history(), None)
    assert not silent(history(start=600), None)
    assert not silent(history(start=100, facts={"warmup": 50.0}), None)
    course, notes = course_of(late, None, "history", (), Past(1e-3, rise=1.0))
    assert course.warm == 100
    assert "after a warmup of 100 updates" in notes[0]


@pytest.mark.parametrize("unit", ["epoch", "row"])
def test_steps_that_are_no_updates_are_refused(unit):
    with pytest.raises(sf.ArgumentError, match=f"history counts {unit}s"):
        course_of(history(facts={"unit": unit}), None, "history")
