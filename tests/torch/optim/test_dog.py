"""DoG, L-DoG and DoWG against their twins; their average, and what is saved."""

import copy

import numpy as np
import pytest
import torch

from surefoot.errors import ArgumentError
from surefoot.integrations import averaging
from surefoot.torch.optim import DoG, DoWG, LDoG


@pytest.mark.parametrize("backend", ["torch", "numba"])
@pytest.mark.parametrize("kind", [DoG, LDoG])
def test_weights_and_average_go_the_way_of_the_twin(hills, twin, backend, kind):
    given = {"weight_decay": 0.01}
    expected = twin("dog").dog(hills.START, hills.gradient, 300, reps=1e-3, layers=kind is LDoG, **given)
    parameters = hills.parameters()
    optimizer = kind(parameters, reps_rel=1e-3, **given, backend=backend)
    for found, (right, average) in zip(hills.walk(optimizer, parameters, 300), expected, strict=True):
        assert hills.apart(found, right) < 1e-10
        with optimizer.evaluating():
            assert hills.apart(hills.values(parameters), average) < 1e-10
        assert hills.apart(hills.values(parameters), found) == 0


@pytest.mark.parametrize("backend", ["torch", "numba"])
def test_dowg_goes_the_way_of_its_twin(hills, twin, backend):
    expected = twin("dog").dowg(hills.START, hills.gradient, 300)
    parameters = hills.parameters()
    walk = hills.walk(DoWG(parameters, backend=backend), parameters, 300)
    for found, right in zip(walk, expected, strict=True):
        assert hills.apart(found, right) < 1e-10


def test_one_tensor_alone_is_the_same_for_dog_and_ldog(hills):
    ends = []
    for kind in (DoG, LDoG):
        w = torch.nn.Parameter(torch.tensor(hills.START[0]))
        optimizer = kind([w])
        for _ in range(50):
            w.grad = w.detach().clone()
            optimizer.step()
        ends.append((w.tolist(), optimizer.d, optimizer.effective_lr))
    assert ends[0] == ends[1]


def test_first_steps_of_a_millionth_are_not_lost_in_bfloat16():
    w = torch.nn.Parameter(torch.ones(64, dtype=torch.bfloat16))
    optimizer = DoG([w])
    for _ in range(300):
        w.grad = w.detach().clone()
        optimizer.step()
    assert optimizer.d > 1.0
    assert w.abs().max() < 0.2


def test_a_shared_rate_is_scaled_by_each_groups_lr(hills):
    parameters = hills.parameters()
    optimizer = DoG([{"params": parameters[:1], "lr": 0.5}, {"params": parameters[1:]}], average=None)
    before = hills.values([p.detach().clone() for p in parameters])
    list(hills.walk(optimizer, parameters, 1))
    moves = [np.ravel((b - p) / g.numpy())[0] for b, p, g in _moves(before, parameters)]
    assert moves[1] == pytest.approx(2 * moves[0], rel=1e-6)
    assert moves[2] == pytest.approx(moves[1], rel=1e-6)
    assert optimizer.effective_lr == pytest.approx(moves[1], rel=1e-6)


def _moves(before, parameters):
    return zip(before, [p.detach().numpy() for p in parameters], [p.grad for p in parameters], strict=True)


def model_of(kind=DoG, steps=30):
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 2)
    optimizer = kind(model.parameters(), reps_rel=1e-2)
    run(model, optimizer, steps)
    return model, optimizer


def run(model, optimizer, steps, seed=1):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        optimizer.zero_grad()
        (model(torch.randn(8, 4, generator=generator)) ** 2).mean().backward()
        optimizer.step()


def same(model, other):
    return all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), other.state_dict().values(), strict=True))


def test_the_average_is_what_an_attached_model_saves():
    model, optimizer = model_of()
    live = copy.deepcopy(model)
    optimizer.attach(model)
    saved = {name: t.clone() for name, t in model.state_dict().items()}
    with optimizer.evaluating():
        assert all(torch.equal(p, saved[name]) for name, p in model.named_parameters())
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), live.parameters(), strict=True))
    assert not torch.equal(saved["weight"], live.weight)
    optimizer.detach(model)
    assert same(model, live)


