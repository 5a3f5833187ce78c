"""A real training under Accelerate, its log watched."""

import math

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState

import surefoot as sf
from surefoot.integrations.accelerate import watch


@pytest.fixture(autouse=True)
def fresh_state():
    """Accelerate keeps its state in shared dictionaries."""
    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()
    yield
    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()


def begun(tracker, config=None):
    accelerator = Accelerator(cpu=True, log_with=tracker)
    accelerator.init_trackers("run", config or {})
    return accelerator


def test_what_is_logged_is_watched_under_the_names_of_any_log(tmp_path):
    accelerator = begun(watch(log=tmp_path / "watch.jsonl"))
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model, optimizer = accelerator.prepare(model, optimizer)
    losses = []
    for step, batch in enumerate(torch.randn(12, 2, 4)):
        loss = model(batch).square().mean()
        accelerator.backward(loss)
        norm = accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        accelerator.log({"train/loss": loss, "learning_rate": 0.1, "note": "text"}, step=step)
        accelerator.log({"grad_norm": norm}, step=step)
    accelerator.log({"eval_loss": 0.5, "eval_accuracy": 0.9}, step=11)
    accelerator.end_training()
    found = sf.read(tmp_path / "watch.jsonl")
    assert found["step"].tolist() == list(range(12))
    assert found["loss"].tolist() == pytest.approx(losses)
    assert set(found.names) == {"step", "loss", "lr", "grad_norm", "val_loss", "val_accuracy"}
    assert found["val_loss"][-1] == 0.5


def test_findings_come_while_it_is_logged():
    heard = []
    tracker = watch(on_finding=heard.append)
    accelerator = begun(tracker)
    for step in range(6):
        accelerator.log({"loss": math.nan if step == 3 else 1.0}, step=step)
    assert [one.code for one in heard] == ["SF101"]
    assert accelerator.get_tracker("surefoot").tracker.findings[0].step == 3
    accelerator.end_training()


def test_without_steps_each_call_is_one():
    tracker = watch()
    accelerator = begun(tracker)
    for _ in range(3):
        accelerator.log({"loss": 1.0})
    accelerator.end_training()
    assert tracker.tracker._pace.rows == 3


def test_values_that_are_no_reading_are_passed_over():
    tracker = watch()
    accelerator = begun(tracker)
    accelerator.log({"lr": 0.1}, step=0)
    accelerator.log({"loss": 1.0}, step=1)
    accelerator.end_training()
    assert tracker.tracker._pace.rows == 1


def test_the_configuration_tells_the_plan_and_what_is_given_wins():
    tracker = watch(batch=64)
    begun(tracker, {"max_steps": 100, "batch_size": 32, "optimizer": "AdamW", "seed": 1})
    assert dict(tracker.tracker._origin.facts) == {"total": 100.0, "batch": 64, "optimizer": "adamw"}
