"""Laws that every schedule obeys, over schedules of all shapes."""

import pickle

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.schedule.strategies import peaks, schedules

from surefoot.errors import ArgumentError, PositionError
from surefoot.schedule.core import Schedule
from surefoot.schedule.extend import can_lengthen
from surefoot.schedule.facts import decay_start
from surefoot.schedule.lengths import Length
from surefoot.schedule.phase import Phase, hold, ramp

NAMES = {"Schedule": Schedule, "Phase": Phase, "ramp": ramp, "hold": hold, "Length": Length}
POLICIES = ["stretch", "continue", "rewarm", "hold"]
laws = settings(max_examples=60, deadline=None)


def same(a, b):
    return np.array_equal(np.asarray(a).view(np.uint64), np.asarray(b).view(np.uint64))


@laws
@given(schedules())
def test_json_there_and_back_is_the_same_schedule(schedule):
    back = Schedule.from_json(schedule.to_json())
    assert back == schedule
    assert hash(back) == hash(schedule)
    assert same(back.array(), schedule.array())


@laws
@given(schedules())
def test_repr_evaluates_to_an_equal_schedule(schedule):
    assert eval(repr(schedule), dict(NAMES)) == schedule  # noqa: S307  the text is our own repr


@laws
@given(schedules())
def test_a_pickled_schedule_is_equal(schedule):
    assert pickle.loads(pickle.dumps(schedule)) == schedule  # noqa: S301  the bytes were made a moment ago


@laws
@given(schedules(), st.data())
def test_array_is_the_loop_to_the_bit(schedule, data):
    start = data.draw(st.integers(0, schedule.total + 5))
    stop = data.draw(st.integers(0, schedule.total + 5))
    assert same(schedule.array(start, stop), np.array([schedule(t) for t in range(start, stop)], dtype=float))


@laws
@given(schedules())
def test_rates_lie_between_zero_and_the_peak(schedule):
    rates = schedule.array(0, schedule.total + 3)
    assert np.all((rates >= 0) & (rates <= schedule.peak))


@laws
@given(schedules(), st.integers(0, 10**15))
def test_past_the_end_the_last_value_is_held(schedule, k):
    assert schedule(schedule.total + k) == schedule(schedule.total) == schedule.peak * schedule.phases[-1].end


@laws
@given(schedules(), st.integers(-(10**9), -1))
def test_a_negative_step_raises(schedule, step):
    with pytest.raises(PositionError, match=f"step={step} is negative"):
        schedule(step)


@laws
@given(schedules())
def test_describe_is_one_line_with_the_number_of_updates(schedule):
    line = schedule.describe()
    assert "\n" not in line
    assert f"; {schedule.total} update" in line


@laws
@given(schedules(), st.integers(0, 100), st.sampled_from([None, *POLICIES]), st.data())
def test_extend_keeps_what_was_applied_to_the_bit(schedule, steps, policy, data):
    assume(policy is not None or can_lengthen(schedule))
    at = data.draw(st.none() | st.integers(0, schedule.total))
    start = decay_start(schedule)
    kept = min(schedule.total if at is None else at, schedule.total if start is None else start)
    found = schedule.extension(steps, at=at, policy=policy)
    assert found.schedule.total == schedule.total + steps
    assert same(found.schedule.array(0, kept), schedule.array(0, kept))
    assert same(found.schedule.array(0, found.at), schedule.array(0, found.at))
    assert found.jump == found.schedule(found.at) - schedule(found.at)


@laws
@given(schedules(), st.integers(1, 100))
def test_extend_without_a_hold_names_every_policy(schedule, steps):
    assume(not can_lengthen(schedule))
    with pytest.raises(ArgumentError) as refusal:
        schedule.extend(steps)
    assert all(f"'{name}'" in str(refusal.value) for name in POLICIES)


