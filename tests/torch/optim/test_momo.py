"""MoMo against a twin that knows no formula of the rate, and around other optimizers."""

import pytest
import torch

import surefoot as sf
import surefoot.torch as st
from surefoot.errors import ArgumentError
from surefoot.torch.optim import GradientSkipped, MoMo, MoMoAdam, MoMoSGD

DECAYS = [{}, {"weight_decay": 0.05}]


@pytest.mark.parametrize("backend", ["torch", "numba"])
@pytest.mark.parametrize("given", [*DECAYS, {"bias_correction": True}])
def test_momo_sgd_takes_the_step_that_minimises_its_model(hills, twin, backend, given):
    rest = {"lr": 5.0, "weight_decay": given.get("weight_decay", 0.0), "lower": 0.3}
    corrected = given.get("bias_correction", False)
    expected = twin("momo").run(hills.START, hills.gradient, hills.loss, 60, corrected=corrected, **rest)
    parameters = hills.parameters()
    optimizer = MoMoSGD(parameters, lr=5.0, lower_bound=0.3, **given, backend=backend)
    capped = 0
    for found, (right, share) in zip(hills.walk(optimizer, parameters, 60, told=True), expected, strict=True):
        assert optimizer.effective_lr == pytest.approx(5 * share, abs=1e-6)
        assert hills.apart(found, right) < 1e-6
        capped += share < 1
    assert capped > 30


@pytest.mark.parametrize("backend", ["torch", "numba"])
@pytest.mark.parametrize("given", DECAYS)
def test_momo_adam_takes_the_step_that_minimises_its_model(hills, twin, backend, given):
    rest = {"lr": 2.0, "b2": 0.99, "weight_decay": given.get("weight_decay", 0.0), "corrected": True}
    expected = twin("momo").run(hills.START, hills.gradient, hills.loss, 200, **rest)
    parameters = hills.parameters()
    optimizer = MoMoAdam(parameters, lr=2.0, betas=(0.9, 0.99), **given, backend=backend)
    for found, (right, share) in zip(hills.walk(optimizer, parameters, 200, told=True), expected, strict=True):
        assert optimizer.effective_lr == pytest.approx(2 * share, abs=1e-6)
        assert hills.apart(found, right) < 1e-6


@pytest.mark.parametrize("backend", ["torch", "numba"])
def test_around_adam_it_is_momo_adam(hills, backend):
    parameters, others = hills.parameters(), hills.parameters()
    cap = MoMo(torch.optim.Adam(parameters, lr=2.0), lower_bound=0.1, adapt_lower_bound=True, backend=backend)
    native = MoMoAdam(others, lr=2.0, lower_bound=0.1, adapt_lower_bound=True, backend=backend)
    walks = (hills.walk(cap, parameters, 200, told=True), hills.walk(native, others, 200, told=True))
    for found, right in zip(*walks, strict=True):
        assert hills.apart(found, right) < 1e-6
        assert cap.effective_lr == pytest.approx(native.effective_lr, abs=1e-6)


def test_around_averaged_sgd_it_is_momo_sgd(hills):
    parameters, others = hills.parameters(), hills.parameters()
    cap = MoMo(torch.optim.SGD(parameters, lr=5.0), beta=0.0)
    native = MoMoSGD(others, lr=5.0, beta=0.0)
    walks = (hills.walk(cap, parameters, 50, told=True), hills.walk(native, others, 50, told=True))
    for found, right in zip(*walks, strict=True):
        assert hills.apart(found, right) < 1e-9


def test_groups_share_the_part_of_their_rates_that_stands(hills):
    parameters, whole = hills.parameters(), hills.parameters()
    split = MoMoSGD([{"params": parameters[:1]}, {"params": parameters[1:]}], lr=5.0, weight_decay=0.01)
    one = MoMoSGD(whole, lr=5.0, weight_decay=0.01)
    walks = (hills.walk(split, parameters, 50, told=True), hills.walk(one, whole, 50, told=True))
    assert all(hills.apart(a, b) < 1e-9 for a, b in zip(*walks, strict=True))


def test_a_rate_ten_thousand_times_too_large_does_no_harm(hills):
    for kind, lr in ((MoMoSGD, 1e4), (MoMoAdam, 100.0)):
        parameters = hills.parameters()
        ends = list(hills.walk(kind(parameters, lr=lr), parameters, 300, told=True))
        assert hills.loss(ends[-1], 0) < hills.loss(hills.START, 0) / 4


def test_the_schedule_stays_the_owner_of_the_rate(hills):
    parameters = hills.parameters()
    base = torch.optim.SGD(parameters, lr=1.0)
    cap = MoMo(base)
    scheduler = st.Scheduler(cap, sf.linear(50.0, total=20), strict=True)
    for t, _ in enumerate(hills.walk(cap, parameters, 20, told=True)):
        assert base.param_groups[0]["lr"] == pytest.approx(scheduler.schedules["lr"](t))
        assert cap.effective_lr <= base.param_groups[0]["lr"]
    assert scheduler.position == 20


@pytest.mark.parametrize("make", [MoMoSGD, lambda ps: MoMo(torch.optim.SGD(ps, lr=1.0))])
def test_the_loss_must_be_told_once(make):
    w = torch.nn.Parameter(torch.ones(1))
    optimizer = make([w])
    w.grad = torch.ones(1)
    with pytest.raises(ArgumentError, match=r"step\(loss=loss\)"):
        optimizer.step()
    with pytest.raises(ArgumentError, match="not both"):
        optimizer.step(lambda: 1.0, loss=1.0)
    assert w.item() == 1.0


@pytest.mark.parametrize("make", [MoMoSGD, MoMoAdam, lambda ps: MoMo(torch.optim.SGD(ps, lr=1.0))])
def test_a_loss_that_is_no_number_leaves_the_update_out(make):
    w = torch.nn.Parameter(torch.ones(1))
    optimizer = make([w])
    w.grad = torch.ones(1)
    with pytest.warns(GradientSkipped, match="a loss is NaN"):
        optimizer.step(loss=float("nan"))
    assert w.item() == 1.0
    optimizer.step(loss=torch.tensor(1.0))
    assert w.item() < 1.0


def test_a_closure_gives_the_loss():
    w = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
    optimizer = MoMo(torch.optim.SGD([w], lr=100.0))

    def closure():
        optimizer.zero_grad()
        loss = (w * w).sum() / 2
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 12.5
    torch.testing.assert_close(w.detach(), torch.tensor([1.5, 2.0]))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda ps: MoMoSGD(ps, beta=1.0), "beta=1.0"),
        (lambda ps: MoMoAdam(ps, betas=(1.0, 0.9)), r"betas\[0\]=1.0"),
        (lambda ps: MoMo(torch.optim.SGD(ps, lr=1.0), lower_bound=float("nan")), "lower_bound=nan"),
    ],
)
def test_arguments_out_of_range_are_named(make, said):
    with pytest.raises(ArgumentError, match=said):
        make([torch.nn.Parameter(torch.zeros(1))])
