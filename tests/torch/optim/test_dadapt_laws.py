"""What every method that finds d must bear: one list of methods, one test for each law."""

import contextlib
import copy
import io
import pickle

import pytest
import torch
from torch import nn

import surefoot as sf
import surefoot.torch as st
from surefoot.torch import optim

METHODS = {
    "DAdaptSGD": lambda ps, **given: optim.DAdaptSGD(ps, momentum=0.9, **given),
    "DAdaptAdam": lambda ps, **given: optim.DAdaptAdam(ps, decouple=True, **given),
    "DAdaptAdaGrad": optim.DAdaptAdaGrad,
    "DAdaptLion": optim.DAdaptLion,
    "Prodigy": optim.Prodigy,
    "sliced Prodigy": lambda ps, **given: optim.Prodigy(ps, slice_p=3, use_bias_correction=True, **given),
    "Prodigy by group": lambda ps, **given: optim.Prodigy(ps, per_group=True, betas=(0.0, 0.99), **given),
}
BACKENDS = ("torch", "numba")
ALL = pytest.mark.parametrize("name", METHODS)
BOTH = pytest.mark.parametrize("backend", BACKENDS)


def parameters(dtype=torch.float32):
    generator = torch.Generator().manual_seed(5)
    ps = [nn.Parameter(torch.randn(shape, generator=generator).to(dtype)) for shape in ((40, 30), (7,), ())]
    return [*ps, nn.Parameter(torch.zeros(6, 2, dtype=dtype))]


def step(optimizer, ps, seed):
    generator = torch.Generator().manual_seed(seed)
    for p in ps:
        p.grad = (p.detach() + 0.5 + 0.2 * torch.randn(p.shape, generator=generator).to(p.dtype)).to(p.dtype)
    optimizer.step()


def trained(name, steps, dtype=torch.float32, **given):
    ps = parameters(dtype)
    optimizer = METHODS[name](ps, weight_decay=0.01, d0=1e-4, **given)
    for t in range(steps):
        step(optimizer, ps, t)
    return ps, optimizer


def numbers(optimizer):
    return [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]


def state(optimizer):
    return [t.clone() for s in optimizer.state.values() for t in s.values()]


def same(some, others):
    return all(torch.equal(a, b) for a, b in zip(some, others, strict=True))


KINDS = [(kind, backend) for kind in (torch.float32, torch.bfloat16) for backend in BACKENDS]


