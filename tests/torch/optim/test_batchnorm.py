"""BatchNorm's statistics under the evaluation weights."""

import random

import numpy as np
import pytest
import torch
from torch import nn

import surefoot.torch as st
from surefoot.errors import ArgumentError

optim = st.optim


def network():
    torch.manual_seed(0)
    layers = [nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 32)]
    return nn.Sequential(*layers, nn.BatchNorm1d(32, momentum=0.02), nn.ReLU(), nn.Linear(32, 3))


def data(n=20, seed=0):
    generator = torch.Generator().manual_seed(seed)
    batches = []
    for _ in range(n):
        x = 3 * torch.randn(32, 8, generator=generator) + 2
        batches.append((x, (x[:, 0] * x[:, 1] > 4).long() + (x[:, 2] > 2).long()))
    return batches


def trained():
    model = network()
    optimizer = optim.ScheduleFreeSGD(model.parameters(), lr=3.0)
    for x, y in data(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model, optimizer


def loss(model):
    model.eval()
    with torch.no_grad():
        return float(torch.stack([nn.functional.cross_entropy(model(x), y) for x, y in data(10, seed=1)]).mean())


def statistics(model):
    return [
        b.clone() for m in model.modules() if isinstance(m, nn.BatchNorm1d) for b in (m.running_mean, m.running_var)
    ]


def test_the_evaluation_weights_are_better_with_statistics_of_their_own():
    model, optimizer = trained()
    with optimizer.evaluating():
        without = loss(model)
        assert optim.recalibrate_batchnorm(model, data(60), 30) == 30
        with_them = loss(model)
    assert with_them < 0.95 * without


def test_the_statistics_are_the_plain_mean_over_the_batches():
    model = network()
    before = statistics(model)
    seen = optim.recalibrate_batchnorm(model, data(4), 50)
    assert seen == 4
    model.eval()
    with torch.no_grad():
        inputs = [model[0](x) for x, _ in data(4)]
    torch.testing.assert_close(model[1].running_mean, torch.stack([t.mean(0) for t in inputs]).mean(0))
    torch.testing.assert_close(model[1].running_var, torch.stack([t.var(0) for t in inputs]).mean(0))
    assert not torch.equal(before[0], model[1].running_mean)


@pytest.mark.parametrize("training", [True, False])
def test_modes_momenta_weights_and_the_random_state_come_back(training):
    model = network()
    model.train(training)
    model[5].eval()
    modes, weights = [m.training for m in model.modules()], [p.clone() for p in model.parameters()]
    momenta = [model[1].momentum, model[5].momentum]
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002  the global generator is what is tested
    loader = torch.utils.data.DataLoader(data(1)[0][0], batch_size=8, shuffle=True)
    want = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002  as above
    optim.recalibrate_batchnorm(model, loader, 3)
    assert [m.training for m in model.modules()] == modes
    assert [model[1].momentum, model[5].momentum] == momenta == [0.1, 0.02]
    assert all(torch.equal(a, b) for a, b in zip(weights, model.parameters(), strict=True))
    assert all(p.grad is None for p in model.parameters())
    now = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002  as above
    assert torch.equal(now[0], want[0])
    assert now[1:] == want[1:]


def test_what_goes_wrong_leaves_the_statistics_as_they_were():
    model, _ = trained()
    before = statistics(model)
    with pytest.raises(ArgumentError, match="loader gave no batch"):
        optim.recalibrate_batchnorm(model, [])
    with pytest.raises(RuntimeError, match="shapes"):
        optim.recalibrate_batchnorm(model, [*data(2), torch.zeros(3, 5)])
    with pytest.raises(ArgumentError, match="batches=0 must be an int >= 1"):
        optim.recalibrate_batchnorm(model, data(2), 0)
    assert all(torch.equal(a, b) for a, b in zip(before, statistics(model), strict=True))
    assert model.training


def test_batches_may_be_dicts_or_go_through_a_function_of_your_own():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(8, affine=False)

        def forward(self, x, scale=1.0):
            return self.norm(x * scale)

    model = Named()
    batches = [x for x, _ in data(3)]
    optim.recalibrate_batchnorm(model, [{"x": x, "scale": 2.0} for x in batches])
    mean = model.norm.running_mean.clone()
    optim.recalibrate_batchnorm(model, batches, forward=lambda net, x: net(x, 2.0))
    assert torch.equal(mean, model.norm.running_mean)
    torch.testing.assert_close(mean, 2 * torch.stack([x.mean(0) for x in batches]).mean(0))


def test_a_model_without_running_statistics_needs_nothing():
    assert optim.recalibrate_batchnorm(nn.Linear(2, 2), []) == 0
    assert optim.recalibrate_batchnorm(nn.BatchNorm1d(2, track_running_stats=False), []) == 0
