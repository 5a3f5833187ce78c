import collections
import copy
import random

import numpy as np
import pytest
import torch

from surefoot.torch.memory import remember
from surefoot.torch.snapshot import Scene, seed_all, snapshot


def same(a, b):
    """Bitwise equality of nested state (NaN equals NaN)."""
    if isinstance(a, torch.Tensor):
        return type(a) is type(b) and a.dtype == b.dtype and torch.equal(a.nan_to_num(7), b.nan_to_num(7))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple, collections.deque)):
        return len(a) == len(b) and all(map(same, a, b))
    return np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(4, 8)
        self.norm = torch.nn.BatchNorm1d(8)
        self.last = torch.nn.Linear(8, 4)
        self.last.weight = torch.nn.Parameter(self.first.weight.detach().t().contiguous())
        self.tied = torch.nn.Linear(4, 8, bias=False)
        self.tied.weight = self.first.weight
        self.register_buffer("fleeting", torch.ones(3), persistent=False)
        self.register_buffer("spread", torch.ones(1, 1).expand(5, 3))
        self.register_buffer("meta", torch.empty(3, device="meta"))
        self.low = torch.nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
        self.frozen = torch.nn.Parameter(torch.ones(2), requires_grad=False)
        self.seen = 0
        self.queue = collections.deque([torch.zeros(2)], maxlen=3)
        self.rng = torch.Generator().manual_seed(3)


def spoil_values(net):
    with torch.no_grad():
        for tensor in [*net.parameters(), net.fleeting, *net.norm.buffers()]:
            tensor.fill_(9)
        net.spread.as_strided((1,), (1,)).fill_(9)


def spoil_structure(net):
    net.last.weight = torch.nn.Parameter(torch.zeros(1))
    net.first.weight.data = torch.zeros(8, 4)
    net.frozen.requires_grad_(True)
    net.low.grad = torch.ones_like(net.low)
    net.first.weight.grad.zero_()
    net.first.bias.grad = torch.ones(8)
    net.added = torch.nn.Linear(1, 1)
    del net.tied
    net.norm.eval()
    net.seen += 1
    net.queue.append(torch.ones(2))
    net.queue[0].fill_(5)
    torch.rand(3, generator=net.rng)


@pytest.fixture
def net():
    torch.manual_seed(0)
    net = Net()
    net.first.weight.grad = torch.full((8, 4), 2.0)
    net.last.weight.grad = None
    return net


@pytest.mark.parametrize(
    "spoil", [spoil_values, spoil_structure, lambda net: (spoil_structure(net), spoil_values(net))]
)
def test_a_module_is_put_back_with_its_identities(net, spoil):
    before = copy.deepcopy(net.state_dict(keep_vars=False))
    fleeting, spread = net.fleeting.clone(), net.spread.clone()
    things = [*net.parameters(), *net.buffers(), *net.modules()]
    grads = [(p, p.grad, None if p.grad is None else p.grad.clone()) for p in net.parameters()]
    state, memory = net.rng.get_state(), snapshot(Scene((net,)))

    spoil(net)
    memory.restore()

    assert [id(t) for t in things] == [id(t) for t in [*net.parameters(), *net.buffers(), *net.modules()]]
    del before["meta"]
    assert same({k: v for k, v in net.state_dict().items() if k != "meta"}, before)
    assert torch.equal(net.fleeting, fleeting)
    assert torch.equal(net.spread, spread)
    assert net.spread.stride() == spread.stride() or 0 in net.spread.stride()
    for parameter, grad, values in grads:
        assert parameter.grad is grad
        assert grad is None or torch.equal(grad, values)
    assert net.tied.weight is net.first.weight
    assert not net.frozen.requires_grad
    assert net.norm.training
    assert net.seen == 0
    assert len(net.queue) == 1
    assert torch.equal(net.queue[0], torch.zeros(2))
    assert torch.equal(net.rng.get_state(), state)
    assert not hasattr(net, "added")


def test_a_memory_may_be_restored_twice(net):
    memory = snapshot(Scene((net,)))
    before = net.first.bias.clone()
    for _ in range(2):
        spoil_structure(net)
        spoil_values(net)
        memory.restore()
        assert torch.equal(net.first.bias, before)


def test_storage_that_was_exchanged_is_the_old_one_again(net):
    memory, where = snapshot(Scene((net,))), net.first.weight.data_ptr()
    net.first.weight.data = torch.zeros(8, 4)
    memory.restore()
    assert net.first.weight.data_ptr() == where


