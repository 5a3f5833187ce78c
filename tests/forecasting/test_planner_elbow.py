"""The elbow of a cooldown, looked for in losses that were made with a known one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import surefoot as sf
from surefoot.errors import ArgumentError
from surefoot.forecasting.planner_elbow import Elbow, elbow_check

TOTAL = 10_000
SCHEDULE = sf.wsd(1e-3, total=TOTAL, warmup=100, shape="linear")


def run(depth, *, seed=0, every=20, name="loss", stop=TOTAL):
    """Losses of a hold at 2.5 + 20 step^-0.5, from which the decay takes ``depth`` as the rate comes down."""
    random = np.random.default_rng(seed)
    rows = []
    for step in range(every, stop + 1, every):
        share = 1.0 - SCHEDULE(step) / SCHEDULE.peak if step > 8000 else 0.0
        value = 2.5 + 20.0 * step**-0.5 - depth * share + random.normal(0, 0.01)
        rows.append(sf.Reading(step, value) if name == "loss" else sf.Reading(step, 9.0, val_loss=value))
    return sf.History.of(rows)


@given(depth=st.floats(0.03, 1.0), seed=st.integers(0, 50))
def test_the_depth_of_an_elbow_is_found_in_the_losses(depth, seed):
    found = elbow_check(run(depth, seed=seed), SCHEDULE)
    assert found.found
    assert found.depth == pytest.approx(depth, abs=0.08 * depth + 0.015)


def test_the_interval_holds_the_depth_nearly_always():
    checks = [elbow_check(run(0.2, seed=seed), SCHEDULE) for seed in range(100)]
    assert sum(check.low <= 0.2 <= check.high for check in checks) >= 90


def test_a_cooldown_without_an_elbow_is_seldom_said_to_have_one():
    checks = [elbow_check(run(0.0, seed=seed), SCHEDULE) for seed in range(100)]
    assert sum(check.found for check in checks) <= 10
    assert "no elbow" in next(check for check in checks if not check.found).message


def test_the_validation_loss_is_looked_at_where_there_is_one():
    assert elbow_check(run(0.2, name="val_loss"), SCHEDULE).depth == pytest.approx(0.2, abs=0.03)


def test_a_last_evaluation_on_other_data_does_not_move_the_depth():
    rows = [sf.Reading(row.step, row.loss + (0.5 if row.step == TOTAL else 0.0)) for row in run(0.2)]
    assert elbow_check(sf.History.of(rows), SCHEDULE).depth == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize(
    ("low", "high", "word", "agrees"),
    [(0.15, 0.25, "was predicted", True), (0.3, 0.4, "shallower", False), (0.01, 0.05, "deeper", False)],
)
def test_a_prediction_is_held_against_what_was_found(low, high, word, agrees):
    found = elbow_check(run(0.2), SCHEDULE, Elbow(8000, 9000, 0.5 * (low + high), low, high))
    assert found.agrees is agrees
    assert word in found.message


def test_without_a_prediction_there_is_nothing_to_agree_with():
    found = elbow_check(run(0.2), SCHEDULE)
    assert found.agrees is found.predicted is None
    assert found.step == 8000


@pytest.mark.parametrize("schedule", [sf.constant(1e-3), sf.constant(1e-3, total=100), sf.linear(1e-3, total=TOTAL), 3])
def test_a_schedule_without_a_decay_after_a_hold_has_no_elbow(schedule):
    with pytest.raises(ArgumentError, match="schedule"):
        elbow_check(run(0.2), schedule)


@pytest.mark.parametrize("history", [run(0.2, every=2000), run(0.2, stop=9000)])
def test_a_log_that_is_sparse_or_stops_early_is_not_judged(history):
    with pytest.raises(ArgumentError, match="losses in the hold"):
        elbow_check(history, SCHEDULE)
