"""Schedule-Free optimizers by themselves: what they are given, what they leave alone, what they report."""

import copy
import math
import pickle

import pytest
import torch
from torch import nn

import surefoot as sf
import surefoot.torch as st
from surefoot.errors import ArgumentError

optim = st.optim
EVERY = (optim.ScheduleFreeAdamW, optim.ScheduleFreeSGD, optim.ScheduleFreeRAdam)
BACKENDS = ("numba", "torch")


def parameter(*values):
    return nn.Parameter(torch.tensor(values))


def stepped(optimizer, p, steps, scale=1.0):
    for k in range(steps):
        p.grad = scale * (p.detach() + math.sin(k))
        optimizer.step()


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))


def batch(k):
    generator = torch.Generator().manual_seed(k)
    x = torch.randn(16, 6, generator=generator)
    return x, (x[:, 0] > 0).long()


def train(model, optimizer, steps, start=0):
    for k in range(start, start + steps):
        x, y = batch(k)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()


def weights(model):
    return [p.detach().clone() for p in model.parameters()]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients_are_left_as_they_are(kind, backend):
    p = parameter(1.0, -2.0)
    optimizer = kind([p], weight_decay=0.1, backend=backend)
    for decay_at in ("y", "z"):
        optimizer.param_groups[0]["decay_at"] = decay_at
        for k in range(7):
            p.grad = torch.tensor([5.0, float(k)])
            optimizer.step()
            assert p.grad.tolist() == [5.0, float(k)]


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_rate_of_0_at_the_first_updates_moves_nothing_and_breaks_nothing(kind, backend):
    model = network()
    optimizer = kind(model.parameters(), lr=0.1, backend=backend)
    scheduler = st.Scheduler(optimizer, sf.constant(0.1, warmup=5))
    before = weights(model)
    train(model, optimizer, 1)
    assert same(before, weights(model))
    assert optimizer.param_groups[0]["weight_sum"] == 0.0
    train(model, optimizer, 20, start=1)
    assert scheduler.position == 21
    assert all(torch.isfinite(w).all() for w in weights(model))
    assert not same(before, weights(model))


