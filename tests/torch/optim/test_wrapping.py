"""Wrappers share everything with what they wrap, and are optimizers themselves."""

import copy
import pickle

import pytest
import torch

import surefoot as sf
import surefoot.torch as st
from surefoot.errors import ArgumentError, FormatError
from surefoot.torch.optim import GIAdam, Mechanic, MoMo

WRAPPERS = pytest.mark.parametrize("kind", [Mechanic, MoMo])


def told(kind):
    return {"loss": 1.0} if kind is MoMo else {}


def pair(kind, steps=4, base=torch.optim.AdamW):
    w = torch.nn.Parameter(torch.ones(5))
    inner = base([w], lr=0.1)
    optimizer = kind(inner)
    for _ in range(steps):
        w.grad = w.detach().clone()
        optimizer.step(**told(kind))
    return w, inner, optimizer


@WRAPPERS
def test_groups_state_and_defaults_are_one_and_the_same(kind):
    w, inner, optimizer = pair(kind)
    assert optimizer.param_groups is inner.param_groups
    assert optimizer.state is inner.state
    assert optimizer.defaults is inner.defaults
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert optimizer.param_groups is inner.param_groups
    assert optimizer.state is inner.state
    assert {"exp_avg", "exp_avg_sq", "step"} < set(inner.state[w])


@WRAPPERS
@pytest.mark.parametrize("base", [torch.optim.SGD, torch.optim.RMSprop, torch.optim.Adagrad, GIAdam])
def test_it_goes_around_any_optimizer(kind, base):
    w, _, optimizer = pair(kind, steps=3, base=base)
    again, inner = torch.nn.Parameter(w.detach().clone()), None
    inner = base([again], lr=0.1)
    resumed = kind(inner)
    resumed.load_state_dict(optimizer.state_dict())
    for _ in range(3):
        w.grad, again.grad = w.detach().clone(), again.detach().clone()
        optimizer.step(**told(kind))
        resumed.step(**told(kind))
    assert torch.equal(w, again)


def test_mechanic_of_momo_and_momo_of_mechanic_are_optimizers_too():
    for around, inside in ((Mechanic, MoMo), (MoMo, Mechanic)):
        w = torch.nn.Parameter(torch.ones(2))
        within = inside(torch.optim.SGD([w], lr=0.1))
        if around is MoMo:
            optimizer = around(within)
            for _ in range(3):
                w.grad = w.detach().clone()
                optimizer.step(loss=1.0)
            assert {"mechanic_delta", "momo_exp_avg"} < set(optimizer.state[w])
        else:
            w.grad = w.detach().clone()
            optimizer = around(within)
            with pytest.raises(ArgumentError, match=r"step\(loss=loss\)"):
                optimizer.step()


@WRAPPERS
def test_a_checkpoint_without_the_wrapper_is_refused(kind):
    _, inner, optimizer = pair(kind)
    plain = torch.optim.AdamW([torch.nn.Parameter(torch.ones(5))], lr=0.1)
    with pytest.raises(FormatError, match=f"without {kind.__name__}"):
        optimizer.load_state_dict(plain.state_dict())
    assert optimizer.state is inner.state


@WRAPPERS
def test_hooks_on_checkpoints_run_on_either(kind):
    _, inner, optimizer = pair(kind)
    seen = []
    optimizer.register_load_state_dict_post_hook(lambda one: seen.append(type(one)))
    inner.register_state_dict_pre_hook(lambda one: seen.append(type(one)))
    optimizer.load_state_dict(optimizer.state_dict())
    assert seen == [torch.optim.AdamW, torch.optim.AdamW]


@WRAPPERS
def test_a_group_that_comes_later_has_the_same_numbers(kind):
    _, inner, optimizer = pair(kind)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(2))], "lr": 0.5})
    first, last = ({k: v for k, v in g.items() if k not in {"params", "lr"}} for g in inner.param_groups)
    assert first == last


@WRAPPERS
def test_it_survives_pickling(kind):
    _, _, optimizer = pair(kind)
    other = pickle.loads(pickle.dumps(optimizer))  # noqa: S301  our own bytes
    w = other.param_groups[0]["params"][0]
    w.grad = torch.ones(5)
    other.step(**told(kind))
    assert other.effective_lr >= 0
    assert "AdamW" in repr(other)


def test_a_schedule_sits_on_the_wrapped_optimizer_and_counts_its_updates():
    w, inner, optimizer = pair(Mechanic, steps=0)
    scheduler = st.Scheduler(optimizer, sf.linear(1.0, total=4), strict=True)
    rates = []
    for _ in range(4):
        w.grad = w.detach().clone()
        optimizer.step()
        rates.append(inner.param_groups[0]["lr"])
    w.grad = torch.full((5,), float("nan"))
    with pytest.warns(RuntimeWarning, match="left out"):
        optimizer.step()
    assert rates == [1.0, 0.75, 0.5, 0.25]
    assert scheduler.position == 4


@WRAPPERS
def test_what_is_no_optimizer_is_named(kind):
    with pytest.raises(ArgumentError, match="is no torch"):
        kind(torch.nn.Linear(1, 1).parameters())
