"""Two sets of weights: switching between them, saving the right one, and going on as if nothing had been saved."""

import copy
import io
import pickle

import pytest
import torch
from torch import nn

import surefoot.torch as st
from surefoot.errors import ArgumentError, SurefootError, WeightsError

optim = st.optim
EVERY = (optim.ScheduleFreeAdamW, optim.ScheduleFreeSGD, optim.ScheduleFreeRAdam)
DTYPES = (torch.float32, torch.float64, torch.bfloat16)


def network(seed=0, dtype=torch.float32):
    torch.manual_seed(seed)
    # A normalisation's weights, all of one value, and biases of zeros are what fingerprints must cope with.
    return nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 3)).to(dtype)


def pair(kind=optim.ScheduleFreeAdamW, seed=0, dtype=torch.float32, lr=0.05, attached=False):
    model = network(seed, dtype)
    optimizer = kind(model.parameters(), lr=lr)
    if attached:
        optimizer.attach(model)
    return model, optimizer


def train(model, optimizer, steps, start=0):
    dtype = next(model.parameters()).dtype
    for k in range(start, start + steps):
        generator = torch.Generator().manual_seed(k)
        x = torch.randn(16, 6, generator=generator)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x.to(dtype)).float(), (x[:, 0] > 0).long()).backward()
        optimizer.step()


