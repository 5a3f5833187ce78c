"""The small optimiser: minima that are known, starts far off, and residuals that are not finite."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.forecasting.leastsquares import minimum, softened


def rosenbrock(x):
    return np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]]), np.array([[-20 * x[0], 10.0], [-1.0, 0.0]])


@pytest.mark.parametrize("start", [(-1.2, 1.0), (5.0, -5.0), (0.0, 0.0)])
def test_the_valley_of_rosenbrock_is_walked_to_its_end(start):
    found = minimum(rosenbrock, np.array(start), iterations=500)
    assert found.settled
    np.testing.assert_allclose(found.x, [1.0, 1.0], atol=1e-5)


def test_a_linear_problem_is_the_normal_equations():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(30, 4)), rng.normal(size=30)
    found = minimum(lambda x: (a @ x - b, a), np.zeros(4))
    np.testing.assert_allclose(found.x, np.linalg.lstsq(a, b, rcond=None)[0], atol=1e-6)


def test_a_decaying_exponential_is_found():
    t = np.linspace(0, 5, 50)
    y = 3.0 * np.exp(-0.7 * t) + 0.2

    def residuals(x):
        e = np.exp(-x[1] * t)
        return x[0] * e + x[2] - y, np.stack((e, -x[0] * t * e, np.ones_like(t)), axis=1)

    np.testing.assert_allclose(minimum(residuals, np.array([1.0, 2.0, 0.0])).x, [3.0, 0.7, 0.2], atol=1e-5)


def test_a_step_to_where_nothing_is_finite_is_not_taken():
    def residuals(x):
        if x[0] > 3:
            return np.array([np.inf]), np.zeros((1, 1))
        return np.array([np.exp(-x[0])]), np.array([[-np.exp(-x[0])]])

    found = minimum(residuals, np.array([0.0]), iterations=200)
    assert 2.0 < found.x[0] <= 3.0


@given(st.floats(-50, 50), st.floats(0.1, 5))
def test_the_square_of_what_is_softened_is_hubers_loss(z, corner):
    soft, slope = softened(np.array([z]), corner)
    rho = 0.5 * z**2 if abs(z) <= corner else corner * (abs(z) - corner / 2)
    assert 0.5 * soft[0] ** 2 == pytest.approx(rho, rel=1e-9, abs=1e-12)
    up, _ = softened(np.array([z + 1e-6]), corner)
    assert slope[0] == pytest.approx((up[0] - soft[0]) / 1e-6, abs=1e-3)
