"""Monitors: the run is the same with and without them, and each column is what a naive loop computes."""

import math

import pytest
import torch
from torch import nn

import surefoot as sf
import surefoot.torch as st
from surefoot.errors import ArgumentError
from surefoot.torch.monitors.choice import CHEAP, NAMES

EVERYTHING = ("headroom", "noise_scale", "log_z", *CHEAP)


def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.ReLU(), nn.Linear(8, 3))


RUNS = {
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-2),
    "fused": lambda p: torch.optim.AdamW(p, lr=1e-2, fused=True),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=1e-2),
}


def trained(make, watched, *, half=False, every=3):
    model = network()
    optimizer = make(model.parameters())
    inputs, labels = torch.randn(60, 6), torch.randint(0, 3, (60,))
    losses, rows = [], []

    def loss_of(x, y):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            return nn.functional.cross_entropy(model(x), y)

    fixed = inputs[:9], labels[:9]
    options = {"which": EVERYTHING, "loss_fn": lambda: loss_of(*fixed), "logits": "4", "probe_every": every}
    monitors = st.Monitors(model, optimizer, every=every, **options) if watched else None
    for step in range(12):
        optimizer.zero_grad()
        for part in range(2):
            at = 4 * step + 2 * part
            loss = loss_of(inputs[at : at + 5], labels[at : at + 5]) / 2
            loss.backward()
            if monitors:
                monitors.micro_batch(5)
        norm = nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        if monitors:
            monitors.give(grad_norm=norm)
        optimizer.step()
        losses.append(loss.item())
        rows.append(monitors.read() if monitors else {})
    state = [
        value for one in optimizer.state_dict()["state"].values() for value in one.values() if torch.is_tensor(value)
    ]
    return losses, [*model.state_dict().values(), *state, torch.get_rng_state()], rows


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("every", [1, 3])
@pytest.mark.parametrize("name", RUNS)
def test_a_run_with_every_monitor_is_bit_identical(name, every, half):
    plain, watched = (trained(RUNS[name], on, half=half, every=every) for on in (False, True))
    assert plain[0] == watched[0]
    assert all(torch.equal(a, b) for a, b in zip(plain[1], watched[1], strict=True))
    assert [bool(row) for row in watched[2]] == [step % every == 0 for step in range(12)]


def test_every_monitor_says_a_finite_number():
    rows = trained(RUNS["adamw"], watched=True, every=1)[2]
    assert set(rows[1]) == set(EVERYTHING)
    assert set(rows[0]) == set(EVERYTHING) - {"grad_cosine"}
    assert all(math.isfinite(value) for name, value in rows[5].items() if name != "noise_scale")


def test_what_an_optimizer_does_not_have_is_left_out():
    rows = trained(RUNS["nesterov"], watched=True)[2]
    assert not {"rms_t", "effective_lr"} & set(rows[0])


