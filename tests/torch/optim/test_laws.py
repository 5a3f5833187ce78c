"""What GI-Adam, DoG and its kin, MoMo and Mechanic must all do: one list of methods, one test for each law."""

import copy
import io

import pytest
import torch

import surefoot as sf
import surefoot.torch as st
from surefoot.torch import optim

METHODS = {
    "GIAdam": lambda ps, **given: optim.GIAdam(ps, lr=0.05, **given),
    "DoG": lambda ps, **given: optim.DoG(ps, reps_rel=1e-3, **given),
    "LDoG": lambda ps, **given: optim.LDoG(ps, reps_rel=1e-3, **given),
    "DoWG": optim.DoWG,
    "MoMoSGD": optim.MoMoSGD,
    "MoMoAdam": lambda ps, **given: optim.MoMoAdam(ps, lr=0.1, **given),
    "Mechanic of SGD": lambda ps, **given: optim.Mechanic(torch.optim.SGD(ps, lr=0.3), s_init=1e-3, **given),
    "Mechanic of AdamW": lambda ps, **given: optim.Mechanic(torch.optim.AdamW(ps, lr=0.1), s_init=1e-3, **given),
    "MoMo of AdamW": lambda ps, **given: optim.MoMo(torch.optim.AdamW(ps, lr=1.0), **given),
    "MoMo of GIAdam": lambda ps, **given: optim.MoMo(optim.GIAdam(ps, lr=1.0), **given),
}
ALL = pytest.mark.parametrize("name", METHODS)
BACKENDS = ("torch", "numba")
BOTH = pytest.mark.parametrize("backend", BACKENDS)


def told(name):
    return {"loss": 1.0} if "MoMo" in name else {}


def step(name, optimizer, parameters, seed, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    for p in parameters:
        p.grad = (p.detach() * scale + torch.randn(p.shape, generator=generator).to(p.dtype)).to(p.dtype)
    optimizer.step(**told(name))


def parameters(dtype=torch.float32):
    generator = torch.Generator().manual_seed(5)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator).to(dtype)) for shape in ((40, 30), (7,), ())]


def trained(name, steps, dtype=torch.float32, **given):
    ps = parameters(dtype)
    optimizer = METHODS[name](ps, **given)
    for t in range(steps):
        step(name, optimizer, ps, t)
    return ps, optimizer


def same(some, others):
    return all(torch.equal(a, b) for a, b in zip(some, others, strict=True))


def alike(one, other):
    if torch.is_tensor(one):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(alike, one, other))
    return one == other


