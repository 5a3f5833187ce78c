"""Mechanic against its twin and the scale it must find."""

import pytest
import torch

from surefoot.errors import ArgumentError
from surefoot.torch.optim import Mechanic


def descent(lr):
    return lambda _, gs: [-lr * g for g in gs]


@pytest.mark.parametrize("backend", ["torch", "numba"])
@pytest.mark.parametrize("clip", [False, True])
def test_it_goes_the_way_of_its_twin_for_two_hundred_updates(hills, twin, backend, clip):
    given = {"s_init": 1e-4, "decay": 0.05, "clip": clip}
    expected = twin("mechanic").run(hills.START, hills.gradient, descent(0.3), 200, **given)
    parameters = hills.parameters()
    optimizer = Mechanic(torch.optim.SGD(parameters, lr=0.3), **given, backend=backend)
    for found, (right, scale) in zip(hills.walk(optimizer, parameters, 200), expected, strict=True):
        assert optimizer.d == pytest.approx(scale, rel=1e-7)
        assert hills.apart(found, right) < 1e-7


def trained(lr, steps=600):
    torch.manual_seed(0)
    x = torch.randn(256, 8)
    y = x @ torch.randn(8, 1)
    w = torch.nn.Parameter(torch.zeros(8, 1))
    optimizer = Mechanic(torch.optim.SGD([w], lr=lr))
    for _ in range(steps):
        optimizer.zero_grad()
        loss = ((x @ w - y) ** 2).mean()
        loss.backward()
        optimizer.step()
    return loss.item(), optimizer.effective_lr


def test_the_rate_of_the_wrapped_method_does_not_matter():
    (loss, effective), (other_loss, other_effective) = trained(1e-3), trained(10.0)
    assert max(loss, other_loss) < 0.05
    assert 1 / 4 < effective / other_effective < 4


def test_without_decay_a_steady_gradient_ends_at_a_million():
    w = torch.nn.Parameter(torch.ones(2))
    optimizer = Mechanic(torch.optim.SGD([w], lr=1.0), decay=0.0)
    for _ in range(1500):
        w.grad = torch.ones(2)
        optimizer.step()
    assert optimizer.d == pytest.approx(1e6)
    assert w.isfinite().all()


def test_the_first_update_moves_nothing():
    w = torch.nn.Parameter(torch.ones(3))
    optimizer = Mechanic(torch.optim.Adam([w], lr=1.0))
    w.grad = torch.ones(3)
    optimizer.step()
    assert w.tolist() == [1.0, 1.0, 1.0]
    assert optimizer.d == 0.0


def test_a_parameter_that_rested_goes_on_from_where_it_stood():
    busy, rested = (torch.nn.Parameter(torch.full((2,), 3.0, dtype=torch.float64)) for _ in range(2))
    optimizer = Mechanic(torch.optim.SGD([busy, rested], lr=0.1), s_init=1e-2)
    for t in range(60):
        busy.grad = busy.detach().clone()
        rested.grad = None if 20 <= t < 40 else rested.detach().clone()
        before = rested.detach().clone()
        optimizer.step()
        if 20 <= t < 40:
            assert torch.equal(rested, before)
    delta = optimizer.state[rested]["mechanic_delta"]
    torch.testing.assert_close(rested.detach(), 3.0 + optimizer.d * delta)


def test_half_precision_keeps_updates_that_its_weights_could_not_show():
    w = torch.nn.Parameter(torch.ones(1, dtype=torch.bfloat16))
    optimizer = Mechanic(torch.optim.SGD([w], lr=1.0), s_init=1e-6)
    for _ in range(8):
        w.grad = torch.ones(1, dtype=torch.bfloat16)
        optimizer.step()
    assert w.item() == 1.0
    assert optimizer.state[w]["mechanic_delta"].item() == -8.0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"betas": ()}, r"betas=\(\)"),
        ({"betas": (0.9, 1.0)}, r"betas\[1\]=1.0"),
        ({"s_init": 0.0}, "s_init=0.0"),
        ({"decay": -0.1}, "decay=-0.1"),
    ],
)
def test_arguments_out_of_range_are_named(wrong, said):
    with pytest.raises(ArgumentError, match=said):
        Mechanic(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0), **wrong)
