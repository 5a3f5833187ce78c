"""Schedule-Free under Accelerate: prepared, switched through the wrapper, saved and resumed."""

import copy

import pytest
import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from accelerate.state import AcceleratorState, GradientState, PartialState

import surefoot.torch as st


@pytest.fixture(autouse=True)
def fresh_state():
    """Accelerate keeps its state in shared dictionaries."""
    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()
    yield
    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()


def build(accelerator):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    inner = st.optim.ScheduleFreeAdamW(model.parameters(), lr=0.05)
    inner.attach(model)
    model, optimizer = accelerator.prepare(model, inner)
    return model, optimizer, inner


def train(accelerator, model, optimizer, start, stop):
    optimizer.train()
    for k in range(start, stop):
        x = torch.randn(8, 4, generator=torch.Generator().manual_seed(k))
        with accelerator.accumulate(model):
            accelerator.backward((model(x).squeeze(-1) - x.sum(-1)).square().mean())
            accelerator.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_a_state_that_was_saved_holds_x_and_resumes_bit_for_bit(tmp_path, mode):
    accelerator = Accelerator(cpu=True)
    model, optimizer, inner = build(accelerator)
    assert isinstance(optimizer, AcceleratedOptimizer)
    train(accelerator, model, optimizer, 0, 6)
    getattr(optimizer, mode)()
    assert inner.training == (mode == "train")
    x = copy.deepcopy(inner.evaluation_state_dict(model))
    accelerator.save_state(tmp_path / "state")
    accelerator.save_model(model, tmp_path / "model")
    from safetensors.torch import load_file  # noqa: PLC0415  what the two write

    for file in ("state", "model"):
        assert same(load_file(tmp_path / file / "model.safetensors"), x)
    train(accelerator, model, optimizer, 6, 12)
    want = copy.deepcopy(inner.evaluation_state_dict(model))
    accelerator.load_state(tmp_path / "state")
    train(accelerator, model, optimizer, 6, 12)
    assert same(inner.evaluation_state_dict(model), want)

    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()
    fresh = Accelerator(cpu=True)
    other, second, second_inner = build(fresh)
    fresh.load_state(tmp_path / "state")
    train(fresh, other, second, 6, 12)
    assert same(second_inner.evaluation_state_dict(other), want)


def test_accumulation_steps_once_for_several_batches():
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=3)
    model, optimizer, inner = build(accelerator)
    train(accelerator, model, optimizer, 0, 12)
    assert inner.param_groups[0]["k"] == 4