def test_a_warmup_by_a_scheduler_is_the_warmup_of_the_optimizer():
    def run(scheduled):
        model = network()
        optimizer = optim.ScheduleFreeAdamW(model.parameters(), lr=0.02, warmup_steps=0 if scheduled else 10)
        if scheduled:
            # 0.1, 0.2, ... 1.0 times the rate, as warmup_steps=10 has it.
            st.Scheduler(optimizer, sf.Schedule(0.02, (sf.ramp(0.1, 1.0, 9), sf.hold(30))))
        train(model, optimizer, 30)
        with optimizer.evaluating():
            return weights(model)

    for a, b in zip(run(scheduled=False), run(scheduled=True), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_decay_alone_shrinks_y_by_the_rate_times_the_decay(backend):
    # With no gradient u = wd y; the reference twin of the formulas says what becomes of x, y and z.
    p = parameter(1.0)
    optimizer = optim.ScheduleFreeSGD([p], lr=0.5, weight_decay=0.1, momentum=0.9, backend=backend)
    x = y = z = 1.0
    for k in range(1, 51):
        p.grad = torch.zeros(1)
        optimizer.step()
        z -= 0.5 * 0.1 * y
        x += (z - x) / k
        y = 0.1 * z + 0.9 * x
    assert p.item() == pytest.approx(y, rel=1e-5)
    # The decay of AdamW at p would be (1 - lr wd)^50 = 0.077: y shrinks much more slowly, as it is an average.
    assert p.item() > 1.5 * 0.95**50


@pytest.mark.parametrize("kind", EVERY)
def test_the_effective_rate_is_what_the_direction_moves_y_by(kind):
    """Two gradients at one place move y apart by the effective rate times what lies between their directions."""
    p = parameter(0.5)
    optimizer = kind([p], lr=0.1, **({"betas": (0.9, 0.9)} if kind is not optim.ScheduleFreeSGD else {}))
    stepped(optimizer, p, 12)
    told, ends = optimizer.effective_lr, []
    for g in (1.0, -1.0):
        twin = copy.deepcopy(optimizer)
        (q,) = twin.param_groups[0]["params"]
        z = twin.state[q]["z"].item()
        q.grad = torch.tensor([g])
        twin.step()
        ends.append((q.item(), twin.state[q]["z"].item() - z))
    (y1, z1), (y2, z2) = ends
    # z moves by a u: their quotient is that of the two rates.
    rate = optimizer._rate(optimizer.param_groups[0])
    assert (y1 - y2) / (z1 - z2) == pytest.approx(told / rate, rel=1e-4)
    assert 0.1 * rate < told < rate <= 0.1


def test_each_group_has_settings_of_its_own():
    one, other = parameter(1.0), parameter(1.0)
    groups = [{"params": [one]}, {"params": [other], "lr": 0.2, "betas": (0.8, 0.99), "warmup_steps": 3}]
    optimizer = optim.ScheduleFreeAdamW(groups, lr=0.1)
    alone = parameter(1.0)
    second = optim.ScheduleFreeAdamW([alone], lr=0.2, betas=(0.8, 0.99), warmup_steps=3)
    for k in range(8):
        for p in (one, other, alone):
            p.grad = torch.tensor([math.cos(k)])
        optimizer.step()
        second.step()
    assert torch.equal(other, alone)
    assert not torch.equal(one, other)
    optimizer.eval()
    second.eval()
    assert torch.equal(other, alone)


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        (optim.ScheduleFreeAdamW, {"lr": -1.0}, "lr=-1.0 must be"),
        (optim.ScheduleFreeAdamW, {"lr": math.nan}, "lr=nan must be"),
        (optim.ScheduleFreeAdamW, {"betas": 0.9}, "betas=0.9 must be two numbers"),
        (
            optim.ScheduleFreeAdamW,
            {"betas": (0.0, 0.9)},
            r"betas\[0\]=0.0 must be a number above 0: x is read out of y",
        ),
        (optim.ScheduleFreeAdamW, {"betas": (0.9, 1.0)}, r"betas\[1\]=1.0 must be"),
        (optim.ScheduleFreeAdamW, {"warmup_steps": 0.2}, r"warmup_steps=0.2 .* write int\(0.2 \* total\)"),
        (optim.ScheduleFreeAdamW, {"warmup_steps": -1}, "warmup_steps=-1 must be a whole number"),
        (optim.ScheduleFreeAdamW, {"averaging": 0.0}, "averaging=0.0 must be a number above 0"),
        (optim.ScheduleFreeAdamW, {"inner_momentum": 1.0}, "inner_momentum=1.0 must be"),
        (optim.ScheduleFreeAdamW, {"decay_at": "x"}, "decay_at='x': give 'y'"),
        (optim.ScheduleFreeSGD, {"momentum": 0.0}, "momentum=0.0 must be a number above 0"),
        (optim.ScheduleFreeSGD, {"momentum": 1.0}, "momentum=1.0 must be"),
        (optim.ScheduleFreeSGD, {"weight_decay": -0.1}, "weight_decay=-0.1 must be"),
        (optim.ScheduleFreeRAdam, {"betas": (0.9, 0.6)}, r"betas\[1\]=0.6 must be above 0.6"),
        (optim.ScheduleFreeRAdam, {"r": -1}, "r=-1 must be"),
        (optim.ScheduleFreeRAdam, {"weight_lr_power": "two"}, "weight_lr_power='two' must be"),
    ],
)
def test_a_setting_out_of_its_range_is_refused_with_a_sentence(kind, options, said):
    with pytest.raises(ArgumentError, match=said):
        kind([parameter(1.0)], **options)
    # A group is checked as the defaults are.
    with pytest.raises(ArgumentError, match=said):
        kind([{"params": [parameter(1.0)], **options}])


@pytest.mark.parametrize("kind", EVERY)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_frozen_parameter_stays_and_one_that_joins_later_begins_where_it_is(kind, backend):
    first, frozen, late = parameter(1.0), parameter(2.0), parameter(3.0)
    frozen.requires_grad_(requires_grad=False)
    optimizer = kind([first, frozen], lr=0.1, backend=backend)
    stepped(optimizer, first, 6)
    optimizer.eval()
    optimizer.add_param_group({"params": [late], "lr": 0.05})
    optimizer.train()
    for _ in range(6):
        late.grad = torch.ones(1)
        stepped(optimizer, first, 1)
    assert frozen.item() == 2.0
    assert late.item() < 3.0
    assert optimizer.param_groups[1]["k"] == 6
    with optimizer.evaluating():
        assert frozen.item() == 2.0
    assert len(optimizer.state) == 2