def naive(every, steps, make, which):
    """Train a small network, with copies and loops that share nothing with the library, beside the monitors."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2))
    optimizer = make(model.parameters())
    monitors = st.Monitors(model, optimizer, every=every, which=which)
    parameters, rows, last = list(model.parameters()), [], None
    for _ in range(steps):
        x = torch.randn(16, 4)
        optimizer.zero_grad()
        model(x).square().mean().backward()
        before = [p.detach().clone() for p in parameters]
        optimizer.step()
        flat = torch.cat([p.grad.flatten() for p in parameters])
        moved = torch.cat([(p.detach() - old).flatten() for p, old in zip(parameters, before, strict=True)])
        ratios = sorted(
            float((p.detach() - old).norm() / old.norm())
            for p, old in zip(parameters, before, strict=True)
            if p.ndim == 2
        )
        want = {
            "grad_norm": float(flat.norm()),
            "weight_norm": float(torch.cat([p.detach().flatten() for p in parameters]).norm()),
            "update_ratio": ratios[0],
            "update_rms": float(moved.square().mean().sqrt()),
        }
        if last is not None:
            want["grad_cosine"] = float(nn.functional.cosine_similarity(flat, last, dim=0))
        last = flat
        rows.append((monitors.read(), want))
    return rows, monitors, model, optimizer


@pytest.mark.parametrize("name", RUNS)
def test_the_columns_are_what_a_naive_loop_finds(name):
    which = ("grad_norm", "weight_norm", "update_ratio", "update_rms", "grad_cosine")
    rows = naive(4, 13, RUNS[name], which)[0]
    for step, (said, want) in enumerate(rows):
        if step % 4:
            assert said == {}
        else:
            assert said == pytest.approx({key: want[key] for key in said}, rel=1e-4)
            assert set(want) == set(said) or step == 0


def test_the_table_has_a_row_by_parameter():
    _, monitors, model, optimizer = naive(1, 3, RUNS["adamw"], CHEAP)
    table = {layer.name: layer.values for layer in monitors.layers()}
    assert list(table) == [name for name, _ in model.named_parameters()]
    weight = model[0].weight
    assert table["0.weight"]["grad_norm"] == pytest.approx(float(weight.grad.norm()))
    assert table["0.weight"]["weight_norm"] == pytest.approx(float(weight.detach().norm()))
    state = optimizer.state[weight]
    rates = 1e-2 / ((state["exp_avg_sq"] / (1 - 0.999**3)).sqrt() + 1e-8)
    spread = [table["0.weight"][name] for name in ("effective_lr_5", "effective_lr", "effective_lr_95")]
    assert spread == pytest.approx(torch.quantile(rates, torch.tensor([0.05, 0.5, 0.95])).tolist(), rel=1e-4)
    surprise = (weight.grad**2 / (state["exp_avg_sq"] / (1 - 0.999**3))).mean().sqrt()
    assert table["0.weight"]["rms_t"] == pytest.approx(float(surprise), rel=1e-4)


def test_reading_twice_says_nothing_new_and_tensors_are_not_read():
    rows, monitors, _, _ = naive(1, 2, RUNS["adamw"], ("grad_norm",))
    assert rows[1][0]
    assert monitors.read() == {}
    assert monitors.tensors() == {}
    assert monitors.step == 1


def test_tensors_carry_the_same_numbers_for_who_reads_later():
    layer = nn.Linear(2, 1)
    sgd = torch.optim.SGD(layer.parameters(), lr=0.1)
    with st.Monitors(layer, sgd, which=("grad_norm", "update_rms")) as monitors:
        layer(torch.ones(1, 2)).sum().backward()
        sgd.step()
    columns = monitors.tensors()
    assert set(columns) == {"grad_norm", "update_rms"}
    assert float(columns["grad_norm"]) == pytest.approx(3**0.5)


def test_closing_takes_every_hook_off():
    layer = nn.Sequential(nn.Linear(2, 2))
    sgd = torch.optim.SGD(layer.parameters(), lr=0.1)
    with st.Monitors(layer, sgd, which=("log_z",), logits="0"):
        assert layer[0]._forward_hooks
        assert sgd._optimizer_step_pre_hooks
    assert not layer[0]._forward_hooks
    assert not sgd._optimizer_step_pre_hooks
    assert not sgd._optimizer_step_post_hooks


def test_a_module_is_hooked_only_in_the_step_that_is_sampled():
    layer = nn.Linear(2, 2)
    sgd = torch.optim.SGD(layer.parameters(), lr=0.1)
    model = nn.Sequential(layer)
    with st.Monitors(model, sgd, every=4, which=("log_z",), logits="0") as monitors:
        hooked = []
        for _ in range(9):
            hooked.append(bool(layer._forward_hooks))
            model(torch.ones(1, 2)).sum().backward()
            sgd.step()
            monitors.read()
    assert hooked == [step % 4 == 0 for step in range(9)]


def test_an_evaluation_beside_the_sampled_step_is_not_taken_for_it():
    model = nn.Sequential(nn.Linear(2, 2, bias=False))
    nn.init.zeros_(model[0].weight)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    with st.Monitors(model, sgd, which=("log_z",), logits="0") as monitors:
        with torch.no_grad():
            model[0].weight.fill_(9.0)
            model(torch.ones(1, 2))
            model[0].weight.fill_(0.0)
        model(torch.ones(1, 2)).sum().backward()
        sgd.step()
    assert monitors.read()["log_z"] == pytest.approx(math.log(2))


@pytest.mark.parametrize("fused", [False, True])
def test_an_update_that_a_scaler_skips_has_no_ratio(fused):
    layer = nn.Linear(2, 1)
    adam = torch.optim.AdamW(layer.parameters(), lr=0.1, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    seen = []
    with st.Monitors(
        layer, adam, every=1, which=("update_ratio", "loss_scale", "grad_norm"), scaler=scaler
    ) as monitors:
        for big in (1.0, math.inf, 1.0):
            adam.zero_grad()
            scaler.scale(layer(torch.ones(1, 2)).sum() * big).backward()
            scaler.step(adam)
            seen.append(monitors.read())
            scaler.update()
    assert seen[0]["update_ratio"] > 0
    assert seen[0]["loss_scale"] == 8.0
    assert seen[0]["grad_norm"] == pytest.approx(3**0.5)
    assert "update_ratio" not in seen[1]
    assert seen[2]["update_ratio"] > 0
    assert seen[2]["loss_scale"] == 4.0


def test_frozen_parameters_are_not_counted():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[0].requires_grad_(requires_grad=False)
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    with st.Monitors(model, sgd, which=("update_ratio", "weight_norm")) as monitors:
        model(torch.ones(1, 2)).sum().backward()
        sgd.step()
    assert monitors.read()["update_ratio"] > 0
    assert [layer.name for layer in monitors.layers()] == ["1.weight", "1.bias"]


def test_a_sparse_gradient_and_a_step_that_calls_its_parents_are_counted_once():
    class Twice(torch.optim.SGD):
        def step(self, closure=None):
            return super().step(closure)

    embedding = nn.Embedding(5, 2, sparse=True)
    sgd = Twice(embedding.parameters(), lr=0.5)
    seen = []
    with st.Monitors(embedding, sgd, every=2, which=("grad_norm", "update_rms", "grad_cosine")) as monitors:
        for _ in range(4):
            sgd.zero_grad()
            embedding(torch.tensor([1, 1])).sum().backward()
            sgd.step()
            seen.append(monitors.read())
    assert [bool(one) for one in seen] == [True, False, True, False]
    assert seen[0] == pytest.approx({"grad_norm": 8**0.5, "update_rms": (2 * 1.0 / 10) ** 0.5})


def test_a_headroom_is_that_of_the_update_itself():
    weight = nn.Linear(1, 1, bias=False).double()
    sgd = torch.optim.SGD(weight.parameters(), lr=0.1)

    def loss():
        return 2.0 * weight.weight.square().sum()

    seen = []
    which = ("headroom", "grad_norm")
    with st.Monitors(weight, sgd, every=2, probe_every=4, which=which, loss_fn=loss) as monitors:
        for _ in range(9):
            sgd.zero_grad()
            loss().backward()
            sgd.step()
            seen.append(monitors.read())
    assert [one.get("headroom") for one in seen if one] == [
        pytest.approx(5.0),
        None,
        pytest.approx(5.0),
        None,
        pytest.approx(5.0),
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"which": ("sharpness",)}, "which='sharpness' is no monitor"),
        ({"which": "headroom"}, "'headroom' needs loss_fn"),
        ({"which": "loss_scale"}, "'loss_scale' needs scaler"),
        ({"which": "log_z", "logits": "head"}, "logits='head' is no module"),
        ({"every": 0}, "every=0 must be an int >= 1"),
        ({"every": 2.0}, "every=2.0 must be an int >= 1"),
        ({"every": 4, "probe_every": 6}, "probe_every=6 must be a multiple of every=4"),
    ],
)
def test_a_bad_argument_is_refused_before_anything_is_hooked(options, message):
    layer = nn.Linear(2, 1)
    sgd = torch.optim.SGD(layer.parameters(), lr=0.1)
    with pytest.raises(ArgumentError, match=message):
        st.Monitors(layer, sgd, **options)
    assert not sgd._optimizer_step_pre_hooks


def test_the_columns_are_those_that_detectors_read():
    from surefoot.diagnosis.trace import wanted  # noqa: PLC0415  the only test that looks there

    assert [name for name in NAMES if not wanted(name)] == []


def test_trials_on_the_same_objects_are_not_taken_for_the_run():
    model = nn.Sequential(nn.Linear(2, 2))
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    batches = [(torch.ones(4, 2), torch.tensor([0, 1, 0, 1]))]
    with st.Monitors(model, sgd, every=1, which=("log_z", "grad_norm"), logits="0") as monitors:
        trial = st.task(model, sgd, batches, nn.functional.cross_entropy)(sf.constant(5.0, total=9))
        assert [next(trial).step for _ in range(4)] == [0, 1, 2, 3]
        trial.close()
        st.headroom(model, sgd, lambda: nn.functional.cross_entropy(model(batches[0][0]), batches[0][1]))
        assert monitors.read() == {}
        loss = nn.functional.cross_entropy(logits := model(batches[0][0]), batches[0][1])
        loss.backward()
        sgd.step()
    assert monitors.read()["log_z"] == pytest.approx(float(st.log_z(logits)))
    assert monitors.step == 0


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # of dynamo's own imports
def test_a_compiled_step_neither_traces_the_hooks_nor_is_compiled_anew_by_them():
    layer = nn.Linear(2, 1)
    adam = torch.optim.AdamW(layer.parameters(), lr=torch.tensor(1e-3), capturable=False)
    compiled = []
    torch._dynamo.reset()

    def backend(graph, inputs):  # noqa: ARG001  dynamo's signature
        compiled.append(graph)
        return graph.forward

    with st.Monitors(layer, adam, every=2, which=("update_ratio", "grad_norm")) as monitors:
        step, seen, counts = torch.compile(adam.step, backend=backend), [], []
        for _ in range(6):
            adam.zero_grad()
            layer(torch.ones(1, 2)).sum().backward()
            step()
            seen.append(bool(monitors.read()))
            counts.append(len(compiled))
    assert seen == [True, False, True, False, True, False]
    assert counts[0] > 0
    assert counts[2:] == [counts[2]] * 4


@pytest.mark.parametrize(("lr", "codes"), [(0.05, set()), (1.9, {"SF110"}), (5.0, {"SF110", "SF111"})])
def test_what_monitors_measure_reaches_the_detectors_of_a_watch(lr, codes):
    weight = nn.Linear(1, 1, bias=False).double()
    sgd = torch.optim.SGD(weight.parameters(), lr=lr)

    def loss():
        return 0.5 * weight.weight.square().sum()

    watch = sf.watch(optimizer=sgd)
    which = ("update_ratio", "headroom")
    with st.Monitors(weight, sgd, every=2, probe_every=2, which=which, loss_fn=loss) as monitors:
        for step in range(40):
            sgd.zero_grad()
            value = loss()
            value.backward()
            sgd.step()
            watch(step, value, **monitors.read())
    assert {finding.code for finding in watch.findings} & {"SF110", "SF111"} == codes