def test_a_graph_built_before_can_be_run_backward_after():
    weight = torch.nn.Parameter(torch.tensor(3.0))
    loss = weight * weight
    memory = remember((weight,))
    with torch.no_grad():
        weight.add_(1)
    memory.restore()
    loss.backward()
    assert weight.grad == 6.0


GLOBAL = {
    "python": random.random,
    "numpy": np.random.rand,
    "torch": lambda: torch.rand(()).item(),
}


@pytest.mark.parametrize("draw", GLOBAL.values(), ids=GLOBAL)
def test_global_random_numbers_go_on_as_if_nothing_had_happened(draw):
    memory = snapshot(Scene(()))
    expected = [draw() for _ in range(3)]
    memory.restore()
    for _ in range(5):
        draw()
    memory.restore()
    assert [draw() for _ in range(3)] == expected


HELD = {
    "torch.Generator": (torch.Generator().manual_seed(5), lambda g: torch.rand((), generator=g).item()),
    "random.Random": (random.Random(5), lambda g: g.random()),
    "numpy.Generator": (np.random.default_rng(5), lambda g: g.random()),
    "numpy.RandomState": (np.random.RandomState(5), lambda g: g.rand()),
}


class Dataset:
    def __init__(self, rng):
        self.rng = rng
        self.data = np.zeros(10)
        self.count = 0
        self.augment = {"deep": [rng]}


@pytest.mark.parametrize(("rng", "draw"), HELD.values(), ids=HELD)
def test_generators_held_by_a_loader_are_kept_and_seeded(rng, draw):
    dataset = Dataset(rng)
    loader = torch.utils.data.DataLoader(dataset, batch_size=2, sampler=[0, 1])
    scene = Scene((), (loader,))
    memory = snapshot(scene)
    expected = draw(rng)
    dataset.count = 4
    memory.restore()
    assert dataset.count == 0
    seed_all(scene, 11)
    first = draw(rng)
    seed_all(scene, 11)
    assert draw(rng) == first
    memory.restore()
    assert draw(rng) == expected


def test_the_data_of_a_loader_are_not_copied():
    data = torch.zeros(10)
    dataset = torch.utils.data.TensorDataset(data)
    memory = snapshot(Scene((), (torch.utils.data.DataLoader(dataset),)))
    data.fill_(1)
    memory.restore()
    assert data.sum() == 10


class Stateful:
    """A loader whose position only its own methods can reach."""

    def __init__(self):
        self.position = iter(range(100))
        self.loaded = 0

    def state_dict(self):
        return {"at": self.position.__reduce__()[2] if len(self.position.__reduce__()) > 2 else 0}

    def load_state_dict(self, state):
        self.loaded += 1
        self.position.__setstate__(state["at"])


def test_a_loader_with_a_state_dict_is_put_back_by_it():
    loader = Stateful()
    next(loader.position)
    memory = snapshot(Scene((), (loader,)))
    for _ in range(7):
        next(loader.position)
    memory.restore()
    assert next(loader.position) == 1


def test_a_loader_that_is_where_it_was_is_not_told_to_load():
    loader = Stateful()
    snapshot(Scene((), (loader,))).restore()
    assert loader.loaded == 0


def test_global_modes_are_put_back():
    memory = snapshot(Scene(()))
    torch.set_grad_enabled(False)
    torch.autograd.set_detect_anomaly(True)
    torch.set_default_dtype(torch.float64)
    memory.restore()
    assert torch.is_grad_enabled()
    assert not torch.is_anomaly_enabled()
    assert torch.get_default_dtype() == torch.float32


class Slotted:
    __slots__ = ("items", "value")

    def __init__(self):
        self.value, self.items = 1, {1, 2}


def test_objects_with_slots_and_sets_are_put_back():
    thing = Slotted()
    memory, items = remember(([thing],)), thing.items
    thing.items.add(3)
    thing.value, thing.items = 2, set()
    memory.restore()
    assert (thing.value, thing.items) == (1, {1, 2})
    assert thing.items is items


def test_a_module_does_not_drag_in_what_it_merely_refers_to():
    net = torch.nn.Linear(1, 1)
    net.trainer = Slotted()
    memory = remember((net,))
    net.trainer.value = 2
    memory.restore()
    assert net.trainer.value == 2