def live(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def averages(optimizer, model):
    with optimizer.evaluating():
        return live(model)


def written(thing):
    """Return ``thing`` as it comes back from a file."""
    file = io.BytesIO()
    torch.save(thing, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", EVERY)
def test_switching_is_idempotent_and_comes_back_bit_for_bit(kind, dtype):
    model, optimizer = pair(kind, dtype=dtype)
    train(model, optimizer, 8)
    y = live(model)
    optimizer.train()
    assert same(live(model), y)
    optimizer.eval()
    x = live(model)
    assert not same(x, y)
    assert not optimizer.training
    optimizer.eval()
    assert same(live(model), x)
    optimizer.train()
    assert same(live(model), y)
    assert optimizer.training


def test_before_the_first_update_all_three_are_one():
    model, optimizer = pair()
    before = live(model)
    assert same(averages(optimizer, model), before)
    assert same(optimizer.evaluation_state_dict(model), model.state_dict())
    optimizer.eval()
    train(model, optimizer, 1)
    other, second = pair()
    train(other, second, 1)
    assert same(live(model), live(other))


def test_evaluating_nests_and_survives_an_exception():
    model, optimizer = pair()
    train(model, optimizer, 5)
    y, x = live(model), averages(optimizer, model)
    with pytest.raises(KeyError), optimizer.evaluating():  # noqa: PT012  what is tested is the way out
        with optimizer.evaluating():
            assert same(live(model), x)
        assert same(live(model), x)
        raise KeyError
    assert same(live(model), y)
    optimizer.eval()
    with optimizer.evaluating():
        pass
    assert not optimizer.training


def test_a_step_in_eval_mode_goes_back_to_train_mode_by_itself():
    model, optimizer = pair()
    train(model, optimizer, 5)
    y = live(model)
    optimizer.eval()
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    twin_model, twin = pair()
    train(twin_model, twin, 5)
    for p in twin_model.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step()
    twin.step()
    assert optimizer.training
    # The step starts from y, not from x.
    assert same(live(model), live(twin_model))
    assert not same(live(model), y)


@pytest.mark.parametrize("attached", [False, True])
def test_evaluating_never_changes_a_run(attached):
    one, first = pair(attached=attached)
    other, second = pair()
    for k in range(12):
        train(one, first, 1, start=k)
        train(other, second, 1, start=k)
        with first.evaluating():
            first.evaluation_state_dict(one)
        one.state_dict()
        first.state_dict()
    assert same(live(one), live(other))


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_evaluation_state_dict_is_what_eval_mode_holds_and_leaves_the_weights_alone(kind, dtype):
    model, optimizer = pair(kind, dtype=dtype)
    train(model, optimizer, 8)
    y = live(model)
    found = optimizer.evaluation_state_dict(model)
    assert same(live(model), y)
    assert same(found, averages(optimizer, model))
    optimizer.eval()
    kept = optimizer.evaluation_state_dict(model)
    optimizer.train()
    # Copies: what is held does not turn into y.
    assert same(kept, found)


@pytest.mark.parametrize("attached", [False, True])
@pytest.mark.parametrize("evaluated", [False, True])
@pytest.mark.parametrize("order", ["model first", "optimizer first"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", EVERY)
def test_a_resumed_run_is_the_run_bit_for_bit(kind, dtype, order, evaluated, attached):
    model, optimizer = pair(kind, dtype=dtype, attached=attached)
    train(model, optimizer, 7)
    if evaluated:
        optimizer.eval()
    saved = written({"model": model.state_dict(), "optimizer": optimizer.state_dict()})
    optimizer.train()
    train(model, optimizer, 7, start=7)

    other, second = pair(kind, seed=1, dtype=dtype, attached=attached)
    for what in ("model", "optimizer") if order == "model first" else ("optimizer", "model"):
        (other if what == "model" else second).load_state_dict(saved[what])
    second.train()
    train(other, second, 7, start=7)
    assert same(live(other), live(model))
    assert same(averages(second, other), averages(optimizer, model))


@pytest.mark.parametrize("order", ["model first", "optimizer first"])
def test_a_run_that_was_used_before_loads_a_pair_as_a_fresh_one_does(order):
    for attached in (False, True):
        for mode in ("train", "eval"):
            model, optimizer = pair(attached=attached)
            train(model, optimizer, 5)
            saved = copy.deepcopy({"model": model.state_dict(), "optimizer": optimizer.state_dict()})
            train(model, optimizer, 5, start=5)
            want = live(model)
            getattr(optimizer, mode)()
            parts = [(model, "model"), (optimizer, "optimizer")]
            for part, name in parts if order == "model first" else reversed(parts):
                part.load_state_dict(saved[name])
            optimizer.train()
            train(model, optimizer, 5, start=5)
            assert same(live(model), want)


@pytest.mark.parametrize("kind", EVERY)
def test_an_attached_model_saves_the_evaluation_weights_whatever_the_mode(kind):
    model, optimizer = pair(kind, attached=True)
    train(model, optimizer, 6)
    y, x = live(model), averages(optimizer, model)
    wrapped = nn.ModuleDict({"net": model})
    for mode in (optimizer.train, optimizer.eval):
        mode()
        assert same(model.state_dict(), x)
        assert same({name.removeprefix("net."): t for name, t in wrapped.state_dict().items()}, x)
        assert same(written(model.state_dict()), x)
        assert torch.equal(model[0].state_dict()["weight"], x["0.weight"])
        for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301  our own
            assert same(copied.state_dict(), x)
            assert same(live(copied), x)
        with torch.no_grad():
            held = copy.deepcopy(model)
            held[0].weight.fill_(7.0)
        # A copy is a model of its own.
        assert held.state_dict()["0.weight"].unique().item() == 7.0
    optimizer.train()
    assert same(live(model), y)
    optimizer.detach(model)
    assert same(model.state_dict(), y)


def test_attaching_twice_is_attaching_once_and_late_is_early_enough():
    model, optimizer = pair(attached=True)
    train(model, optimizer, 7)
    saved = copy.deepcopy({"model": model.state_dict(), "optimizer": optimizer.state_dict()})
    train(model, optimizer, 7, start=7)
    other, second = pair(seed=1)
    # Not attached yet: the optimizer's state is loaded first, and the model's puts x over its y.
    second.load_state_dict(saved["optimizer"])
    other.load_state_dict(saved["model"])
    second.attach(other)
    second.attach(other)
    hooks = [hook for module in other.modules() for hook in module._state_dict_hooks.values()]
    assert len(hooks) == 4
    train(other, second, 7, start=7)
    assert same(live(other), live(model))


def test_best_weights_that_are_loaded_into_an_attached_model_are_what_is_evaluated():
    model, optimizer = pair(attached=True)
    train(model, optimizer, 5)
    best = copy.deepcopy(model.state_dict())
    train(model, optimizer, 5, start=5)
    model.load_state_dict(best)
    assert same(live(model), best)
    assert same(model.state_dict(), best)
    with optimizer.evaluating():
        assert same(live(model), best)
    train(model, optimizer, 1, start=10)
    assert optimizer.training
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_a_frozen_or_foreign_parameter_is_saved_as_it_is():
    model = network()
    model[0].weight.requires_grad_(requires_grad=False)
    optimizer = optim.ScheduleFreeAdamW([p for p in model.parameters() if p.requires_grad], lr=0.05)
    optimizer.attach(model)
    train(model, optimizer, 4)
    assert torch.equal(model.state_dict()["0.weight"], model[0].weight)
    assert same(model.state_dict(), averages(optimizer, model))


def test_two_optimizers_of_one_model_leave_each_others_parameters_alone():
    model = network()
    weights, biases = ([p for n, p in model.named_parameters() if n.endswith(end)] for end in ("weight", "bias"))
    first, second = optim.ScheduleFreeSGD(weights, lr=0.1), optim.ScheduleFreeAdamW(biases, lr=0.1)
    first.attach(model)
    second.attach(model)
    for _ in range(4):
        model.zero_grad()
        model(torch.randn(4, 6)).square().mean().backward()
        first.step()
        second.step()
    with first.evaluating(), second.evaluating():
        x = live(model)
    assert same(model.state_dict(), x)
    assert same(live(copy.deepcopy(model)), x)
    first.eval()
    assert same(model.state_dict(), x)
    assert same(first.evaluation_state_dict(model), x)
    first.detach(model)
    first.train()
    assert {name for name, t in model.state_dict().items() if torch.equal(t, x[name])} == {n for n in x if "bias" in n}


def test_a_group_that_was_added_in_eval_mode_is_saved_and_loaded_with_the_others():
    model, head = network(), nn.Linear(3, 2)
    optimizer = optim.ScheduleFreeAdamW(model.parameters(), lr=0.05)
    train(model, optimizer, 4)
    optimizer.eval()
    optimizer.add_param_group({"params": list(head.parameters())})
    saved = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    optimizer.train()
    other = network(1)
    second = optim.ScheduleFreeAdamW([{"params": list(m.parameters())} for m in (other, nn.Linear(3, 2))])
    other.load_state_dict(saved[0])
    second.load_state_dict(saved[1])
    second.train()
    assert same(live(other), live(model))


def test_tied_weights_are_one_tensor_in_a_state_dict():
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    model[1].weight = model[0].weight
    optimizer = optim.ScheduleFreeSGD(model.parameters(), lr=0.1)
    optimizer.attach(model)
    for _ in range(3):
        model(torch.ones(1, 4)).sum().backward()
        optimizer.step()
    saved = model.state_dict()
    assert saved["0.weight"].data_ptr() == saved["1.weight"].data_ptr()
    optimizer.detach(model)
    weights = optim.evaluation_weights(model.state_dict(), optimizer.state_dict())
    assert same(weights, saved)


@pytest.mark.parametrize("attached", [False, True])
def test_inference_mode_is_as_good_a_place_to_evaluate_and_save_as_any(attached):
    model, optimizer = pair(attached=attached)
    train(model, optimizer, 5)
    y, x = live(model), averages(optimizer, model)
    with torch.inference_mode():
        first, second = optimizer.evaluation_state_dict(model), optimizer.evaluation_state_dict(model)
        optimizer.eval()
        assert same(first, x)
        assert same(second, model.state_dict())
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    optimizer.train()
    assert same(live(model), y)
    train(model, optimizer, 1)


@pytest.mark.parametrize("bad", [3, nn.Linear(2, 2)])
def test_what_is_no_model_of_the_optimizer_can_not_be_attached(bad):
    _, optimizer = pair()
    with pytest.raises(ArgumentError, match="model="):
        optimizer.attach(bad)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("order", ["model first", "optimizer first", "used"])
def test_a_mismatched_pair_is_refused_with_a_sentence_and_can_be_declared(kind, order, dtype):
    model, optimizer = pair(kind, dtype=dtype)
    train(model, optimizer, 8)
    y, training = written(model.state_dict()), written(optimizer.state_dict())
    optimizer.eval()
    x, evaluation = written(model.state_dict()), written(optimizer.state_dict())
    for weights, state, name in ((x, training, "x"), (y, evaluation, "y")):
        other, second = pair(kind, seed=1, dtype=dtype)
        if order == "model first":
            other.load_state_dict(weights)
            with pytest.raises(WeightsError, match=f"declare\\('{name}'\\)"):
                second.load_state_dict(state)
        else:
            if order == "used":
                train(other, second, 2)
            second.load_state_dict(state)
            other.load_state_dict(weights)
        before = live(other)
        for use in (second.train, second.eval, second.step, second.state_dict):
            with pytest.raises(SurefootError, match="the parameters hold the"):
                use()
        assert same(live(other), before)
        second.declare(name)
        assert second.training == (name == "y")
        torch.testing.assert_close(averages(second, other), averages(optimizer, model))
        second.train()
        torch.testing.assert_close(live(other), {key: y[key] for key in before}, rtol=1e-2, atol=1e-2)


def test_nothing_is_refused_where_nothing_is_wrong():
    fresh, optimizer = pair()
    # Before the first update.
    state = written(optimizer.state_dict())
    other, second = pair(seed=1)
    second.load_state_dict(state)
    train(other, second, 1)
    # Only the optimizer, onto weights of another run.
    train(fresh, optimizer, 6)
    third_model, third = pair(seed=2)
    third.load_state_dict(written(optimizer.state_dict()))
    train(third_model, third, 1)
    # Weights that went through bfloat16.
    for mode in ("train", "eval"):
        getattr(optimizer, mode)()
        rounded = {name: t.bfloat16().float() for name, t in fresh.state_dict().items()}
        for first in ("model", "optimizer"):
            last_model, last = pair(seed=3)
            for name in (first, "optimizer" if first == "model" else "model"):
                if name == "model":
                    last_model.load_state_dict(rounded)
                else:
                    last.load_state_dict(written(optimizer.state_dict()))
            last.train()
            train(last_model, last, 1)


def test_x_that_equals_y_is_never_refused():
    p = nn.Parameter(torch.ones(3))
    optimizer = optim.ScheduleFreeSGD([p], lr=0.0)
    for _ in range(3):
        p.grad = torch.ones(3)
        optimizer.step()
    training = copy.deepcopy(optimizer.state_dict())
    optimizer.eval()
    optimizer.load_state_dict(training)
    optimizer.train()
    assert p.tolist() == [1.0, 1.0, 1.0]


def test_declaring_something_else_is_an_argument_error():
    _, optimizer = pair()
    with pytest.raises(ArgumentError, match="holds='z': say 'x'"):
        optimizer.declare("z")


def test_a_state_without_the_kept_weights_still_comes_back_to_train_mode():
    """The authors' package saves no y: it follows from x and z, up to rounding."""
    model, optimizer = pair()
    train(model, optimizer, 6)
    y = live(model)
    optimizer.eval()
    for state in optimizer.state.values():
        del state["y"]
    saved = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    other, second = pair(seed=1)
    other.load_state_dict(saved[0])
    second.load_state_dict(saved[1])
    second.train()
    torch.testing.assert_close(live(other), y)
