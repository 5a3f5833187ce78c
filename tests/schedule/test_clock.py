"""The clock: epochs, tokens and samples become steps, with a batch size that may itself be a schedule."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.errors import ArgumentError
from surefoot.schedule.core import Schedule
from surefoot.schedule.lengths import Clock, epochs, samples, steps_on_ramp, tokens
from surefoot.schedule.phase import hold, ramp


@pytest.mark.parametrize(
    ("clock", "length", "steps"),
    [
        (Clock(steps_per_epoch=100), epochs(2.5), 250),
        (Clock(steps_per_epoch=np.int64(100)), "2.5ep", 250),
        (Clock(steps_per_epoch=97.5), epochs(2), 195),
        (Clock(tokens_per_step=2**20), tokens(2e9), 1907),
        (Clock(samples_per_step=256), samples(50_000), 195),
        (Clock(), "500st", 500),
    ],
)
def test_an_amount_becomes_steps(clock, length, steps):
    assert clock.steps(length) == steps


@pytest.mark.parametrize("field", ["steps_per_epoch", "tokens_per_step", "samples_per_step"])
@pytest.mark.parametrize("value", [0, -3, float("nan"), float("inf")])
def test_a_rate_of_the_clock_is_finite_and_positive(field, value):
    with pytest.raises(ArgumentError, match=f"{field}=.* must be a finite number > 0"):
        Clock(**{field: value})


@pytest.mark.parametrize(
    ("length", "field"), [("3ep", "steps_per_epoch"), ("3tok", "tokens_per_step"), ("3smp", "samples_per_step")]
)
def test_a_clock_that_lacks_the_unit_says_which(length, field):
    with pytest.raises(ArgumentError, match=rf"warmup=3.* needs clock=Clock\({field}=...\)"):
        Clock().steps(length, name="warmup")


def naive(amount, batch, start):
    """Steps by a loop: as many whole updates as fit, and one more if more than half of it is used."""
    done, step = 0.0, start
    while True:
        size = batch(step)
        if done + size >= amount:
            share = (amount - done) / size if size > 0 else 0.0
            return step - start + int(share + 0.5)
        done, step = done + size, step + 1


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 400), st.integers(1, 300), st.integers(1, 300), st.floats(0, 3e5), st.integers(0, 700))
def test_a_batch_ramp_on_a_token_clock_is_the_loop(first, rising, holding, amount, start):
    peak = 512
    batch = Schedule(peak, (ramp(first / peak, 1.0, rising), hold(holding)))
    assert steps_on_ramp(amount, batch, start) == naive(amount, batch, start)
    assert Clock(tokens_per_step=batch).steps(tokens(amount), start=start) == naive(amount, batch, start)


def test_phases_on_a_batch_ramp_take_their_tokens_where_they_are():
    batch = Schedule(200.0, (hold(10, 0.5), hold(100)))
    plan = Schedule(1.0, (ramp(0, 1, tokens(1000)), ramp(1, 0, tokens(2000))), clock=Clock(tokens_per_step=batch))
    assert [phase.length for phase in plan.phases] == [10, 10]


def test_a_long_ramp_is_summed_in_blocks():
    batch = Schedule(4.0, (hold(200_000, 0.25), hold(1)))
    assert steps_on_ramp(150_000.0, batch) == 150_000
    assert steps_on_ramp(200_000.0 + 4e9, batch) == 200_000 + 10**9


def test_a_batch_that_ends_at_zero_never_gets_there():
    with pytest.raises(ArgumentError, match=r"the clock's amount per step ends at 0.0: 1e\+06 is never reached"):
        steps_on_ramp(1e6, Schedule(8.0, (ramp(1, 0, 100),)))
