"""Whole runs against optax schedules in float64, and each difference of convention with its numbers."""

import jax
import numpy as np
import optax
import pytest

from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import ramp
from surefoot.schedule.recipes.cycles import restarts
from surefoot.schedule.recipes.decays import constant, cosine, exponential, linear, polynomial
from surefoot.schedule.recipes.given import from_points
from surefoot.schedule.recipes.one_cycle import one_cycle
from surefoot.schedule.recipes.stairs import step_decay

PEAK = 3e-4
STEPS = 80


@pytest.fixture(autouse=True)
def float64():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def run(schedule, steps=STEPS):
    return np.asarray(jax.vmap(schedule)(np.arange(steps, dtype=np.float64)))


SAME = {
    "constant": (lambda: lambda t: optax.constant_schedule(PEAK)(t) + 0 * t, constant(PEAK)),
    "linear": (lambda: optax.linear_schedule(PEAK, PEAK / 10, 50), linear(PEAK, total=50, floor=0.1)),
    "warmup constant": (lambda: optax.warmup_constant_schedule(0.0, PEAK, 20), constant(PEAK, warmup=20)),
    "polynomial": (
        lambda: optax.polynomial_schedule(PEAK, PEAK / 10, 3.0, 50), polynomial(PEAK, total=50, power=3, floor=0.1),
    ),
    "cosine": (lambda: optax.cosine_decay_schedule(PEAK, 50, alpha=0.1), cosine(PEAK, total=50, floor=0.1)),
    "warmup cosine": (
        lambda: optax.warmup_cosine_decay_schedule(0.0, PEAK, 10, 60, PEAK / 10),
        cosine(PEAK, total=60, warmup=10, floor=0.1),
    ),
    "warmup cosine from a start": (
        lambda: optax.warmup_cosine_decay_schedule(PEAK / 4, PEAK, 10, 60),
        cosine(PEAK, total=60, warmup=10, start=0.25),
    ),
    "cosine one-cycle": (
        lambda: optax.cosine_onecycle_schedule(60, PEAK, 0.3, 25.0, 1e4),
        one_cycle(PEAK, total=60, floor=0.04 / 1e4),
    ),
    "linear one-cycle": (
        # Its last value is peak / (div * final_div), which its docstring writes otherwise.
        lambda: optax.linear_onecycle_schedule(60, PEAK, 0.3, 0.85, 25.0, 1e4),
        Schedule(PEAK, (ramp(0.04, 1, 18), ramp(1, 0.04, 33), ramp(0.04, 0.04e-4, 9))),
    ),
    "exponential": (
        lambda: optax.exponential_decay(PEAK, 7, 0.5, end_value=PEAK / 50),
        exponential(PEAK, total=None, factor=0.5, every=7, floor=0.02),
    ),
    "staircase": (
        lambda: optax.exponential_decay(PEAK, 7, 0.5, staircase=True),
        step_decay(PEAK, total=None, factor=0.5, every=7),
    ),
    "warmup exponential": (
        lambda: optax.warmup_exponential_decay_schedule(0.0, PEAK, 10, 5, 0.8),
        exponential(PEAK, total=None, factor=0.8, every=5, warmup=10),
    ),
    "piecewise constant": (
        lambda: optax.piecewise_constant_schedule(PEAK, {10: 0.5, 30: 0.5}),
        step_decay(PEAK, total=STEPS, at=(10, 30), factor=0.5),
    ),
    "piecewise linear": (
        lambda: optax.piecewise_interpolate_schedule("linear", PEAK, {20: 0.1, 50: 0.5}),
        from_points([(0, PEAK), (20, PEAK * 0.1), (50, PEAK * 0.05)]),
    ),
    "piecewise cosine": (
        lambda: optax.piecewise_interpolate_schedule("cosine", PEAK, {20: 0.1, 50: 0.5}),
        from_points([(0, PEAK), (20, PEAK * 0.1), (50, PEAK * 0.05)], interpolation="cosine"),
    ),
    "sgdr": (
        lambda: optax.sgdr_schedule(
            [
                {"init_value": k * PEAK, "peak_value": k * PEAK, "warmup_steps": 0, "decay_steps": n}
                for k, n in ((1, 10), (0.5, 20), (0.25, 40))
            ]
        ),
        restarts(PEAK, total=70, cycles=3, growth=2, shrink=0.5),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("theirs", "ours"), SAME.values(), ids=SAME)
def test_a_schedule_of_optax_agrees_over_the_whole_run_and_past_its_end(theirs, ours):
    np.testing.assert_allclose(ours.array(0, STEPS), run(theirs()), rtol=1e-10, atol=1e-19)


# --- where the conventions differ, with numbers ---------------------------------------------------------------


def test_a_length_of_nothing_is_a_constant_and_a_log_line_there_and_an_error_here():
    assert float(optax.linear_schedule(1.0, 0.0, 0)(5)) == 1.0
    with pytest.raises(ValueError, match="total=0 is 0 updates"):
        linear(1.0, total=0)


def test_a_one_cycle_rounds_its_rise_down_there_and_to_the_nearest_here():
    theirs = run(optax.cosine_onecycle_schedule(33, 1.0, 0.3), 33)
    assert int(theirs.argmax()) == 9
    assert int(one_cycle(1.0, total=33).array().argmax()) == 10


def test_a_rate_before_the_first_update_is_answered_there_and_refused_here():
    assert float(optax.linear_schedule(1.0, 0.0, 10)(-5)) == 1.0
    with pytest.raises(ValueError, match="step=-5 is negative"):
        linear(1.0, total=10)(-5)
