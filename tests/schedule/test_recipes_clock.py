"""Lengths of every kind in one recipe, and a batch-size ramp on a token clock, against cumulative sums."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.errors import ArgumentError
from surefoot.schedule.core import Schedule
from surefoot.schedule.lengths import Clock, epochs, samples, tokens
from surefoot.schedule.phase import hold, ramp
from surefoot.schedule.recipes.decays import constant, cosine
from surefoot.schedule.recipes.long import infinite, wsd
from surefoot.schedule.recipes.stairs import staircase, step_decay


def test_every_unit_gives_the_plan_that_its_steps_give():
    clock = Clock(steps_per_epoch=100, tokens_per_step=4096, samples_per_step=32)
    plain = wsd(1e-3, total=1000, warmup=50, decay=200)
    for total in (1000, epochs(10), "10ep", samples(32_000), tokens(4096e3), "4096000tok", "1000st"):
        for warmup in (50, 0.05, epochs(0.5), "1600smp", tokens(50 * 4096)):
            for decay in (200, 0.2, "2ep", samples(6400), "819200tok"):
                assert wsd(1e-3, total=total, warmup=warmup, decay=decay, clock=clock) == plain


def test_milestones_in_epochs_are_counted_from_the_first_update():
    schedule = step_decay(1.0, total="90ep", at=("30ep", epochs(60)), clock=Clock(steps_per_epoch=7))
    assert [int(t) for t in np.flatnonzero(np.diff(schedule.array())) + 1] == [210, 420]
    every = step_decay(1.0, total="90ep", every="30ep", clock=Clock(steps_per_epoch=7))
    np.testing.assert_allclose(every.array(), schedule.array(), rtol=1e-15)


@pytest.mark.parametrize(
    "ramping",
    [
        staircase([1000, 2000, 4000], at=(100, 300), total=500),
        Schedule(4000.0, (ramp(0.25, 1.0, 400), hold(None))),
        constant(777.0),
    ],
    ids=["stairs", "line", "constant"],
)
def test_on_a_batch_ramp_the_phases_begin_where_the_cumulative_tokens_say(ramping):
    clock = Clock(tokens_per_step=ramping)
    seen = np.concatenate([[0.0], np.cumsum(ramping.array(0, 5000))])  # tokens before update t
    schedule = wsd(1.0, total=tokens(1.2e6), warmup=tokens(1e5), decay=tokens(4e5), shape="linear", clock=clock)
    w, d = schedule.starts[1], schedule.starts[2]
    gain = np.diff(seen)
    assert abs(seen[schedule.total] - 1.2e6) <= gain[schedule.total] / 2 + 1
    assert abs(seen[w] - 1e5) <= gain[w] / 2 + 1
    assert abs(seen[schedule.total] - seen[d] - 4e5) <= gain[d] / 2 + 1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=30),
    st.integers(1, 60),
    st.integers(0, 100),
)
def test_a_decay_in_tokens_is_the_nearest_update_to_its_tokens(per_step, extra, share):
    sizes = [*per_step, *[per_step[-1]] * extra]
    clock = Clock(tokens_per_step=staircase(sizes, at=range(1, len(sizes))))
    seen = np.concatenate([[0.0], np.cumsum(np.array(sizes, dtype=float))])
    amount = seen[-1] * share / 100
    schedule = wsd(1.0, total=len(sizes), decay=tokens(amount), clock=clock, shape="linear")
    begin = schedule.starts[-1] if schedule.phases[-1].shape == "linear" else len(sizes)
    assert abs(seen[begin] - (seen[-1] - amount)) <= max(sizes[min(begin, len(sizes) - 1)], sizes[begin - 1]) / 2 + 1e-6


def test_a_fraction_is_of_the_updates_even_on_a_token_clock():
    clock = Clock(tokens_per_step=staircase([1, 3], at=(50,)))
    schedule = wsd(1.0, total=tokens(200), decay=0.2, clock=clock)
    assert (schedule.total, schedule.starts[-1]) == (100, 80)


def test_infinite_counts_its_anneal_back_from_the_end_and_its_cooldown_from_the_warmup():
    clock = Clock(tokens_per_step=staircase([10, 20], at=(50,)))
    schedule = infinite(1.0, total=100, warmup=tokens(100), cooldown=tokens(500), anneal=tokens(200), clock=clock)
    assert schedule.starts == (0, 10, 55, 90)


def test_a_decay_of_more_tokens_than_the_run_has_is_refused():
    clock = Clock(tokens_per_step=staircase([10, 20], at=(50,)))
    with pytest.raises(ArgumentError, match="decay=2000tok is more than the whole run, which has 1500"):
        wsd(1.0, total=100, decay=tokens(2000), clock=clock)


def test_fractions_are_rounded_in_one_place_by_one_rule():
    for total in (7, 10, 33, 1010):
        for warmup in (0.05, 0.1, 0.25, 0.5):
            schedule = cosine(1.0, total=total, warmup=warmup)
            first = schedule.phases[0].steps if len(schedule.phases) > 1 else 0
            assert first == int(np.floor(warmup * total + 0.5))
