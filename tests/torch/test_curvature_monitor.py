"""The monitor ``sharpness_ratio``: what st.sharpness says, every so many updates, of a run that does not notice."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

import surefoot as sf
import surefoot.torch as st
from surefoot.errors import ArgumentError


def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Tanh(), nn.Linear(8, 3))


RUNS = {
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-2),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=1e-3),
}


def trained(make, *, watched, half=False):
    """Return the losses, what the run leaves, the readings, and the exact ratio at the updates that were sampled."""
    model = network()
    optimizer = make(model.parameters())
    scheduler = st.Scheduler(optimizer, sf.cosine(optimizer.param_groups[0]["lr"], total=12))
    inputs, labels = torch.randn(60, 6), torch.randint(0, 3, (60,))

    def loss_of(x, y):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            return cross_entropy(model(x), y)

    def fixed():
        return loss_of(inputs[:20], labels[:20])

    monitors = (
        st.Monitors(model, optimizer, every=2, probe_every=4, which=("sharpness_ratio", "grad_norm"), loss_fn=fixed)
        if watched
        else None
    )
    losses, rows, truth = [], [], []
    for step in range(12):
        optimizer.zero_grad()
        loss = loss_of(inputs[4 * step : 4 * step + 10], labels[4 * step : 4 * step + 10])
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
        rows.append(monitors.read() if monitors else {})
        if watched and step % 4 == 0:
            truth.append(st.sharpness(model, optimizer, fixed, hvp="exact", products=40, tolerance=1e-3).ratio)
    state = [v for one in optimizer.state_dict()["state"].values() for v in one.values() if torch.is_tensor(v)]
    return losses, [*model.state_dict().values(), *state, torch.get_rng_state()], rows, truth


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("name", RUNS)
def test_the_run_is_bit_identical(name, half):
    plain, watched = (trained(RUNS[name], watched=on, half=half) for on in (False, True))
    assert plain[0] == watched[0]
    assert all(torch.equal(a, b) for a, b in zip(plain[1], watched[1], strict=True))


@pytest.mark.parametrize("name", RUNS)
def test_it_is_the_ratio_that_sharpness_says_at_the_probes(name):
    _, _, rows, truth = trained(RUNS[name], watched=True)
    said = [row["sharpness_ratio"] for row in rows if "sharpness_ratio" in row]
    assert ["sharpness_ratio" in row for row in rows] == [step % 4 == 0 for step in range(12)]
    # Few products, so that they cost little; after Adam's first update, when P is one gradient, they see half of it.
    assert said[1:] == pytest.approx(truth[1:], rel=0.3)
    assert 0.3 * truth[0] < said[0] < 1.3 * truth[0]


def test_the_next_probe_begins_where_the_last_one_ended():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 40), nn.Tanh(), nn.Linear(40, 5))
    x, y = torch.randn(50, 20), torch.randint(5, (50,))
    sgd = torch.optim.SGD(model.parameters(), lr=1e-3)
    calls = []

    def loss():
        calls.append(1)
        return cross_entropy(model(x), y)

    counts = []
    with st.Monitors(model, sgd, every=1, probe_every=1, which="sharpness_ratio", loss_fn=loss):
        for _ in range(3):
            before = len(calls)
            cross_entropy(model(x), y).backward()
            sgd.step()
            counts.append(len(calls) - before)
    assert counts[1] < counts[0]
    assert max(counts) <= 22


def test_a_run_far_above_its_edge_is_a_finding():
    weight = nn.Linear(1, 1, bias=False)

    def loss():
        return 4.0 * (weight.weight**2).sum()  # lambda = 8

    sgd = torch.optim.SGD(weight.parameters(), lr=0.6)  # the edge is 0.25
    watch = sf.watch(total=200, optimizer=sgd)
    with st.Monitors(weight, sgd, every=1, probe_every=1, which="sharpness_ratio", loss_fn=loss) as monitors:
        for step in range(40):
            sgd.zero_grad()
            value = loss()
            value.backward()
            nn.utils.clip_grad_norm_(weight.parameters(), 0.1)
            sgd.step()
            watch(step, value, **monitors.read())
    assert "SF111" in {finding.code for finding in watch.findings}


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("SGD", {}, "which='sharpness_ratio' needs loss_fn"),
        (
            "Adagrad",
            {"loss_fn": lambda: None},
            "needs an edge, and this optimizer has none: the sum in its denominator",
        ),
    ],
)
def test_what_it_needs_is_said_before_the_run(kind, options, message):
    layer = nn.Linear(2, 1)
    optimizer = getattr(torch.optim, kind)(layer.parameters(), lr=0.1)
    with pytest.raises(ArgumentError, match=message):
        st.Monitors(layer, optimizer, which="sharpness_ratio", **options)
    assert not optimizer._optimizer_step_pre_hooks