@ALL
@pytest.mark.parametrize(("dtype", "backend"), [*KINDS, (torch.float16, "torch")])
def test_a_resumed_run_is_the_same_bit_for_bit(name, dtype, backend):
    straight, whole = trained(name, 20, dtype, backend=backend)
    ps, optimizer = trained(name, 10, dtype, backend=backend)
    file = io.BytesIO()
    torch.save({"optimizer": optimizer.state_dict(), "weights": [p.detach() for p in ps]}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    again = [nn.Parameter(w) for w in saved["weights"]]
    resumed = METHODS[name](again, weight_decay=0.01, d0=1e-4, backend=backend)
    resumed.load_state_dict(saved["optimizer"])
    for t in range(10, 20):
        step(resumed, again, t)
    assert same(straight, again)
    assert numbers(resumed) == numbers(whole)
    assert resumed.d > 1e-4 or dtype != torch.float32
    assert all(p.isfinite().all() for p in again)


@ALL
@BOTH
def test_a_gradient_that_is_no_number_changes_nothing(name, backend):
    ps, optimizer = trained(name, 5, backend=backend)
    weights, kept, groups = copy.deepcopy(ps), state(optimizer), numbers(optimizer)
    for p in ps:
        p.grad = torch.ones_like(p)
    ps[0].grad[3, 4] = float("nan")
    with pytest.warns(optim.GradientSkipped):
        optimizer.step()
    assert same(weights, ps)
    assert same(kept, state(optimizer))
    assert numbers(optimizer) == groups


@ALL
def test_a_bad_number_in_the_first_gradient_and_deep_in_a_large_one_poisons_nothing(name):
    w = nn.Parameter(torch.ones(100_000))
    optimizer = METHODS[name]([w])
    for t in range(30):
        w.grad = torch.ones_like(w)
        if t in {0, 9}:
            w.grad[40_000] = float("inf")
        with pytest.warns(optim.GradientSkipped) if t == 0 else contextlib.nullcontext():
            optimizer.step()
    assert optimizer.skipped == 2
    assert all(bool(t.isfinite().all()) for t in [w, *state(optimizer)])
    assert optimizer.d > 1e-6


@ALL
@pytest.mark.parametrize(
    "copied",
    [
        copy.deepcopy,
        lambda pair: pickle.loads(pickle.dumps(pair)),  # noqa: S301  what was just dumped
    ],
)
def test_a_copy_goes_on_as_the_original_does_and_apart_from_it(name, copied):
    ps, optimizer = trained(name, 8)
    others, other = copied((ps, optimizer))
    kept = [p.detach().clone() for p in ps]
    for t in range(8, 16):
        step(other, others, t)
    assert same(kept, ps)
    for t in range(8, 16):
        step(optimizer, ps, t)
    assert same(ps, others)
    assert optimizer.d == other.d


@ALL
def test_the_loss_scale_of_mixed_precision_is_taken_off_and_its_infinities_are_skipped(name):
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=1000)
    ps, weights = parameters(), parameters()
    optimizer, plain = METHODS[name](ps), METHODS[name](weights)
    for t in range(12):
        if t == 4:
            for p in ps:
                p.grad = torch.full_like(p, float("inf"))
        else:
            step(plain, weights, t)
            for p, q in zip(ps, weights, strict=True):
                p.grad = q.grad * scaler.get_scale()
        scaler.scale(torch.ones(()))
        scaler.step(optimizer)
        scaler.update()
    assert scaler.get_scale() == 512.0
    assert same(ps, weights)
    assert optimizer.d == plain.d


@ALL
def test_gradients_may_be_accumulated_clipped_and_set_to_zero(name):
    ends = []
    for parts in (1, 4):
        torch.manual_seed(0)
        model = nn.Linear(5, 3)
        optimizer = METHODS[name](model.parameters(), d0=1e-3)
        for k in range(20):
            x = torch.randn(16, 5, generator=torch.Generator().manual_seed(k))
            optimizer.zero_grad(set_to_none=parts == 1)
            for piece in x.chunk(parts):
                ((model(piece) - 1).square().sum() / 16).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        ends.append((optimizer.d, model.weight.detach()))
    assert ends[0][0] == pytest.approx(ends[1][0], rel=1e-3)
    torch.testing.assert_close(ends[0][1], ends[1][1], rtol=1e-3, atol=1e-3)


@ALL
def test_frozen_parameters_stay_and_late_ones_join(name):
    ps = parameters()
    ps[0].requires_grad_(requires_grad=False)
    frozen, late = ps[0].detach().clone(), nn.Parameter(torch.ones(4))
    optimizer = METHODS[name](ps, d0=1e-3)
    for t in range(6):
        step(optimizer, ps[1:], t)
    optimizer.add_param_group({"params": [late]})
    for t in range(6, 20):
        step(optimizer, [*ps[1:], late], t)
    assert torch.equal(ps[0], frozen)
    assert not torch.equal(late, torch.ones(4))
    assert late.isfinite().all()


@ALL
def test_weights_that_begin_at_zero_learn(name):
    w = nn.Parameter(torch.zeros(3))
    optimizer = METHODS[name]([w])
    for _ in range(300 if "AdaGrad" in name else 150):
        w.grad = w.detach() - 1
        optimizer.step()
    assert (w.detach() - 1).abs().mean() < 0.6


@ALL
def test_a_schedule_writes_its_rate_and_a_warmup_from_zero_does_no_harm(name):
    ps, by_hand = parameters(), parameters()
    optimizer, other = METHODS[name](ps), METHODS[name](by_hand)
    plan = sf.cosine(1.0, total=30, warmup=5)
    scheduler = st.Scheduler(optimizer, plan, strict=True)
    for t in range(30):
        step(optimizer, ps, t)
        for group in other.param_groups:
            group["lr"] = plan(t)
        step(other, by_hand, t)
    assert plan(0) == 0
    assert scheduler.position == 30
    assert same(ps, by_hand)
    assert optimizer.d == other.d > 1e-6
    # Its first update had no rate, and is none of the method's.
    assert optimizer.param_groups[0]["k"] == 29


