"""Whole runs against optax schedules in float64, and each difference of convention with its numbers."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
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


@pytest.fixture(scope="module")
def theirs():
    """Return optax's values by name, from a process of its own: jax's threads forbid the forks of other tests."""
    script = Path(__file__).with_name("optax_runs.py")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


SAME = {
    "constant": constant(PEAK),
    "linear": linear(PEAK, total=50, floor=0.1),
    "warmup constant": constant(PEAK, warmup=20),
    "polynomial": polynomial(PEAK, total=50, power=3, floor=0.1),
    "cosine": cosine(PEAK, total=50, floor=0.1),
    "warmup cosine": cosine(PEAK, total=60, warmup=10, floor=0.1),
    "warmup cosine from a start": cosine(PEAK, total=60, warmup=10, start=0.25),
    "cosine one-cycle": one_cycle(PEAK, total=60, floor=0.04 / 1e4),
    "linear one-cycle": Schedule(PEAK, (ramp(0.04, 1, 18), ramp(1, 0.04, 33), ramp(0.04, 0.04e-4, 9))),
    "exponential": exponential(PEAK, total=None, factor=0.5, every=7, floor=0.02),
    "staircase": step_decay(PEAK, total=None, factor=0.5, every=7),
    "warmup exponential": exponential(PEAK, total=None, factor=0.8, every=5, warmup=10),
    "piecewise constant": step_decay(PEAK, total=STEPS, at=(10, 30), factor=0.5),
    "piecewise linear": from_points([(0, PEAK), (20, PEAK * 0.1), (50, PEAK * 0.05)]),
    "piecewise cosine": from_points([(0, PEAK), (20, PEAK * 0.1), (50, PEAK * 0.05)], interpolation="cosine"),
    "sgdr": restarts(PEAK, total=70, cycles=3, growth=2, shrink=0.5),
}


@pytest.mark.parametrize("name", SAME)
def test_a_schedule_of_optax_agrees_over_the_whole_run_and_past_its_end(name, theirs):
    np.testing.assert_allclose(SAME[name].array(0, STEPS), theirs[name], rtol=1e-10, atol=1e-19)


# --- where the conventions differ, with numbers ---------------------------------------------------------------


def test_a_length_of_nothing_is_a_constant_and_a_log_line_there_and_an_error_here(theirs):
    assert theirs["length of nothing"] == 1.0
    with pytest.raises(ValueError, match="total=0 is 0 updates"):
        linear(1.0, total=0)


def test_a_one_cycle_rounds_its_rise_down_there_and_to_the_nearest_here(theirs):
    assert int(np.argmax(theirs["rounding one-cycle"])) == 9
    assert int(one_cycle(1.0, total=33).array().argmax()) == 10


def test_a_rate_before_the_first_update_is_answered_there_and_refused_here(theirs):
    assert theirs["negative step"] == 1.0
    with pytest.raises(ValueError, match="step=-5 is negative"):
        linear(1.0, total=10)(-5)
