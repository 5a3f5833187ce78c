"""headroom: against quadratics that are solved by hand, and against the run that it must not change."""

import math

import pytest
import torch
from torch import nn

import surefoot.torch as st
from surefoot.errors import ArgumentError
from surefoot.torch.probing import along, copied, critical, parameters_of


class Bowl(nn.Module):
    """The loss is sum(curvature * weight^2) / 2."""

    def __init__(self, *curvature):
        super().__init__()
        self.curvature = torch.tensor(curvature, dtype=torch.float64)
        self.weight = nn.Parameter(torch.ones(len(curvature), dtype=torch.float64))

    def forward(self):
        return 0.5 * (self.curvature * self.weight**2).sum()


def multiple(bowl, step):
    """Solve L(theta + k d) = L(theta) on a bowl: k = -2 g'd / d'Hd."""
    weight, curvature = bowl.weight.detach(), bowl.curvature
    return float(-2 * (curvature * weight * step).sum() / (step * curvature * step).sum())


@pytest.mark.parametrize("lr", [1e-3, 0.03, 0.5, 0.99, 1.5, 40.0])
def test_on_a_quadratic_sgd_has_2_over_lambda_over_eta(lr):
    bowl = Bowl(2.0)
    assert st.headroom(bowl, torch.optim.SGD(bowl.parameters(), lr=lr), bowl) == pytest.approx(1.0 / lr, rel=1e-6)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("SGD", {"lr": 0.05, "momentum": 0.9}),
        ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
        ("AdamW", {"lr": 0.05}),
        ("RMSprop", {"lr": 0.01}),
        ("Adagrad", {"lr": 0.1}),
        ("NAdam", {"lr": 0.01}),
    ],
)
def test_it_is_measured_along_the_next_update_whatever_the_optimizer(kind, options):
    bowl = Bowl(1.0, 3.0, 0.2)
    optimizer = getattr(torch.optim, kind)(bowl.parameters(), **options)
    for _ in range(2):
        optimizer.zero_grad()
        bowl().backward()
        optimizer.step()
    optimizer.zero_grad()
    bowl().backward()
    said = st.headroom(bowl, optimizer, bowl)
    before = bowl.weight.detach().clone()
    optimizer.step()
    step = bowl.weight.detach() - before
    with torch.no_grad():
        bowl.weight.copy_(before)
    assert said == pytest.approx(multiple(bowl, step), rel=1e-6)


def test_the_first_loss_gives_the_gradient_where_there_is_none():
    bowl = Bowl(2.0)
    for optimizer in (
        torch.optim.SGD(bowl.parameters(), lr=0.1),
        torch.optim.LBFGS(bowl.parameters(), lr=0.1, max_iter=1),
    ):
        assert st.headroom(bowl, optimizer, bowl) > 1.0
        assert bowl.weight.grad is None


def test_the_rate_is_that_of_the_schedulers_next_update():
    bowl = Bowl(2.0)
    sgd = torch.optim.SGD(bowl.parameters(), lr=1.0)
    scheduler = st.Scheduler(sgd, lambda_schedule())
    assert st.headroom(bowl, sgd, bowl) == pytest.approx(1.0 / 0.25, rel=1e-6)
    assert scheduler.position == 0
    bowl().backward()
    sgd.step()
    assert scheduler.position == 1
    sgd.zero_grad()
    assert st.headroom(bowl, sgd, bowl) == pytest.approx(1.0 / 0.5, rel=1e-6)
    assert sgd.param_groups[0]["lr"] == 0.25


def lambda_schedule():
    from surefoot import Schedule, ramp  # noqa: PLC0415  the only test that needs them

    return Schedule(1.0, (ramp(0.25, 1.0, 3),))


def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.ReLU(), nn.Linear(8, 3))


RUNS = {
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-2),
    "amsgrad": lambda p: torch.optim.Adam(p, lr=1e-2, amsgrad=True),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=1e-3, momentum=0.5),
}


def trained(make, probe, *, half=False):
    model = network()
    optimizer = make(model.parameters())
    inputs, labels = torch.randn(40, 6), torch.randint(0, 3, (40,))
    losses = []
    # One autocast around everything is the hard case: its cast weights outlive a forward.
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        for step in range(12):
            x, y = inputs[step * 3 : step * 3 + 7], labels[step * 3 : step * 3 + 7]
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            if probe and step % 3 == 0:
                value = st.headroom(model, optimizer, lambda x=x, y=y: nn.functional.cross_entropy(model(x), y))
                assert math.isfinite(value)
            optimizer.step()
            losses.append(loss.item())
    return losses, [*model.state_dict().values(), torch.get_rng_state()], optimizer.state_dict()


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("name", RUNS)
def test_a_run_with_probes_is_bit_identical(name, half):
    plain, probed = (trained(RUNS[name], probe, half=half) for probe in (False, True))
    assert plain[0] == probed[0]
    assert all(torch.equal(a, b) for a, b in zip(plain[1], probed[1], strict=True))
    flat = [
        [value for state in run[2]["state"].values() for value in state.values() if isinstance(value, torch.Tensor)]
        for run in (plain, probed)
    ]
    assert all(torch.equal(a, b) for a, b in zip(*flat, strict=True))
    assert plain[2]["param_groups"] == probed[2]["param_groups"]


