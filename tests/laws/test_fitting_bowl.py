"""The optimum of one sweep, and how well it is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from surefoot.laws.fitting_bowl import bowl, centers, common

OCTAVE = math.log(2)


def line(best, losses=None, octaves=range(-5, 6), sharp=0.1):
    x = np.array([k * OCTAVE for k in octaves])
    y = np.exp(sharp * (x - best) ** 2) if losses is None else np.array(losses, float)
    return x[:, None], y


@given(some.floats(-3 * OCTAVE, 3 * OCTAVE), some.floats(0.01, 1))
def test_an_exact_parabola_has_its_center(best, sharp):
    found = bowl(*line(best, sharp=sharp))
    assert found.status == "inside"
    assert found.center[0] == pytest.approx(best, abs=1e-6)
    assert found.bend[0, 0] == pytest.approx(2 * sharp, rel=1e-5)


@given(some.floats(-1, 1), some.floats(-1, 1), some.floats(-0.8, 0.8))
def test_an_exact_paraboloid_has_its_center_and_its_ridge(u, v, turn):
    grid = np.array([(i, j) for i in np.arange(-3, 4) * OCTAVE for j in np.arange(-3, 4) * OCTAVE])
    du, dv = grid[:, 0] - u, grid[:, 1] - v
    found = bowl(grid, np.exp(0.02 * (du - turn * dv) ** 2 + 0.01 * dv**2))
    assert found.center == pytest.approx([u, v], abs=1e-6)
    assert -found.bend[0, 1] / found.bend[0, 0] == pytest.approx(turn, abs=1e-6)


def test_losses_at_and_below_zero_are_fitted_as_they_are():
    x, y = line(0.3)
    assert bowl(x, np.log(y) - 1).center[0] == pytest.approx(0.3, abs=1e-6)


@pytest.mark.parametrize(
    ("losses", "status"),
    [
        ([1, 2, 3, 4, 5], "low"),
        ([5, 4, 3, 2, 1], "high"),
        ([5, 4, 3, 2, math.inf], "inside"),
        ([3, 2, math.inf, math.inf, math.inf], "inside"),
        ([3, math.inf, math.inf, math.inf, math.inf], "few"),
        ([math.inf] * 5, "few"),
    ],
)
def test_edges_and_failures_are_told(losses, status):
    assert bowl(*line(0, losses, range(5))).status == status


def test_a_failed_rate_pulls_the_optimum_below_it():
    x, y = line(0, [3, 2.2, 2.0, math.inf, math.inf], range(5))
    found = bowl(x, y)
    assert x[1, 0] < found.center[0] < x[3, 0]


def test_two_rates_are_too_few_and_a_ridge_without_end_is_flat_or_an_edge():
    assert bowl(*line(0, [1, 2], range(2))).status == "few"
    grid = np.array([(i, j) for i in range(-3, 4) for j in range(-3, 4)], float)
    assert bowl(grid, np.exp(0.1 * grid[:, 0] ** 2 + 0.1 * grid[:, 1])).status in {"small", "flat"}


def test_draws_spread_as_the_noise_says():
    x, y = line(0.2, octaves=np.arange(-3, 3.1, 0.25), sharp=0.05)
    found = bowl(x, y)
    rng = np.random.default_rng(0)
    again = [bowl(x, y * np.exp(0.002 * rng.standard_normal(len(y)))).center[0] for _ in range(300)]
    drawn, ridge = centers(found, 0.002, np.random.default_rng(1))
    assert np.median(drawn) == pytest.approx(0.2, abs=0.02)
    # The shape's own allowance comes on top of the noise; the weights, which follow the noise, are not drawn anew.
    assert 0.5 * np.std(again) < drawn.std() < 2.5 * np.std(again)
    assert not ridge.any()


def test_noise_without_a_minimum_leaves_the_optimum_anywhere_in_the_window():
    x, y = line(0, octaves=range(-2, 3), sharp=1e-4)
    drawn, _ = centers(bowl(x, y), 0.1, np.random.default_rng(0))
    assert drawn.std() > OCTAVE / 2
    assert np.abs(drawn).max() < 4 * OCTAVE


def test_a_steep_high_side_moves_the_center_no_more_than_the_common_error_allows():
    for step in (0.5, 1.0):
        u = np.arange(-4, 4.1, step)
        loss = np.where(u < 0, 0.01 * u**2 / (1 - 0.3 * u), 0.01 * u**2 * (1 + 0.35 * u**2))
        moved = bowl(u[:, None] * OCTAVE, np.exp(loss)).center[0]
        allowed = common(np.array([step * OCTAVE]), np.random.default_rng(0)).std()
        assert abs(moved) < 2 * allowed
