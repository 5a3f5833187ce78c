"""st.find and st.tune(curvature=True): the answer of the runs, with what is known of the edge where training begins."""

import pytest
import torch
from torch import nn

import surefoot as sf
import surefoot.torch as st

MSE = nn.MSELoss()


def problem():
    torch.manual_seed(0)
    model = nn.Linear(8, 1, bias=False)
    x = torch.randn(64, 8)
    y = x @ torch.ones(8, 1)
    return model, x, y, torch.linalg.eigvalsh(2 * x.T @ x / 64)[-1].item()


def edge_in(why):
    return float(why.split("edge of stability at ")[1].split(";")[0].split(",")[0])


@pytest.mark.parametrize(("options", "threshold"), [({}, 2.0), ({"momentum": 0.9}, 3.8)])
def test_the_edge_of_a_quadratic_is_told_and_the_answer_is_that_of_the_runs(options, threshold):
    model, x, y, sharpest = problem()
    sgd = torch.optim.SGD(model.parameters(), lr=1.0, **options)
    plain, told = (st.find(model, sgd, [(x, y)], MSE, total=400, curvature=on) for on in (False, True))
    assert told.lr == plain.lr
    assert told.why.startswith(plain.why.rstrip("."))
    assert edge_in(told.why) == pytest.approx(threshold / sharpest, rel=0.06)
    share = float(told.why.split("the peak is ")[1].split(" of it")[0])
    assert share == pytest.approx(told.lr * sharpest / threshold, rel=0.06)
    assert "One batch shows no noise in its gradient" in told.why
    assert told.evidence["curvature_edge"] == pytest.approx(threshold / sharpest, rel=0.06)
    assert told.evidence["headroom_edge"] > told.lr
    assert not plain.evidence


def test_tune_tells_the_same_evidence_of_the_rate_that_it_verified():
    model, x, y, sharpest = problem()
    sgd = torch.optim.SGD(model.parameters(), lr=1.0)
    before = model.weight.detach().clone()
    plain, told = (st.tune(model, sgd, [(x, y)], MSE, total=200, budget=1.0, curvature=on) for on in (False, True))
    assert (told.lr, told.low, told.high, told.edge) == (plain.lr, plain.low, plain.high, plain.edge)
    assert told.evidence["curvature_edge"] == pytest.approx(2.0 / sharpest, rel=0.06)
    st.set_lr(sgd, told.lr)
    room = st.headroom(model, sgd, lambda: MSE(model(x), y))
    assert told.evidence["headroom_edge"] == pytest.approx(told.lr * room, rel=1e-4)
    assert torch.equal(model.weight, before)
    assert sf.Peak.from_json(told.to_json()) == told


def test_what_the_evidence_cost_is_counted():
    model, x, y, _ = problem()
    sgd = torch.optim.SGD(model.parameters(), lr=1.0)
    forwards, backwards = [], []

    class Counted(nn.Module):
        def forward(self, output, target):
            forwards.append(1)
            if output.requires_grad:
                output.register_hook(lambda _: backwards.append(1))
            return MSE(output, target)

    plain = st.find(model, sgd, [(x, y)], Counted(), total=400)
    assert plain.cost_steps == len(backwards)
    forwards.clear()
    backwards.clear()
    told = st.find(model, sgd, [(x, y)], Counted(), total=400, curvature=True)
    spent = told.cost_steps - plain.cost_steps
    # An exact product runs twice through the graph, and is counted as three gradients.
    assert len(backwards) - plain.cost_steps <= spent <= 1.5 * (len(backwards) - plain.cost_steps)
    assert told.seconds > 0.0


def test_everything_is_put_back():
    model = nn.Sequential(nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Tanh(), nn.Linear(8, 1)).eval()
    _, x, y, _ = problem()
    generator = torch.Generator().manual_seed(1)
    data = torch.utils.data.TensorDataset(x, y)
    loader = torch.utils.data.DataLoader(data, batch_size=16, shuffle=True, generator=generator)
    adam = torch.optim.Adam(model.parameters(), lr=1e-3)
    before = [t.clone() for t in model.state_dict().values()], generator.get_state(), torch.get_rng_state()
    peak = st.find(model, adam, loader, MSE, total=100, curvature=True)
    assert "Curvature at the start puts the edge of stability at" in peak.why
    assert all(torch.equal(a, b) for a, b in zip(before[0], model.state_dict().values(), strict=True))
    assert torch.equal(before[1], generator.get_state())
    assert torch.equal(before[2], torch.get_rng_state())
    assert not any(module.training for module in model.modules())
    assert not adam.state


def test_a_peak_far_above_the_edge_is_said_to_be():
    # A loss whose curvature is all at the start: it saturates a step away.
    class Pit(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(2))

        def forward(self, x):
            narrow = torch.log1p((200.0 * self.weight[0]) ** 2)
            return narrow + 100.0 + (self.weight[1] - x.mean()) ** 2

    pit = Pit()
    sgd = torch.optim.SGD(pit.parameters(), lr=1.0)
    peak = st.find(pit, sgd, [torch.ones(4)], lambda out, _: out, total=200, curvature=True)
    assert "it is stable only where the run lowers its curvature on the way" in peak.why


def test_where_there_is_no_edge_the_reason_is_told():
    model, x, y, _ = problem()
    adagrad = torch.optim.Adagrad(model.parameters(), lr=1.0)
    assert "without an edge (the sum in its" in st.find(model, adagrad, [(x, y)], MSE, total=200, curvature=True).why
    sgd = torch.optim.SGD(model.parameters(), lr=1.0)

    def step_fn():
        sgd.zero_grad()
        loss = MSE(model(x), y)
        loss.backward()
        sgd.step()
        return loss

    assert "No curvature: it needs a loss_fn" in st.find(model, sgd, step_fn=step_fn, total=200, curvature=True).why


def test_what_the_runs_found_is_not_lost_to_a_loss_that_cannot_be_measured():
    model, x, y, _ = problem()
    sgd = torch.optim.SGD(model.parameters(), lr=1.0)
    plain = st.find(model, sgd, [(x, y)], MSE, total=200)
    calls = []

    def loss_fn(output, target):
        calls.append(1)
        if len(calls) > plain.cost_steps:
            raise KeyError("no more")
        return MSE(output, target)

    told = st.find(model, sgd, [(x, y)], loss_fn, total=200, curvature=True)
    assert told.lr == plain.lr
    assert "No curvature: 'no more'" in told.why
    assert (told.cost_steps, told.evidence) == (plain.cost_steps, {})


def test_the_headroom_of_the_peak_and_the_noise_are_told():
    model, x, y, _ = problem()
    batches = list(zip(x.split(8), y.split(8), strict=True))
    sgd = torch.optim.SGD(model.parameters(), lr=7.0)
    st.Scheduler(sgd, sf.constant(5.0, total=400))
    peak = st.find(model, sgd, batches, MSE, total=400, curvature=True)
    st.set_lr(sgd, peak.lr)
    sgd._optimizer_step_pre_hooks.clear()
    room = st.headroom(model, sgd, lambda: MSE(model(batches[0][0]), batches[0][1]))
    assert f"the first update could go {room:.2g} times as far" in peak.why
    grads = [torch.autograd.grad(MSE(model(a), b), model.weight)[0] for a, b in batches]
    whole = (sum(grads) / 8).square().sum()
    noise = st.NoiseScale(beta=0.0).updated(sum(g.square().sum() for g in grads) / 8, whole, 8, 64).value
    assert f"half noise at batches of {noise:.2g} (here 8)." in peak.why
