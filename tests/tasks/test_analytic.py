"""The analytic tasks against their closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import hold, ramp
from surefoot.tasks.analytic import noisy_quadratic, quadratic, rosenbrock, valley

SPECTRUM = (0.5, 3.0, 20.0)


def start(seed, size=3):
    return np.random.default_rng(seed).standard_normal(size)


@settings(deadline=None)
@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=20), st.integers(0, 5))
def test_a_quadratic_shrinks_by_one_minus_rate_times_curvature_at_every_update(rates, seed):
    top = max(*rates, 1e-9)
    schedule = Schedule(top, tuple(hold(1, rate / top) for rate in rates))
    found = [reading.loss for reading in quadratic(schedule, seed=seed, spectrum=SPECTRUM)]
    shrink = np.cumprod([np.ones(3), *(1 - rate * np.array(SPECTRUM) for rate in schedule.array()[:-1])], axis=0)
    expected = (np.array(SPECTRUM) * (shrink * start(seed)) ** 2).sum(1) / 2
    assert found == pytest.approx(expected.tolist(), rel=1e-9)


@pytest.mark.parametrize(("ratio", "falls"), [(0.5, True), (0.999, True), (1.001, False), (3.0, False)])
def test_a_quadratic_diverges_exactly_above_two_over_its_largest_curvature(ratio, falls):
    schedule = Schedule(ratio * 2 / max(SPECTRUM), (hold(4000),))
    *_, last = quadratic(schedule, spectrum=SPECTRUM)
    assert (last.val_loss() < 1e-3) is falls
    assert falls or not last.val_loss() < 1e3


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_rosenbrock_walks_the_path_of_torch(momentum):
    x = torch.tensor([-1.2, 1.0], dtype=torch.float64) + 0.1 * torch.from_numpy(start(3, 2))
    x.requires_grad_()
    optimizer = torch.optim.SGD([x], 2e-4, momentum=momentum)
    for reading in rosenbrock(Schedule(2e-4, (hold(50),)), seed=3, momentum=momentum):
        loss = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
        assert reading.loss == pytest.approx(loss.item(), rel=1e-9)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def test_a_quadratic_with_momentum_walks_the_path_of_torch():
    x = torch.from_numpy(start(0)).requires_grad_()
    optimizer = torch.optim.SGD([x], 0.02, momentum=0.9)
    for reading in quadratic(Schedule(0.02, (hold(50),)), spectrum=SPECTRUM, momentum=0.9):
        loss = (torch.tensor(SPECTRUM) * x**2).sum() / 2
        assert reading.loss == pytest.approx(loss.item(), rel=1e-9)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@pytest.mark.parametrize("batch", [1, 4])
def test_a_noisy_quadratic_settles_where_its_recursion_says(batch):
    size, rate, noise = 20_000, 0.5, 2.0
    *_, last = noisy_quadratic(Schedule(rate, (hold(60),)), spectrum=(1.0,) * size, noise=noise, batch=batch)
    # The fixed point of E[x^2] = (1 - r)^2 E[x^2] + (r noise)^2 / batch.
    settled = (rate * noise) ** 2 / batch / (1 - (1 - rate) ** 2)
    assert last.val_loss() == pytest.approx(size * settled / 2, rel=0.05)


def test_the_loss_of_a_noisy_quadratic_holds_the_noise_of_its_batch():
    size, noise = 20_000, 2.0
    first = next(noisy_quadratic(Schedule(0.0, (hold(1),)), spectrum=(1.0,) * size, noise=noise))
    assert first.loss == pytest.approx(size * (1 + noise**2) / 2, rel=0.05)
    assert first.val_loss() == pytest.approx(size / 2, rel=0.05)


def test_a_valley_without_noise_falls_as_one_over_the_sum_of_rates():
    schedule = Schedule(0.01, (ramp(0, 1, 500), hold(1000)))
    *_, last = valley(schedule, noise=0.0)
    assert last.val_loss() == pytest.approx(1 / (1 + schedule.array().sum()), rel=0.01)


def test_a_valley_rewards_a_decay_after_a_high_rate():
    held = [*valley(Schedule(0.018, (hold(1000),)))][-1]
    low = [*valley(Schedule(0.002, (hold(1000),)))][-1]
    decayed = [*valley(Schedule(0.018, (hold(800), ramp(1, 0, 200))))][-1]
    assert decayed.val_loss() < min(0.5 * low.val_loss(), 0.5 * held.val_loss())


@pytest.mark.parametrize(("ratio", "falls"), [(0.99, True), (1.01, False)])
def test_a_valley_is_stable_exactly_below_two_over_its_steepness(ratio, falls):
    *_, last = valley(Schedule(ratio * 2 / 50, (hold(3000),)), steep=50.0)
    assert (last.val_loss() < 1e3) is falls


@pytest.mark.parametrize("task", [quadratic, noisy_quadratic, rosenbrock, valley])
def test_they_diverge_to_what_is_no_number_without_a_warning(task):
    *_, last = task(Schedule(1e3, (hold(400),)))
    assert not math.isfinite(last.loss)
    assert not math.isfinite(last.val_loss())
