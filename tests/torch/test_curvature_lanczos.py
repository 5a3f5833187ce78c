"""Lanczos beside numpy's dense eigenvalues."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some

from surefoot.torch.curvature.lanczos import largest, norm


def symmetric(values, seed):
    """Return a matrix with these eigenvalues, in a random basis."""
    basis, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(values), len(values))))
    return torch.from_numpy(basis * np.asarray(values) @ basis.T)


def found(matrix, *, products=60, tolerance=1e-9, seed=1):
    start = torch.randn(len(matrix), dtype=matrix.dtype, generator=torch.Generator().manual_seed(seed))
    return largest(lambda x: matrix @ x, start, products=products, tolerance=tolerance)


@settings(max_examples=60, deadline=None)
@given(some.lists(some.floats(-50, 50), min_size=1, max_size=30), some.integers(0, 99))
def test_with_enough_products_it_is_the_largest_eigenvalue(values, seed):
    size = max(map(abs, values))
    ritz = found(symmetric(values, seed), seed=seed)
    assert ritz.value == pytest.approx(max(values), abs=1e-5 * size + 1e-12)
    assert ritz.products <= len(values)


@settings(max_examples=60, deadline=None)
@given(some.integers(2, 40), some.integers(1, 12), some.integers(0, 999))
def test_an_eigenvalue_lies_within_the_residual_and_the_largest_is_not_below(size, products, seed):
    values = np.random.default_rng(seed).normal(size=size)
    ritz = found(symmetric(values, seed), products=products, seed=seed)
    assert min(abs(values - ritz.value)) <= ritz.residual + 1e-9
    assert ritz.value <= max(values) + 1e-9
    assert ritz.products <= products


def test_the_vector_is_the_eigenvector_and_has_the_residual():
    matrix = symmetric([9.0, 4.0, 1.0, -3.0, -20.0], seed=3)
    ritz = found(matrix)
    assert norm(ritz.vector) == pytest.approx(1.0)
    assert norm(matrix @ ritz.vector - 9.0 * ritz.vector) < 1e-6
    rough = found(matrix, products=2)
    assert norm(matrix @ rough.vector - rough.value * rough.vector) == pytest.approx(rough.residual)


def test_reorthogonalised_vectors_find_no_ghosts_in_a_wide_spectrum():
    # Without it, float32 loses the orthogonality here after a dozen products, and copies of the largest appear.
    values = np.concatenate([np.geomspace(1e-6, 1.0, 199), [1e4]])
    matrix = symmetric(values, seed=0).float()
    seen = []

    def product(x):
        seen.append(x)
        return matrix @ x

    largest(product, torch.ones(200), products=40, tolerance=0.0)
    gram = torch.stack(seen) @ torch.stack(seen).T
    assert (gram - torch.eye(len(seen))).abs().max() < 1e-4


def test_a_tolerance_saves_products():
    values = np.concatenate([np.linspace(0.0, 1.0, 300), [30.0]])
    matrix = symmetric(values, seed=5)
    rough, fine = found(matrix, tolerance=0.1), found(matrix, tolerance=1e-6)
    assert rough.products < fine.products
    assert rough.value == pytest.approx(30.0, rel=0.02)
    assert rough.residual <= 0.1 * 30.0


def test_a_product_that_is_not_finite_ends_it():
    ritz = largest(lambda x: x * torch.nan, torch.ones(4), products=9, tolerance=0.1)
    assert np.isnan(ritz.value)
    assert ritz.products == 1


def test_vectors_may_have_any_shape_and_precision():
    scale = torch.arange(6.0).reshape(2, 3)
    ritz = largest(lambda x: scale * x, torch.ones(2, 3), products=9, tolerance=1e-6)
    assert ritz.value == pytest.approx(5.0, rel=1e-5)
    assert ritz.vector.shape == (2, 3)
