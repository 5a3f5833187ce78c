"""Prodigy with Schedule-Free's averages: marked as an experiment, and right all the same."""

import copy
import io
import warnings

import pytest
import torch

from surefoot.errors import ArgumentError
from surefoot.torch import optim
from surefoot.torch.optim.prodigy_schedule_free import EXPERIMENT

BACKENDS = ("torch", "numba")


def made(parameters, **given):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="ProdigyScheduleFree is an experiment")
        return optim.ProdigyScheduleFree(parameters, **given)


def test_building_one_says_that_it_is_an_experiment():
    with pytest.warns(UserWarning, match="scored 0 in AlgoPerf") as said:
        optim.ProdigyScheduleFree([torch.nn.Parameter(torch.ones(1))])
    assert [str(one.message) for one in said] == [EXPERIMENT]
    assert said[0].filename == __file__
    assert "experiment" in optim.ProdigyScheduleFree.__doc__


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("corrected", [False, True])
def test_it_goes_the_way_of_its_twin_for_a_hundred_updates(hills, twin, backend, corrected):
    rate = lambda t: min(t / 10, 1)
    settings = {"betas": (0.8, 0.95), "weight_decay": 0.1, "d0": 1e-4}
    expected = twin("prodigy").averaged(hills.START, hills.gradient, 100, lr=rate, corrected=corrected, **settings)
    parameters = hills.parameters()
    optimizer = made(parameters, use_bias_correction=corrected, backend=backend, **settings)
    for t, (y, x, d) in enumerate(expected):
        for group in optimizer.param_groups:
            group["lr"] = rate(t)
        (found,) = hills.walk(optimizer, parameters, 1, first=t)
        assert hills.apart(found, y) < 1e-7
        assert optimizer.d == pytest.approx(d, rel=1e-7)
        with optimizer.evaluating():
            assert hills.apart(hills.values(parameters), x) < 1e-6
    assert optimizer.d > 1e-2


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_resumed_run_is_the_same_bit_for_bit(dtype, backend):
    def step(optimizer, w, seed):
        noise = torch.randn(w.shape, generator=torch.Generator().manual_seed(seed))
        w.grad = (w.detach() + 0.3 * noise).to(dtype)
        optimizer.step()

    w = torch.nn.Parameter(torch.linspace(-1, 2, 60).to(dtype))
    optimizer = made([w], d0=1e-3, backend=backend)
    for t in range(10):
        step(optimizer, w, t)
    file = io.BytesIO()
    torch.save((w.detach(), optimizer.state_dict()), file)
    file.seek(0)
    weights, state = torch.load(file, weights_only=True)
    again = torch.nn.Parameter(weights)
    resumed = made([again], d0=1e-3, backend=backend)
    resumed.load_state_dict(state)
    twin = copy.deepcopy((w, optimizer))
    for t in range(10, 20):
        for one, other in ((w, optimizer), (again, resumed), twin):
            step(other, one, t)
    assert torch.equal(w, again)
    assert torch.equal(w, twin[0])
    assert resumed.d == optimizer.d == twin[1].d
    assert resumed.effective_lr == optimizer.effective_lr


def test_a_constant_gradient_ends_at_the_limit():
    w = torch.nn.Parameter(torch.zeros(5))
    optimizer = made([w], d_limit=9.0)
    for _ in range(200):
        w.grad = torch.ones(5)
        optimizer.step()
    assert optimizer.d == 9.0
    assert w.isfinite().all()


def test_groups_have_one_d_and_one_rate_or_none():
    a, b = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
    optimizer = made([{"params": [a], "lr": 0.0}, {"params": [b]}])
    for _ in range(30):
        a.grad, b.grad = torch.ones(3), b.detach().clone()
        optimizer.step()
    assert a.eq(1).all()
    assert b.lt(1).all()
    assert optimizer.param_groups[0]["d"] == optimizer.param_groups[1]["d"] > 1e-6
    late = torch.nn.Parameter(torch.ones(2))
    optimizer.add_param_group({"params": [late]})
    assert optimizer.param_groups[2]["d"] == optimizer.d
    with pytest.raises(ArgumentError, match=r"d_coef=2.0 beside d_coef=1.0"):
        optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(2))], "d_coef": 2.0})
    optimizer.param_groups[0]["lr"] = 0.3
    with pytest.raises(ArgumentError, match=r"lr=0.3 beside lr=1"):
        optimizer.step()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"betas": (0.0, 0.9)}, r"betas\[0\]=0.0"), ({"d0": 0.0}, "d0=0.0"), ({"beta3": 2.0}, "beta3=2.0")],
)
def test_arguments_out_of_range_are_named(wrong, said):
    with pytest.raises(ArgumentError, match=said):
        made([torch.nn.Parameter(torch.zeros(1))], **wrong)