def test_everything_is_put_back_when_the_loss_raises():
    model = network()
    adam = torch.optim.Adam(model.parameters())
    before, calls = copied(parameters_of(adam)), []

    def loss():
        calls.append(1)
        if len(calls) == 4:
            raise RuntimeError("out of data")
        return model(torch.ones(4, 6)).sum()

    with pytest.raises(RuntimeError, match="out of data"):
        st.headroom(model, adam, loss)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert not adam.state
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_stock_transformer_with_fused_attention_can_be_probed():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.1, batch_first=True)
    x = torch.randn(2, 5, 16)
    adam = torch.optim.AdamW(layer.parameters(), lr=1e-3)
    assert 1.0 < st.headroom(layer, adam, lambda: layer(x).square().mean() + layer(x).mean()) <= 1024.0


def test_dropout_is_the_same_in_every_forward():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(50, 1, bias=False)).double()
    x = torch.randn(8, 50, dtype=torch.float64)
    sgd = torch.optim.SGD(model.parameters(), lr=1e-3)
    torch.manual_seed(5)
    said = st.headroom(model, sgd, lambda: model(x).square().mean())
    # A fixed mask is a quadratic: its root from the gradient and the Hessian of that mask.
    torch.manual_seed(5)
    masked = nn.functional.dropout(x, 0.5)
    weight = model[1].weight.detach()[0]
    hessian = 2 * masked.T @ masked / 8
    gradient = hessian @ weight
    assert said == pytest.approx(float(2 * gradient @ gradient / (gradient @ hessian @ gradient)) / 1e-3, rel=1e-6)


@pytest.mark.parametrize("root", [0.003, 0.7, 1.0, 3.0, 11.0, 300.0])
@pytest.mark.parametrize("start", [None, 0.5, 1.0, 1.05, 4.0])
def test_the_root_of_a_parabola_is_found_from_anywhere(root, start):
    assert critical(lambda k: k * (k - root), start and start * root) == pytest.approx(root, rel=1e-9)


def test_a_warm_start_needs_five_forwards_and_a_cold_one_ten():
    calls = []

    def rise(k):
        calls.append(k)
        return k * math.exp(k) - k * 9000.0

    cold = critical(rise)
    assert len(calls) <= 9  # and one for the loss at 0
    assert cold == pytest.approx(math.log(9000.0), rel=0.02)
    calls.clear()
    assert critical(rise, cold) == pytest.approx(math.log(9000.0), rel=0.02)
    assert len(calls) <= 5


def test_what_never_rises_has_the_limit_and_what_always_rises_has_none():
    assert critical(lambda k: -k) == 1024.0
    assert critical(lambda k: k) == 0.0
    assert critical(lambda k: math.nan if k > 8 else -k) == pytest.approx(8.0, rel=0.1)
    assert critical(lambda k: 0.0 * k, limit=64.0) == 64.0


def test_a_loss_that_is_not_finite_has_no_headroom():
    bowl = Bowl(1.0)
    assert math.isnan(st.headroom(bowl, torch.optim.SGD(bowl.parameters(), lr=0.1), lambda: bowl() * math.nan))


def test_a_bad_argument_is_refused():
    bowl = Bowl(1.0)
    sgd = torch.optim.SGD(bowl.parameters(), lr=0.1)
    bowl().backward()
    with pytest.raises(ArgumentError, match="shape"):
        st.headroom(bowl, sgd, lambda: bowl.weight.repeat(3))
    with pytest.raises(ArgumentError, match="tolerance=0"):
        st.headroom(bowl, sgd, bowl, tolerance=0.0)


def test_an_update_that_was_made_already_is_judged_by_the_weights_before_it():
    bowl = Bowl(2.0)
    sgd = torch.optim.SGD(bowl.parameters(), lr=0.1)
    before = copied(parameters_of(sgd))
    bowl().backward()
    sgd.step()
    after = bowl.weight.detach().clone()
    assert along(bowl, parameters_of(sgd), before, bowl) == pytest.approx(10.0, rel=1e-6)
    assert torch.equal(bowl.weight.detach(), after)