@laws
@given(schedules(), st.integers(1, 50), st.sampled_from(["continue", "hold", "rewarm"]), st.data())
def test_gentle_policies_do_not_jump(schedule, steps, policy, data):
    found = schedule.extension(steps, at=data.draw(st.integers(0, schedule.total)), policy=policy)
    # A rise of one update is over before it is seen; every longer one begins where the rate is.
    assume(policy != "rewarm" or found.schedule.total - found.at > 3)
    assert found.jump == pytest.approx(0, abs=1e-12 * schedule.peak)


@laws
@given(schedules(), st.integers(1, 4))
def test_stretch_keeps_the_factor_at_the_same_fraction(schedule, k):
    longer = schedule.stretch(k * schedule.total)
    assert longer.total == k * schedule.total
    np.testing.assert_allclose(longer.array()[::k], schedule.array(), rtol=1e-9, atol=1e-12 * schedule.peak)


@laws
@given(schedules(), st.data())
def test_stretch_to_any_length_has_that_length(schedule, data):
    total = data.draw(st.integers(1, 3 * schedule.total))
    assert schedule.stretch(total).total == total
    assert schedule.stretch(schedule.total) == schedule


@laws
@given(schedules(3), schedules(3), schedules(3))
def test_join_is_associative(a, b, c):
    left, right = a.then(b).then(c), a.then(b.then(c))
    assert left.total == right.total == a.total + b.total + c.total
    np.testing.assert_allclose(left.array(), right.array(), rtol=1e-12, atol=1e-12 * left.peak)


@laws
@given(schedules(3), schedules(3))
def test_join_is_one_after_the_other(a, b):
    both = a.then(b).array(0, a.total + b.total + 3)
    np.testing.assert_allclose(both[: a.total], a.array(), rtol=1e-12, atol=1e-12 * a.peak)
    np.testing.assert_allclose(both[a.total :], b.array(0, b.total + 3), rtol=1e-12, atol=1e-12 * b.peak)


@laws
@given(schedules(), st.data())
def test_a_cut_is_exact_to_the_bit(schedule, data):
    at = data.draw(st.integers(1, schedule.total))
    assert same(schedule.head(at).array(), schedule.array(0, at))
    if at < schedule.total:
        assert same(schedule.tail(at).array(), schedule.array(at))


@laws
@given(schedules(3), st.integers(1, 4))
def test_repeat_is_the_array_tiled(schedule, n):
    assert same(schedule.repeat(n).array(), np.tile(schedule.array(), n))


@laws
@given(schedules(), st.data())
def test_rewarm_changes_only_its_own_updates(schedule, data):
    at = data.draw(st.integers(0, schedule.total))
    steps = data.draw(st.integers(0, schedule.total - at))
    warm = schedule.rewarm(at, steps)
    assert same(warm.array(0, at), schedule.array(0, at))
    assert same(warm.array(at + steps, schedule.total + 3), schedule.array(at + steps, schedule.total + 3))
    np.testing.assert_allclose(
        warm.array(at, at + steps), schedule(at + steps) * np.arange(steps) / max(steps, 1), rtol=1e-12, atol=1e-18
    )


@laws
@given(schedules(), peaks)
def test_another_peak_scales_every_rate(schedule, peak):
    np.testing.assert_allclose(
        schedule.with_peak(peak).array() * schedule.peak, schedule.array() * peak, rtol=1e-12, atol=1e-30
    )
    np.testing.assert_allclose(schedule.scaled(2.0).array(), 2.0 * schedule.array(), rtol=1e-15, atol=1e-300)


@pytest.mark.parametrize("total", [10**9, 10**12])
def test_any_step_of_a_long_run_costs_the_same(total):
    schedule = Schedule(
        1.0, (ramp(0, 1, total // 10), hold(total // 2), ramp(1, 0, total - 6 * (total // 10), "cosine"))
    )
    assert schedule(total // 20) == 0.5
    assert schedule(total - 1) < 1e-10
    assert schedule.array(total - 2, total + 2).shape == (4,)
    assert schedule.repeat(3)(2 * total + total // 20) == 0.5
