"""An optimizer that finds its own rate says so in every log: a watch, a guard, monitors."""

import pytest
import torch

import surefoot as sf
import surefoot.torch as st
from surefoot.live.tuned import own
from surefoot.torch import optim

METHODS = {
    "Prodigy": optim.Prodigy,
    "Mechanic": lambda ps: optim.Mechanic(torch.optim.AdamW(ps, lr=1.0)),
    "DoG": optim.DoG,
}
WITHOUT_D = {
    "ScheduleFreeAdamW": lambda ps: optim.ScheduleFreeAdamW(ps, lr=0.01, warmup_steps=10),
    "GIAdam": optim.GIAdam,
    "MoMoAdam": optim.MoMoAdam,
}


def trained(make, steps=6):
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 1)
    return model, make(model.parameters()), [torch.randn(8, 4) for _ in range(steps)]


def backward(model, x):
    model.zero_grad()
    loss = (model(x) ** 2).mean()
    loss.backward()
    return loss


@pytest.mark.parametrize("name", METHODS)
def test_a_watch_logs_both_numbers_beside_the_rate(name, tmp_path):
    model, optimizer, batches = trained(METHODS[name])
    watch = sf.watch(optimizer=optimizer, log=tmp_path / "run.jsonl")
    for t, x in enumerate(batches):
        loss = backward(model, x)
        optimizer.step()
        watch(t, loss)
        last = (optimizer.d, optimizer.effective_lr)
    watch.finish()
    history = sf.read(tmp_path / "run.jsonl")
    assert (history["d"][-1], history["effective_lr"][-1]) == last
    assert (history["lr"] == 1.0).all()


@pytest.mark.parametrize("name", METHODS)
def test_a_guard_logs_both_numbers(name, tmp_path):
    model, optimizer, batches = trained(METHODS[name])
    guard = st.Guard(model, optimizer, log=tmp_path / "guard.jsonl")
    for x in batches:
        loss = backward(model, x)
        with guard.update(loss):
            optimizer.step()
    guard.close()
    history = sf.read(tmp_path / "guard.jsonl")
    assert history["d"][-1] == optimizer.d
    assert history["effective_lr"][-1] == optimizer.effective_lr


@pytest.mark.parametrize("name", [*METHODS, *WITHOUT_D])
def test_monitors_say_the_methods_own_rate(name):
    model, optimizer, batches = trained({**METHODS, **WITHOUT_D}[name])
    with st.Monitors(model, optimizer, every=1) as monitors:
        for x in batches:
            loss = backward(model, x)
            optimizer.step(**({"loss": loss} if "MoMo" in name else {}))
        seen = monitors.read()
    assert seen["effective_lr"] == pytest.approx(optimizer.effective_lr, rel=1e-6)
    assert ("d" in seen) is (name in METHODS)


def test_around_one_another_the_outer_rate_counts_and_the_d_of_either():
    _, scale, _ = trained(METHODS["Mechanic"])
    cap = optim.MoMo(scale)
    numbers = own(scale.optimizer)()
    assert set(numbers) == {"effective_lr", "d"}
    assert numbers == own(cap)()
    assert sf.watch(optimizer=cap)._origin.facts["optimizer"] == "momo of mechanic of adamw"


def test_a_plain_optimizer_says_nothing():
    _, optimizer, _ = trained(lambda ps: torch.optim.AdamW(ps, lr=1.0))
    assert own(optimizer)() == own(None)() == own("prodigy")() == {}
