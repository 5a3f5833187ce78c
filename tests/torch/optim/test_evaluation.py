"""Evaluation weights out of a checkpoint of training weights, and the numbers by which weights are known again."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from torch import nn

import surefoot.torch as st
from surefoot.errors import ArgumentError
from surefoot.torch.optim.evaluation_fingerprint import entry, fingerprint, verdict

optim = st.optim
EVERY = (optim.ScheduleFreeAdamW, optim.ScheduleFreeSGD, optim.ScheduleFreeRAdam)


def network(dtype=torch.float32):
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(64, 3), nn.LayerNorm(3), nn.LayerNorm(3)).to(dtype)


def trained(kind, dtype=torch.float32, groups=False):
    model = network(dtype)
    first, *rest = model.parameters()
    parameters = [{"params": rest, "lr": 0.02}, {"params": [first]}] if groups else model.parameters()
    optimizer = kind(parameters, lr=0.05)
    torch.manual_seed(1)
    for _ in range(6):
        optimizer.zero_grad()
        x = torch.randn(8, 1, 8, 8).to(dtype)
        nn.functional.cross_entropy(model(x).float(), torch.randint(3, (8,))).backward()
        optimizer.step()
    return model, optimizer


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize("groups", [False, True])
@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_checkpoint_of_train_mode_is_converted_to_what_eval_mode_holds(kind, dtype, groups):
    model, optimizer = trained(kind, dtype, groups)
    y, training = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    optimizer.eval()
    x, evaluation = model.state_dict(), optimizer.state_dict()
    assert not same(x, y)
    for state in (training, evaluation):
        # Whichever mode the state was saved in, and whichever weights it meets.
        assert same(optim.evaluation_weights(y, state), x)
        assert same(optim.evaluation_weights(x, state), x)


def test_weights_that_were_rounded_are_found_by_their_place():
    model, optimizer = trained(optim.ScheduleFreeAdamW)
    rounded = {name: t.bfloat16() if t.is_floating_point() else t for name, t in model.state_dict().items()}
    found = optim.evaluation_weights(rounded, optimizer.state_dict())
    want = optimizer.evaluation_state_dict(model)
    for name, t in found.items():
        assert t.dtype == rounded[name].dtype
        torch.testing.assert_close(t.to(want[name].dtype), want[name], rtol=0.02, atol=0.02)


def test_names_stand_in_where_the_state_says_nothing():
    model, optimizer = trained(optim.ScheduleFreeSGD)
    y, state = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    for group in state["param_groups"]:
        del group["fingerprints"], group["model_holds"]
    names = [name for name, _ in model.named_parameters()]
    assert same(optim.evaluation_weights(y, state, names), optimizer.evaluation_state_dict(model))
    with pytest.raises(ArgumentError, match="pass names"):
        optim.evaluation_weights(y, state)
    with pytest.raises(ArgumentError, match=r"names: parameter 0 .* is called '0.bias'"):
        optim.evaluation_weights(y, state, names[1:])


def test_two_that_were_not_saved_together_are_refused():
    model, optimizer = trained(optim.ScheduleFreeSGD)
    other = {name: t + 1 for name, t in model.state_dict().items()}
    with pytest.raises(ArgumentError, match="pass the two that were saved at the same update"):
        optim.evaluation_weights(other, optimizer.state_dict())


@given(some.integers(0, 200_000), some.integers(0, 3))
def test_a_fingerprint_is_the_same_for_every_layout_and_adds_up(size, seed):
    torch.manual_seed(seed)
    a, b = torch.randn(2, size, dtype=torch.float64)
    assert fingerprint(a + b) == pytest.approx(fingerprint(a) + fingerprint(b), abs=1e-6)
    assert fingerprint(a.view(1, -1).t()) == fingerprint(a)
    assert abs(fingerprint(a) - fingerprint(a.float())) <= 1e-6 * float(a.norm()) + 1e-12


def test_a_fingerprint_sees_what_a_plain_sum_does_not():
    t = torch.randn(1000, 3)
    moved = t + torch.randn(3)[torch.randperm(3)] * 0
    moved[0] += 1
    moved[1] -= 1
    assert float(moved.sum()) == pytest.approx(float(t.sum()), abs=1e-3)
    assert abs(fingerprint(moved) - fingerprint(t)) > 0.01


@given(some.floats(1e-6, 10), some.integers(0, 50))
def test_a_verdict_is_never_wrong_about_weights_or_their_rounded_copies(distance, seed):
    torch.manual_seed(seed)
    held = [torch.randn(20, 30), torch.randn(40)]
    other = [t + distance * torch.randn_like(t) for t in held]
    entries = [entry(fingerprint(a), fingerprint(b), a) for a, b in zip(held, other, strict=True)]
    assert verdict(held, entries) == "held"
    assert verdict(other, entries) == "other"
    assert verdict([t.bfloat16().float() for t in held], entries) in {"held", ""}
    assert verdict([t + 1000.0 for t in held], entries) == ""
    assert verdict(held, [None, None]) == ""