@pytest.mark.parametrize("saved_in", ["train", "eval"])
@pytest.mark.parametrize("order", ["model first", "optimizer first"])
@pytest.mark.parametrize("held", ["average", "training"])
def test_a_run_resumes_from_its_training_weights_whatever_the_model_saved(saved_in, order, held):
    model, optimizer = model_of()
    ahead, ahead_optimizer = model_of()
    run(ahead, ahead_optimizer, 10, seed=2)
    weights = optimizer.evaluation_state_dict(model) if held == "average" else copy.deepcopy(model.state_dict())
    getattr(optimizer, saved_in)()
    state = copy.deepcopy(optimizer.state_dict())
    again, again_optimizer = model_of(steps=0)
    if order == "model first":
        again.load_state_dict(weights)
    again_optimizer.load_state_dict(state)
    if order == "optimizer first":
        again.load_state_dict(weights)
        again_optimizer.train()
    run(again, again_optimizer, 10, seed=2)
    assert same(again, ahead)


def test_switches_may_be_thrown_twice_and_forgotten():
    model, optimizer = model_of()
    plain, plain_optimizer = model_of()
    optimizer.eval()
    optimizer.eval()
    average = copy.deepcopy(model.state_dict())
    optimizer.train()
    optimizer.train()
    assert same(model, plain)
    optimizer.eval()
    assert all(torch.equal(average[name], t) for name, t in model.state_dict().items())
    optimizer.step(lambda: 0.0)
    plain_optimizer.step(lambda: 0.0)
    assert optimizer.training
    assert not torch.equal(model.weight, average["weight"])


def test_a_copy_of_an_attached_pair_goes_on_as_the_original_does():
    model, optimizer = model_of()
    optimizer.attach(model)
    other, other_optimizer = copy.deepcopy((model, optimizer))
    other_optimizer.train()
    run(other, other_optimizer, 5, seed=2)
    run(model, optimizer, 5, seed=2)
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), other.parameters(), strict=True))


def test_callbacks_of_frameworks_attach_it_as_they_attach_schedule_free():
    model, optimizer = model_of()
    averaging.attach(model, [None, optimizer])
    assert averaging.averaged([optimizer]) == [optimizer]
    assert torch.equal(model.state_dict()["weight"], optimizer.evaluation_weights_of(model.weight))
    assert not torch.equal(model.state_dict()["weight"], model.weight)


def test_evaluating_in_inference_mode_leaves_nothing_behind():
    model, optimizer = model_of()
    plain, plain_optimizer = model_of()
    with torch.inference_mode(), optimizer.evaluating():
        model(torch.ones(1, 4))
    run(model, optimizer, 3, seed=2)
    run(plain, plain_optimizer, 3, seed=2)
    assert same(model, plain)


def test_tied_weights_are_saved_as_one_tensor():
    first = torch.nn.Linear(4, 4)
    model = torch.nn.Sequential(first, torch.nn.Linear(4, 4))
    model[1].weight = first.weight
    optimizer = DoG(model.parameters())
    run(model, optimizer, 2)
    optimizer.attach(model)
    saved = model.state_dict()
    assert saved["0.weight"].data_ptr() == saved["1.weight"].data_ptr()
    before = saved["0.weight"].clone()
    run(model, optimizer, 2)
    assert torch.equal(saved["0.weight"], before)
    assert not torch.equal(model.state_dict()["0.weight"], before)


def test_without_an_average_the_weights_are_their_own():
    w = torch.nn.Parameter(torch.ones(2))
    optimizer = DoG([w], average=None)
    w.grad = torch.ones(2)
    optimizer.step()
    with optimizer.evaluating():
        assert torch.equal(optimizer.evaluation_weights_of(w), w)
    assert set(optimizer.state[w]) == {"x0"}


@pytest.mark.parametrize(
    ("kind", "wrong", "said"),
    [
        (DoG, {"reps_rel": 0.0}, "reps_rel=0.0"),
        (DoG, {"lr": 0.0}, "lr=0.0"),
        (LDoG, {"weight_decay": -1}, "weight_decay=-1"),
        (DoWG, {"eps": 0.0}, "eps=0.0"),
        (DoWG, {"average": -1.0}, "average=-1.0"),
    ],
)
def test_arguments_out_of_range_are_named(kind, wrong, said):
    with pytest.raises(ArgumentError, match=said):
        kind([torch.nn.Parameter(torch.zeros(1))], **wrong)


def test_only_its_own_model_can_be_attached():
    _, optimizer = model_of(steps=0)
    with pytest.raises(ArgumentError, match="holds no parameter"):
        optimizer.attach(torch.nn.Linear(1, 1))
    with pytest.raises(ArgumentError, match="is no torch"):
        optimizer.attach("model")
