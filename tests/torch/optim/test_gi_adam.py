"""GI-Adam against its twin, the printed oracle, and what its warmup is said to be."""

import math

import pytest
import torch

from surefoot.errors import ArgumentError
from surefoot.torch.optim import GIAdam

ORACLE = {1: (0.996837722, -1.996837722), 2: (0.992374132, -1.992370418), 5: (0.973646162, -1.973577345)}


@pytest.mark.parametrize("backend", ["torch", "numba"])
def test_it_goes_the_way_of_its_twin_for_three_hundred_updates(hills, twin, backend):
    settings = {"lr": 0.02, "betas": (0.9, 0.99), "weight_decay": 0.1}
    expected = twin("gi_adam").run(hills.START, hills.gradient, 300, **settings)
    parameters = hills.parameters()
    optimizer = GIAdam(parameters, **settings, backend=backend)
    for found, right in zip(hills.walk(optimizer, parameters, 300), expected, strict=True):
        assert hills.apart(found, right) < 1e-10


@pytest.mark.parametrize("backend", ["torch", "numba"])
def test_it_prints_the_numbers_of_the_formula_on_the_bowl(backend):
    w = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    optimizer = GIAdam([w], lr=0.1, backend=backend)
    seen = {}
    for t in range(1, 6):
        w.grad = torch.tensor([1.0, 10.0], dtype=torch.float64) * w.detach()
        optimizer.step()
        seen[t] = tuple(w.tolist())
    assert {t: seen[t] for t in ORACLE} == {t: pytest.approx(point, abs=1e-9) for t, point in ORACLE.items()}


def test_under_a_steady_gradient_it_is_adam_times_its_own_warmup():
    w, plain = (torch.nn.Parameter(torch.zeros(3, dtype=torch.float64)) for _ in range(2))
    optimizer, adam = GIAdam([w], lr=0.1), torch.optim.Adam([plain], lr=0.1)
    for t in range(1, 200):
        before, plain_before = w.detach().clone(), plain.detach().clone()
        assert optimizer.effective_lr == pytest.approx(0.1 * math.sqrt(1 - 0.999**t))
        w.grad = plain.grad = torch.full_like(w, 2.0)
        optimizer.step()
        adam.step()
        ratio = (w.detach() - before) / (plain.detach() - plain_before)
        torch.testing.assert_close(ratio, torch.full_like(ratio, math.sqrt(1 - 0.999**t)), rtol=1e-6, atol=0)


def test_a_parameter_that_comes_later_has_its_own_warmup():
    early, late = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))
    optimizer = GIAdam([early, late], lr=0.1)
    for _ in range(50):
        early.grad = torch.ones(1)
        optimizer.step()
    late.grad = torch.ones(1)
    optimizer.step()
    assert late.item() == pytest.approx(-0.1 * math.sqrt(0.001), rel=1e-4)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"lr": -1.0}, "lr=-1.0"),
        ({"eps": float("nan")}, "eps=nan"),
        ({"betas": (0.9, 1.0)}, r"betas\[1\]=1.0"),
        ({"betas": 0.9}, "betas=0.9"),
        ({"weight_decay": True}, "weight_decay=True"),
        ({"backend": "cuda"}, "backend='cuda'"),
    ],
)
def test_arguments_out_of_range_are_named(wrong, said):
    with pytest.raises(ArgumentError, match=said):
        GIAdam([torch.nn.Parameter(torch.zeros(1))], **wrong)
