"""Edges, best rates and rates of convergence, each confirmed by running the optimizer in float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

import surefoot as sf
from surefoot.laws.momentum import effective_rate
from surefoot.laws.quadratics import adam_edge, convergence, edge, gradient_descent, heavy_ball, nesterov

momenta = some.sampled_from([0.0, 0.3, 0.5, 0.9, 0.99])


def distances(lr, curvatures, mu=0.0, *, looking=False, averaged=False, steps=4000):
    """Return the distance to the minimum after each update of torch's SGD, or of one with an averaged momentum."""
    h = np.asarray(curvatures, dtype=np.float64)
    x, v, seen = np.ones_like(h), np.zeros_like(h), []
    for _ in range(steps):
        g = h * x
        v = mu * v + (1 - mu) * g if averaged else mu * v + g
        x = x - lr * (g + mu * v if looking else v)
        seen.append(float(np.linalg.norm(x)))
        if not 1e-140 < seen[-1] < 1e100:
            break
    return seen


def measured(lr, curvatures, mu=0.0, *, looking=False):
    seen = distances(lr, curvatures, mu, looking=looking)
    half = len(seen) // 2
    return (seen[-1] / seen[half]) ** (1 / (len(seen) - 1 - half))


@pytest.mark.parametrize("looking", [False, True])
@pytest.mark.parametrize("mu", [0.0, 0.269874, 0.5, 0.9, 0.98])
def test_just_below_the_edge_it_shrinks_and_just_above_it_grows(mu, looking):
    at = edge(7.0, mu, nesterov=looking)
    assert distances(at * 0.995, [7.0], mu, looking=looking)[-1] < 1e-2
    assert distances(at * 1.005, [7.0], mu, looking=looking)[-1] > 1e2


@pytest.mark.parametrize("beta1", [0.0, 0.5, 0.8, 0.9, 0.95])
def test_an_averaged_momentum_turns_unstable_at_its_own_edge(beta1):
    at = adam_edge(3.0, beta1)
    assert distances(at * 0.99, [3.0], beta1, averaged=True)[-1] < 1e-2
    assert distances(at * 1.01, [3.0], beta1, averaged=True)[-1] > 1e2


@pytest.mark.parametrize(
    ("high", "plain", "ball", "limit"),
    [
        (10, (0.181818, 0, 0.818182), (0.230886, 0.269874, 0.519494), 0.253975),
        (100, (0.019802, 0, 0.980198), (0.033058, 0.669421, 0.818182), 0.033388),
        (1000, (0.001998, 0, 0.998002), (0.003759, 0.881145, 0.938693), 0.003762),
    ],
)
def test_the_table_of_optima(high, plain, ball, limit):
    assert gradient_descent(high, 1) == pytest.approx(plain, abs=6e-7)
    assert heavy_ball(high, 1) == pytest.approx(ball, abs=6e-7)
    assert edge(high, heavy_ball(high, 1).momentum) == pytest.approx(limit, abs=6e-7)


@pytest.mark.parametrize("high", [10.0, 100.0])
@pytest.mark.parametrize(("best", "looking"), [(gradient_descent, False), (heavy_ball, False), (nesterov, True)])
def test_at_the_best_rate_it_converges_as_said_and_faster_than_beside_it(best, looking, high):
    lr, mu, rate = best(high, 1.0)
    # A double root adds a power of the step to the exponential, so a long run sees it from slightly above.
    assert measured(lr, [high, 1.0], mu, looking=looking) == pytest.approx(rate, rel=0.02)
    for times in (0.8, 1.05):
        worst = max(convergence(lr * times, h, mu, nesterov=looking) for h in (high, 1.0))
        assert worst > rate + 1e-4


@given(some.floats(0.05, 1.9), momenta, some.booleans())
def test_the_rate_of_convergence_is_the_largest_root(step, mu, looking):
    lr = step / 2.0
    # As a matrix that takes (x, v) to its next value.
    a = 1 + mu if looking else 1.0
    matrix = np.array([[1 - a * lr * 2.0, -lr * (mu * mu if looking else mu)], [2.0, mu]])
    assert convergence(lr, 2.0, mu, nesterov=looking) == pytest.approx(
        max(abs(np.linalg.eigvals(matrix))), rel=1e-5, abs=1e-7
    )


def test_a_small_rate_with_momentum_moves_as_the_effective_rate_does():
    with_momentum = distances(1e-4, [1.0], 0.9, steps=2000)[-1]
    plain = distances(effective_rate(1e-4, 0.9), [1.0], steps=2000)[-1]
    averaged = distances(1e-3, [1.0], 0.9, averaged=True, steps=2000)[-1]
    assert with_momentum == pytest.approx(plain, rel=0.02)
    assert averaged == pytest.approx(plain, rel=0.02)


@given(momenta)
def test_momentum_raises_the_edge_to_twice_at_most_and_nesterovs_lowers_it_to_two_thirds_at_least(mu):
    assert 2.0 <= edge(1.0, mu) < 4.0
    assert 4 / 3 < edge(1.0, mu, nesterov=True) <= 2.0


def test_bad_numbers_are_refused():
    with pytest.raises(sf.ArgumentError, match="high=1 must be at least low=2"):
        gradient_descent(1, 2)
    with pytest.raises(sf.ArgumentError, match=r"momentum=1.0 must be in \[0, 1\)"):
        edge(1.0, 1.0)
    with pytest.raises(sf.ArgumentError, match="curvature=0"):
        edge(0)
