"""Candidates: what is offered, and that the past of a run is never rewritten."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import surefoot as sf
from surefoot.errors import ArgumentError
from surefoot.forecasting.bound import second_stage
from surefoot.forecasting.planner_candidates import fresh, onward

PLANS = {
    "wsd": sf.wsd(1e-3, total=1000, warmup=30, shape="linear"),
    "cosine": sf.cosine(1e-3, total=1000, warmup=30, floor=0.1),
    "linear": sf.linear(1e-3, total=1000, warmup=30),
    "constant": sf.constant(1e-3, warmup=30),
    "table": sf.from_points([(0, 0.0), (100, 1e-3), (700, 8e-4), (1000, 1e-5)]),
}


def named(ways, name):
    return next(way for way in ways if way.name.startswith(name))


def test_fresh_runs_have_every_length_and_shape_of_decay():
    names = [candidate.name for candidate in fresh(1e-3, 1000, 30)]
    assert names[:4] == ["constant", "cosine to a tenth", "cosine to 0", "linear to 0"]
    assert names[4:] == [f"WSD, {share} % {shape}" for share in (10, 20, 40, 60, 80) for shape in ("linear", "1-sqrt")]


def test_fresh_runs_share_the_peak_the_warmup_and_the_total():
    for candidate in fresh(1e-3, 1000, 30):
        assert (candidate.schedule.peak, candidate.schedule.total, candidate.cost) == (1e-3, 1000, 1000)
        assert candidate.schedule.array(0, 31) == pytest.approx(np.arange(31) / 30 * 1e-3)


def test_a_decay_that_does_not_fit_after_the_warmup_is_not_offered():
    assert [c.name for c in fresh(1.0, 10, 8) if c.name.startswith("WSD")] == [
        "WSD, 10 % linear",
        "WSD, 10 % 1-sqrt",
    ]


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@given(at=st.integers(1, 1000), more=st.integers(1, 3000))
def test_the_past_of_a_run_stays_and_every_way_on_reaches_the_total(plan, at, more):
    ways = onward(plan, at, at + more)
    for way in ways:
        assert way.schedule.total == at + more
        assert way.schedule.peak == plan.peak
        kept = min(way.start, at + more)
        assert way.schedule.array(0, kept).tolist() == plan.array(0, kept).tolist()
        assert way.schedule.array().max() <= plan.peak


def test_a_run_that_holds_goes_on_holding_and_ends_at_zero():
    ways = onward(PLANS["wsd"], 500, 2000)
    assert named(ways, "hold on, 20 % linear").schedule == sf.wsd(1e-3, total=2000, warmup=30, shape="linear")
    assert {way.start for way in ways} == {500}
    assert all(way.schedule(2000) == 0.0 for way in ways)


def test_a_finished_run_branches_off_before_its_decay_or_goes_on_from_its_end():
    ways = onward(PLANS["wsd"], 1000, 2000)
    assert named(ways, "hold on, 20 % linear").start == 800
    assert named(ways, "hold on, 20 % linear").cost == 1200
    back = named(ways, "back up")
    assert (back.start, back.rises) == (1000, True)
    assert back.schedule(1000) == 0.0
    assert back.schedule(1020) == 1e-3
    assert not any(way.rises for way in ways if way.start == 800)


def test_the_second_stage_has_the_rate_that_the_bound_wants():
    plan = PLANS["wsd"]
    stage = named(onward(plan, 1000, 2000), "second stage")
    longer = sf.wsd(1e-3, total=2000, warmup=30, shape="linear")
    assert stage.schedule(1000) == pytest.approx(1e-3 * second_stage(plan, longer, 800), rel=1e-9)


def test_a_run_with_a_floor_can_stay_there_and_one_without_cannot():
    staying = {kind: [w for w in onward(PLANS[kind], 1000, 1500) if w.name.startswith("stay")] for kind in PLANS}
    assert len(staying["cosine"]) == 1
    assert staying["cosine"][0].schedule(1200) == pytest.approx(1e-4)
    assert staying["wsd"] == staying["linear"] == []


def test_a_run_without_a_hold_has_no_branch_but_its_end():
    assert {way.start for way in onward(PLANS["cosine"], 1000, 2000)} == {1000}


def test_a_run_in_its_warmup_finishes_it():
    ways = onward(PLANS["wsd"], 10, 1000)
    assert all(way.schedule.array(0, 31).tolist() == PLANS["wsd"].array(0, 31).tolist() for way in ways)


@pytest.mark.parametrize(("at", "total"), [(0, 100), (100, 100), (True, 100), (1.5, 100)])
def test_a_run_stands_between_its_start_and_the_total(at, total):
    with pytest.raises(ArgumentError, match="at="):
        onward(PLANS["constant"], at, total)


def test_a_run_does_not_stand_past_its_plan():
    with pytest.raises(ArgumentError, match="past the end"):
        onward(PLANS["wsd"], 1001, 2000)