class Loop:
    """A small model with its loader and loss, in the middle of a run."""

    def __init__(self, name):
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
        self.optimizer = METHODS[name](self.model.parameters(), d0=1e-3)
        x = torch.randn(64, 6)
        own = torch.Generator().manual_seed(3)
        data = torch.utils.data.TensorDataset(x, (x[:, 0] > 0).long())
        self.loader = torch.utils.data.DataLoader(data, batch_size=16, shuffle=True, generator=own)
        self.loss_fn = nn.CrossEntropyLoss()
        self.run(3)

    def run(self, epochs):
        for _ in range(epochs):
            for x, y in self.loader:
                self.optimizer.zero_grad()
                self.loss_fn(self.model(x), y).backward()
                self.optimizer.step()
        return [p.detach().clone() for p in self.model.parameters()]


@ALL
def test_a_trial_leaves_the_run_as_it_was_bit_for_bit(name):
    untouched, tried = Loop(name), Loop(name)
    task = st.task(tried.model, tried.optimizer, tried.loader, tried.loss_fn)
    running = task(sf.constant(0.5, total=12))
    losses = [next(running) for _ in range(12)]
    running.close()
    task.close()
    assert len(losses) == 12
    assert numbers(tried.optimizer) == numbers(untouched.optimizer)
    assert same(untouched.run(2), tried.run(2))
    assert numbers(tried.optimizer) == numbers(untouched.optimizer)


@ALL
def test_a_guards_rollback_brings_d_and_the_state_back(name):
    torch.manual_seed(0)
    model = nn.Linear(6, 3)
    optimizer = METHODS[name](model.parameters(), d0=1e-3)
    guard = st.Guard(model, optimizer, every=4, policy=st.policies.rollback_and_skip(back=0))

    def update(k, scale=1.0):
        x = torch.randn(16, 6, generator=torch.Generator().manual_seed(k)) * scale
        loss = nn.functional.cross_entropy(model(x), (x[:, 0] > 0).long())
        optimizer.zero_grad()
        with guard.update(loss):
            loss.backward()
            optimizer.step()

    for k in range(9):
        if k == 8:
            good = [p.detach().clone() for p in model.parameters()], state(optimizer), numbers(optimizer)
        update(k)
    assert numbers(optimizer) != good[2]
    for k in range(9, 15):
        update(k, float("nan"))
    assert guard.actions[-1].what == "roll back"
    assert guard.actions[-1].after == 8
    assert same(model.parameters(), good[0])
    assert same(state(optimizer), good[1])
    assert numbers(optimizer) == good[2]


@ALL
def test_no_tensor_hides_in_the_groups_and_d_is_a_number(name):
    _, optimizer = trained(name, 3)
    assert not any(torch.is_tensor(v) for group in numbers(optimizer) for v in group.values())
    assert isinstance(optimizer.d, float)
    assert isinstance(optimizer.effective_lr, float)


@ALL
def test_a_rate_that_is_a_tensor_will_do(name):
    ps, others = parameters(), parameters()
    for some, lr in ((ps, torch.tensor(0.5)), (others, 0.5)):
        optimizer = METHODS[name](some, lr=lr)
        for t in range(10):
            step(optimizer, some, t)
    assert same(ps, others)


@ALL
def test_threads_change_no_bit(name):
    ends, threads = [], torch.get_num_threads()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            w = nn.Parameter(torch.linspace(-1, 1, 500_000))
            optimizer = METHODS[name]([w], d0=1e-3)
            for _ in range(4):
                w.grad = w.detach() + 0.5
                optimizer.step()
            ends.append((optimizer.d, w.detach()))
    finally:
        torch.set_num_threads(threads)
    assert ends[0][0] == ends[1][0]
    assert torch.equal(ends[0][1], ends[1][1])