@pytest.mark.parametrize("kind", EVERY)
def test_a_parameter_of_zeros_moves_as_any_other(kind):
    p = nn.Parameter(torch.zeros(3))
    optimizer = kind([p], lr=0.1)
    stepped(optimizer, p, 8)
    with optimizer.evaluating():
        assert torch.isfinite(p).all()
        assert p.abs().min() > 0


def test_a_gradient_that_is_no_number_leaves_weights_modes_and_counts_alone():
    p = parameter(1.0)
    optimizer = optim.ScheduleFreeAdamW([p])
    stepped(optimizer, p, 3)
    before = p.item(), optimizer.state[p]["z"].item(), optimizer.param_groups[0]["k"]
    p.grad = torch.tensor([math.nan])
    with pytest.warns(optim.GradientSkipped):
        optimizer.step()
    assert before == (p.item(), optimizer.state[p]["z"].item(), optimizer.param_groups[0]["k"])


@pytest.mark.parametrize("kind", EVERY)
def test_accumulation_clipping_and_gradients_set_to_none_are_as_with_any_optimizer(kind):
    def run(parts):
        model = network()
        optimizer = kind(model.parameters(), lr=0.05)
        for k in range(10):
            x, y = batch(k)
            optimizer.zero_grad(set_to_none=bool(k % 2))
            for some in range(parts):
                piece = slice(some * 16 // parts, (some + 1) * 16 // parts)
                (nn.functional.cross_entropy(model(x[piece]), y[piece]) / parts).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()
        return weights(model)

    for a, b in zip(run(1), run(4), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])  # noqa: S301  our own
def test_a_copy_of_model_and_optimizer_goes_on_alike(copied):
    model = network()
    optimizer = optim.ScheduleFreeAdamW(model.parameters(), lr=0.05)
    train(model, optimizer, 5)
    other, twin = copied((model, optimizer))
    train(model, optimizer, 5, start=5)
    train(other, twin, 5, start=5)
    assert same(weights(model), weights(other))


def test_an_average_survives_a_schedule_of_beta1():
    """x is what was averaged, whatever b1 becomes: y is mixed anew."""
    p = nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    optimizer = optim.ScheduleFreeSGD([p], lr=0.1, momentum=0.9)
    st.Scheduler(optimizer, {"momentum": sf.linear(0.95, total=10, floor=0.8)})
    x, z = p.detach().clone(), p.detach().clone()
    for k in range(1, 9):
        g = torch.tensor([math.sin(k), math.cos(k)], dtype=torch.float64)
        p.grad = g
        optimizer.step()
        z = z - 0.1 * g
        x = x + (z - x) / k
        torch.testing.assert_close(optimizer.evaluation_weights_of(p), x)
        b1 = optimizer.param_groups[0]["momentum"]
        torch.testing.assert_close(p.detach(), (1 - b1) * z + b1 * x)


def test_a_closure_gives_its_gradient_at_the_training_weights():
    model, twin = network(), network()
    optimizer, other = (optim.ScheduleFreeAdamW(m.parameters(), lr=0.05) for m in (model, twin))
    train(model, optimizer, 5)
    train(twin, other, 5)
    optimizer.eval()
    x, y = batch(9)

    def closed(net, opt):
        def closure():
            opt.zero_grad()
            loss = nn.functional.cross_entropy(net(x), y)
            loss.backward()
            return loss.detach()

        return closure

    assert optimizer.step(closed(model, optimizer)) == other.step(closed(twin, other))
    assert optimizer.training
    assert same(weights(model), weights(twin))


def test_it_is_an_optimizer_of_torch_and_says_its_backend():
    optimizer = optim.ScheduleFreeAdamW([parameter(1.0)])
    assert isinstance(optimizer, torch.optim.Optimizer)
    assert optimizer.backend in BACKENDS


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_thousand_evaluations_change_nothing(dtype):
    torch.manual_seed(0)
    p = nn.Parameter(torch.randn(100).to(dtype))
    optimizer = optim.ScheduleFreeAdamW([p], lr=0.05)
    stepped(optimizer, p, 10)
    y = p.detach().clone()
    for _ in range(1000):
        optimizer.eval()
        optimizer.train()
    assert torch.equal(p, y)