@ALL
def test_the_two_backends_agree(name):
    ends = [trained(name, 100, backend=backend)[0] for backend in BACKENDS]
    for a, b in zip(*ends, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


# torch's own AdamW divides by 0 in float16, and numba takes none of it.
KINDS = [(name, kind, backend) for name in METHODS for kind in (torch.float32, torch.bfloat16) for backend in BACKENDS]
HALF = [(name, torch.float16, "torch") for name in METHODS if "AdamW" not in name]


@pytest.mark.parametrize(("name", "dtype", "backend"), [*KINDS, *HALF])
def test_a_resumed_run_is_the_same_bit_for_bit(name, dtype, backend):
    straight, _ = trained(name, 20, dtype, backend=backend)
    ps, optimizer = trained(name, 10, dtype, backend=backend)
    file = io.BytesIO()
    torch.save({"optimizer": optimizer.state_dict(), "weights": [p.detach() for p in ps]}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    again = [torch.nn.Parameter(w) for w in saved["weights"]]
    resumed = METHODS[name](again, backend=backend)
    resumed.load_state_dict(saved["optimizer"])
    for t in range(10, 20):
        step(name, resumed, again, t)
    assert same(straight, again)


@ALL
@BOTH
def test_a_gradient_that_is_no_number_changes_nothing(name, backend):
    ps, optimizer = trained(name, 5, backend=backend)
    weights, state = copy.deepcopy(ps), copy.deepcopy(optimizer.state_dict())
    for p in ps:
        p.grad = torch.ones_like(p)
    ps[0].grad[3, 4] = float("nan")
    with pytest.warns(optim.GradientSkipped):
        optimizer.step(**told(name))
    assert same(weights, ps)
    assert alike(state, optimizer.state_dict())


@ALL
def test_one_bad_number_deep_in_a_large_gradient_poisons_nothing(name):
    w = torch.nn.Parameter(torch.ones(100_000))
    optimizer = METHODS[name]([w])
    for t in range(3):
        w.grad = torch.ones_like(w)
        if t == 1:
            w.grad[40_000] = float("inf")
            with pytest.warns(optim.GradientSkipped):
                optimizer.step(**told(name))
        else:
            optimizer.step(**told(name))
    tensors = [v for v in optimizer.state[w].values() if torch.is_tensor(v)]
    assert all(bool(t.isfinite().all()) for t in [w, *tensors])


@ALL
def test_a_constant_gradient_never_overflows(name):
    w = torch.nn.Parameter(torch.ones(3))
    optimizer = METHODS[name]([w])
    # Left alone, DoG grows like exp(2 sqrt(t)): beyond float32 after two thousand updates.
    for _ in range(2500 if "Do" in name else 500):
        w.grad = torch.ones(3)
        optimizer.step(**told(name))
    assert w.isfinite().all()
    assert optimizer.effective_lr < 1e6


@ALL
def test_zero_gradients_at_first_do_no_harm(name):
    w = torch.nn.Parameter(torch.ones(3))
    optimizer = METHODS[name]([w])
    for _ in range(2):
        w.grad = torch.zeros(3)
        optimizer.step(**told(name))
    assert w.tolist() == pytest.approx([1.0] * 3, abs=0.21)
    for _ in range(200):
        w.grad = w.detach() * 1.0
        optimizer.step(**({"loss": float((w.detach() ** 2).sum() / 2)} if told(name) else {}))
    assert w.isfinite().all()
    assert w.abs().max() < 1.0


@ALL
def test_weights_that_begin_at_zero_learn(name):
    w = torch.nn.Parameter(torch.zeros(3))
    optimizer = METHODS[name]([w])
    for _ in range(400):
        w.grad = w.detach() - 1
        optimizer.step(**({"loss": float(((w.detach() - 1) ** 2).sum() / 2)} if told(name) else {}))
    assert (w.detach() - 1).abs().max() < 0.5


@ALL
def test_frozen_and_late_parameters_are_taken_as_they_come(name):
    ps = parameters()
    ps[0].requires_grad_(requires_grad=False)
    frozen = ps[0].detach().clone()
    late = torch.nn.Parameter(torch.ones(4))
    optimizer = METHODS[name](ps)
    for t in range(6):
        step(name, optimizer, ps[1:], t)
    optimizer.add_param_group({"params": [late], "lr": optimizer.param_groups[0]["lr"]})
    for t in range(6, 40):
        step(name, optimizer, [*ps[1:], late], t)
    assert torch.equal(ps[0], frozen)
    assert not torch.equal(late, torch.ones(4))
    assert late.isfinite().all()


@ALL
def test_a_copy_goes_on_as_the_original_does_and_apart_from_it(name):
    ps, optimizer = trained(name, 8)
    torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    others, other = copy.deepcopy((ps, optimizer))
    kept = [p.detach().clone() for p in ps]
    for t in range(8, 16):
        step(name, other, others, t)
    assert same(kept, ps)
    for t in range(8, 16):
        step(name, optimizer, ps, t)
    assert same(ps, others)


@ALL
def test_schedulers_of_torch_and_of_surefoot_write_its_rate(name):
    ps = parameters()
    optimizer = METHODS[name](ps)
    assert isinstance(optimizer, torch.optim.Optimizer)
    rate = optimizer.param_groups[0]["lr"]
    halving = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    step(name, optimizer, ps, 0)
    halving.step()
    assert optimizer.param_groups[0]["lr"] == rate / 2

    ps = parameters()
    optimizer = METHODS[name](ps)
    scheduler = st.Scheduler(optimizer, sf.linear(rate, total=10, warmup=2), strict=True)
    for t in range(10):
        step(name, optimizer, ps, t)
    assert scheduler.position == 10
    assert all(bool(p.isfinite().all()) for p in ps)


@ALL
def test_gradients_are_left_as_they_were_and_cleared_on_request(name):
    ps, optimizer = trained(name, 3)
    before = [p.grad.clone() for p in ps]
    optimizer.step(**told(name))
    assert same(before, [p.grad for p in ps])
    optimizer.zero_grad(set_to_none=False)
    assert all(not p.grad.any() for p in ps)
    optimizer.zero_grad()
    assert all(p.grad is None for p in ps)


@ALL
def test_no_tensor_hides_in_the_groups(name):
    _, optimizer = trained(name, 3)
    values = [v for group in optimizer.state_dict()["param_groups"] for k, v in group.items() if k != "params"]
    assert not any(torch.is_tensor(v) for v in values)
    assert isinstance(optimizer.effective_lr, float)


@ALL
def test_the_loss_scale_of_mixed_precision_is_taken_off_first(name):
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    ps = parameters()
    optimizer = METHODS[name](ps)
    weights = copy.deepcopy(ps)
    plain_optimizer = METHODS[name](weights)
    for t in range(5):
        step(name, plain_optimizer, weights, t)
        for p, q in zip(ps, weights, strict=True):
            p.grad = q.grad * 1024
        scaler.scale(torch.ones(()))
        scaler.step(optimizer, **told(name))
        scaler.update()
    assert same(ps, weights)


@ALL
def test_a_guard_that_refuses_an_update_leaves_everything_as_it_was(name):
    ps = parameters()
    model = torch.nn.ParameterList(ps)
    optimizer = METHODS[name](ps)
    guard = st.Guard(model, optimizer)
    for t in range(3):
        with guard.update(1.0):
            step(name, optimizer, ps, t)
    before = copy.deepcopy((ps, optimizer.state_dict()))
    with guard.update(float("nan")):
        step(name, optimizer, ps, 9)
    assert [action.what for action in guard.actions] == ["skip"]
    assert same(before[0], ps)
    assert alike(before[1], optimizer.state_dict())
    with guard.update(1.0):
        step(name, optimizer, ps, 4)
    assert not same(before[0], ps)


@ALL
def test_a_task_runs_twice_alike_and_gives_everything_back(name):
    torch.manual_seed(0)
    x = torch.randn(64, 4)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, x[:, :1]), batch_size=16, shuffle=True)
    model = torch.nn.Linear(4, 1)
    optimizer = METHODS[name](model.parameters())
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    task = st.task(model, optimizer, loader, torch.nn.functional.mse_loss)
    rate = optimizer.param_groups[0]["lr"]
    runs = [[float(getattr(row, "loss", row)) for row in task(sf.constant(rate, total=12))] for _ in range(2)]
    assert runs[0] == runs[1]
    assert len(runs[0]) == 12
    assert alike(before, (model.state_dict(), optimizer.state_dict()))
