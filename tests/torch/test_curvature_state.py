"""A measurement of curvature leaves everything as it was, bit for bit, and sees the same draws each time."""

import copy
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import surefoot.torch as st
from surefoot.errors import ArgumentError


def made(dropout=0.3):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3)
    )


def data(seed=0, size=20):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(size, 6, generator=generator), torch.randint(3, (size,), generator=generator)


def state(model, optimizer):
    """Return copies of everything that a measurement could change."""
    tensors = [t.detach().clone() for t in (*model.parameters(), *model.buffers())]
    grads = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    held = copy.deepcopy(optimizer.state_dict())
    noise = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()  # noqa: NPY002  the global one
    modes = [module.training for module in model.modules()]
    versions = [p._version for p in model.parameters()]
    hooks = len(model._forward_hooks), len(model._forward_pre_hooks)
    return tensors, grads, held, noise, modes, versions, hooks


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    return np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other


@pytest.mark.parametrize("hvp", ["difference", "exact"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
def test_everything_is_put_back(kind, dtype, hvp):
    model = made().to(dtype)
    optimizer = getattr(torch.optim, kind)(model.parameters(), lr=0.01)
    x, y = data()
    x = x.to(dtype)
    cross_entropy(model(x), y).backward()
    optimizer.step()
    model[1].eval()
    identities = [id(p) for p in model.parameters()]
    before = state(model, optimizer)
    st.sharpness(model, optimizer, cross_entropy, [(x, y), (x[:10], y[:10])], hvp=hvp, products=4)
    assert same(state(model, optimizer), before)
    assert [id(p) for p in model.parameters()] == identities


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_everything_is_put_back_by_the_noise_scale_too(dtype):
    model = made().to(dtype)
    adam = torch.optim.Adam(model.parameters(), lr=0.01)
    x, y = data()
    x = x.to(dtype)
    cross_entropy(model(x), y).backward()
    adam.step()
    dataset = torch.utils.data.TensorDataset(x, y)
    generator = torch.Generator().manual_seed(3)
    loader = torch.utils.data.DataLoader(dataset, batch_size=4, shuffle=True, generator=generator)
    before, position = state(model, adam), generator.get_state()
    said = st.noise_scale(model, cross_entropy, loader)
    assert said.gradients == 5
    assert said.noise > 0.0
    assert same(state(model, adam), before)
    assert torch.equal(generator.get_state(), position)
    calls = []

    def loss_fn(output, target):
        calls.append(1)
        if len(calls) == 3:
            raise ValueError("the third")
        return cross_entropy(output, target)

    with pytest.raises(ValueError, match="the third"):
        st.noise_scale(model, loss_fn, loader)
    assert same(state(model, adam), before)


def test_it_is_put_back_when_the_loss_raises_in_the_middle():
    model = made()
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = data()
    calls = []

    def loss():
        calls.append(1)
        if len(calls) == 4:
            raise ValueError("the fourth")
        return cross_entropy(model(x), y)

    before = state(model, sgd)
    with pytest.raises(ValueError, match="the fourth"):
        st.sharpness(model, sgd, loss)
    assert same(state(model, sgd), before)


def test_the_next_updates_of_the_run_are_the_same_bit_for_bit():
    def run(*, measure):
        model = made()
        adam = torch.optim.Adam(model.parameters(), lr=0.01)
        for k in range(4):
            x, y = data(k)
            loss = cross_entropy(model(x), y)
            if measure:
                # A graph that is there already must survive.
                st.sharpness(model, adam, cross_entropy, [(x, y)], products=3)
            adam.zero_grad()
            loss.backward()
            adam.step()
        return [t.detach() for t in (*model.parameters(), *model.buffers())]

    assert same(run(measure=True), run(measure=False))


def test_dropout_and_running_statistics_are_the_same_in_every_evaluation():
    model, (x, y) = made(), data()
    outputs = []

    def loss():
        value = cross_entropy(model(x), y)
        outputs.append((value.item(), model[1].num_batches_tracked.item()))
        return value

    st.sharpness(model, None, loss, hvp="exact", products=5)
    assert len(outputs) > 3
    assert len(set(outputs)) == 1


def test_a_loader_may_be_given_and_is_not_moved():
    model = made()
    dataset = torch.utils.data.TensorDataset(*data())
    generator = torch.Generator().manual_seed(3)
    loader = torch.utils.data.DataLoader(dataset, batch_size=5, shuffle=True, generator=generator)
    before, noise = generator.get_state(), torch.get_rng_state()
    assert st.sharpness(model, None, cross_entropy, loader, products=3).gradients % 4 == 0
    assert torch.equal(generator.get_state(), before)
    assert torch.equal(torch.get_rng_state(), noise)


def test_it_works_where_gradients_are_off():
    model, batch = made(0.0), data()
    with torch.no_grad():
        said = st.sharpness(model, None, cross_entropy, [batch])
        assert not torch.is_grad_enabled()
    assert said == st.sharpness(model, None, cross_entropy, [batch])


def test_a_distributed_model_is_measured_on_its_own_rank(tmp_path):
    model, batch = made(0.0), data()
    alone = st.sharpness(model, None, cross_entropy, [batch])
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        parallel = nn.parallel.DistributedDataParallel(model)
        assert st.sharpness(parallel, None, cross_entropy, [batch]).sharpness == pytest.approx(
            alone.sharpness, rel=1e-4
        )
        # A backward that the measurement had left half prepared would raise here.
        for _ in range(2):
            cross_entropy(parallel(batch[0]), batch[1]).backward()
        assert all(p.grad is not None for p in model.parameters())
    finally:
        torch.distributed.destroy_process_group()


def test_a_sharded_parameter_is_refused():
    class Shard(nn.Parameter):
        def full_tensor(self):
            return self

    with pytest.raises(ArgumentError, match="sharded, complex or sparse"):
        st.sharpness(made(), torch.optim.SGD([Shard(torch.ones(2))], lr=0.1), cross_entropy, [data()])
