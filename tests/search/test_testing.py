from __future__ import annotations

import math

import numpy as np
import pytest

from surefoot.errors import ArgumentError, TaskError
from surefoot.history.reading import Reading
from surefoot.search.ranging import rising
from surefoot.search.testing import range_test


def curved(schedule, curvature=4.0):
    x = 1.0
    for step in range(schedule.total):
        yield 0.5 * curvature * x * x
        x -= schedule(step) * curvature * x


@pytest.mark.parametrize("steps", [20, 100, 400])
def test_a_bowl_blows_up_above_its_edge(steps):
    curve = range_test(curved, steps=steps)
    assert curve.test_lrs == tuple(rising(1e-6, 100.0, steps).array(0, len(curve.test_lrs)).tolist())
    assert len(curve.test_lrs) == len(curve.test_losses) < steps
    assert curve.test_lrs[-1] > 0.5
    assert curve.start_loss == 2.0


def test_a_linear_test_rises_by_equal_steps():
    curve = range_test(curved, steps=50, low=0.1, high=0.4, spacing="linear")
    assert np.diff(curve.test_lrs) == pytest.approx(np.full(49, 0.006))


def test_a_restarted_rate_inherits_nothing():
    for updates in (1, 3):
        curve = range_test(curved, steps=40, low=1e-3, high=0.4, restart=updates)
        assert len(curve.test_lrs) == 40 // (updates + 1)
        factors = 1 - 4.0 * np.array(curve.test_lrs)
        assert curve.test_losses == pytest.approx(2.0 * factors ** (2 * updates))
        assert curve.start_loss == 2.0


def test_restarts_end_at_the_first_rate_that_is_lost():
    curve = range_test(curved, steps=400, restart=7)
    assert len(curve.test_lrs) < 50
    assert curve.test_losses[-1] == max(curve.test_losses) > 20.0


@pytest.mark.parametrize("restart", [None, 2])
def test_a_judged_test_reads_the_validation_loss_of_every_update(restart):
    asked = []

    def task(schedule):
        for step, loss in enumerate(curved(schedule)):
            yield Reading(step, loss, val_loss=(lambda loss=loss: asked.append(0) or 10 + loss))

    curve = range_test(task, steps=30, low=1e-3, high=0.4, judged=True, restart=restart)
    plain = range_test(curved, steps=30, low=1e-3, high=0.4, restart=restart)
    assert curve.test_losses == pytest.approx(np.array(plain.test_losses) + 10)
    assert len(asked) == 30
    given = range_test(lambda schedule: (Reading(0, 1.0, val_loss=2.0) for _ in range(schedule.total)), judged=True)
    assert set(given.test_losses) == {2.0}


def test_a_task_without_a_validation_loss_cannot_be_judged():
    with pytest.raises(TaskError, match="curved yields no val_loss, which judged=True reads"):
        range_test(curved, judged=True)


@pytest.mark.parametrize("judged", [False, True])
def test_knobs_and_seed_reach_the_task(judged):
    seen = []

    def task(schedule, *, seed, width=1):
        seen.append((seed, width))
        yield from (Reading(0, 1.0, val_loss=1.0) for _ in range(schedule.total))

    range_test(task, seed=3, knobs={"width": 2}, judged=judged)
    assert seen == [(3, 2)]


def test_a_loss_that_is_not_finite_ends_the_test():
    curve = range_test(lambda schedule: (math.nan if k == 9 else 1.0 for k in range(schedule.total)))
    assert len(curve.test_losses) == 10
    assert math.isnan(curve.test_losses[-1])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"steps": 1}, "steps=1 must be an int >= 2"),
        ({"low": 0.0}, r"low=0\.0 must be a finite rate > 0"),
        ({"low": 1.0, "high": 1.0}, r"low=1\.0 must be below high=1\.0"),
        ({"knobs": {"width": 1}}, "names 'width'"),
        ({"knobs": {"width": 1}, "judged": True}, "names 'width'"),
        ({"spacing": "cubic"}, "spacing='cubic' must be 'exponential' or 'linear'"),
        ({"restart": 0}, "restart=0 must be an int >= 1"),
        ({"restart": 50}, "steps=100 must be at least 102"),
    ],
)
def test_bad_arguments(arguments, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        range_test(curved, **arguments)
