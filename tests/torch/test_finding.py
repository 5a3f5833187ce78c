"""st.find: the one-liner, on problems whose answer is known."""

import itertools

import pytest
import torch

import surefoot.torch as st
from surefoot.errors import ArgumentError, TaskError
from surefoot.search.finding import find

MSE = torch.nn.MSELoss()


def problem():
    torch.manual_seed(0)
    model = torch.nn.Linear(8, 1, bias=False)
    x = torch.randn(64, 8)
    y = x @ torch.ones(8, 1)
    sharpest = torch.linalg.eigvalsh(2 * x.T @ x / 64)[-1].item()
    return model, x, y, sharpest


def test_the_peak_of_a_quadratic_is_below_its_edge_of_stability():
    model, x, y, sharpest = problem()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-9)
    weight = model.weight.detach().clone()
    peak = st.find(model, optimizer, [(x, y)], MSE, total=400)
    assert 0.02 / sharpest < peak.lr < 2 / sharpest
    assert peak.cost_steps <= 100
    assert torch.equal(model.weight, weight)


def test_a_step_without_any_loader():
    model, x, y, sharpest = problem()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)

    def step_fn():
        optimizer.zero_grad()
        loss = MSE(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    peak = st.find(model, optimizer, step_fn=step_fn, total=400)
    assert 0.02 / sharpest < peak.lr < 2 / sharpest


def test_the_search_takes_the_task_as_any_other():
    model, x, y, sharpest = problem()
    rng = torch.get_rng_state()
    trial = st.task(model, torch.optim.SGD(model.parameters(), lr=1.0), [(x, y)], MSE)
    peak = find(trial, total=400)
    assert 0.02 / sharpest < peak.lr < 2 / sharpest
    assert torch.equal(torch.get_rng_state(), rng)


def test_several_rates_are_found_in_their_proportion():
    model, x, y, sharpest = problem()
    model = torch.nn.Sequential(model)
    model.register_parameter("offset", torch.nn.Parameter(torch.zeros(1)))
    optimizer = torch.optim.SGD([{"params": model[0].parameters(), "lr": 1.0}, {"params": [model.offset], "lr": 0.1}])
    peak = st.find(model, optimizer, [(x, y)], lambda out, target: MSE(out + model.offset, target), total=400)
    assert 0.02 / sharpest < peak.lr < 2.2 / sharpest
    assert [group["lr"] for group in optimizer.param_groups] == [1.0, 0.1]


def test_tune_verifies_within_its_budget():
    model, x, y, sharpest = problem()
    peak = st.tune(model, torch.optim.SGD(model.parameters(), lr=1.0), [(x, y)], MSE, total=200, budget=0.5)
    assert 0.02 / sharpest < peak.lr < 2 / sharpest
    assert peak.cost_steps <= 100


class Once:
    def __init__(self, batches):
        self.batches = iter(batches)

    def __iter__(self):
        return self.batches


BAD = {
    "one-shot": (lambda x, y: iter([(x, y)]), ArgumentError, "one-shot iterator"),
    "empty": (lambda *_: [], TaskError, "loader is empty"),
    "ends early": (lambda x, y: Once([(x, y)] * 3), TaskError, "yielded nothing when it was begun again"),
}


@pytest.mark.parametrize(("loader", "error", "message"), BAD.values(), ids=BAD)
def test_loaders_that_cannot_be_searched_with(loader, error, message):
    model, x, y, _ = problem()
    weight, optimizer = model.weight.detach().clone(), torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9)
    with pytest.raises(error, match=message):
        st.find(model, optimizer, loader(x, y), MSE, total=100)
    assert torch.equal(model.weight, weight)
    assert not optimizer.state
    assert not optimizer._optimizer_step_pre_hooks


def test_an_error_in_the_middle_leaves_nothing_behind():
    model, x, y, _ = problem()
    weight, calls = model.weight.detach().clone(), itertools.count()

    def loss_fn(output, target):
        if next(calls) == 20:
            raise RuntimeError("out of luck")
        return MSE(output, target)

    with pytest.raises(TaskError, match=r"st.task\(Linear, SGD\) raised RuntimeError \(out of luck\)"):
        st.find(model, torch.optim.SGD(model.parameters(), lr=1.0), [(x, y)], loss_fn, total=400)
    assert torch.equal(model.weight, weight)
    assert model.weight.grad is None
