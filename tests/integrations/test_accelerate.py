"""A real training under Accelerate: prepared, accumulated, saved and resumed; rates as the schedule says."""

from dataclasses import dataclass

import pytest
import torch
from accelerate import Accelerator
from accelerate.scheduler import AcceleratedScheduler
from accelerate.state import AcceleratorState, GradientState, PartialState

import surefoot.torch as st
from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import ramp

PLAN = Schedule(0.1, (ramp(0, 1, 3), ramp(1, 0, 9, "cosine")))


@dataclass
class Run:
    model: torch.nn.Module
    optimizer: torch.optim.Optimizer
    data: torch.utils.data.DataLoader
    scheduler: AcceleratedScheduler
    inner: torch.optim.Optimizer


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
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.AdamW(
        [{"params": [model.weight]}, {"params": [model.bias], "lr": 0.05}], lr=0.1
    )  # fmt: skip
    scheduler = st.Scheduler(optimizer, PLAN)
    data = torch.utils.data.DataLoader(torch.randn(24, 4), batch_size=2)
    return Run(*accelerator.prepare(model, optimizer, data, scheduler), optimizer)


def train(accelerator, run):
    seen = []
    run.inner.register_step_pre_hook(lambda opt, *_: seen.append([group["lr"] for group in opt.param_groups]))
    for batch in run.data:
        with accelerator.accumulate(run.model):
            accelerator.backward(run.model(batch).square().mean())
            run.optimizer.step()
            run.scheduler.step()
            run.optimizer.zero_grad()
    return seen


def planned(updates):
    return [[PLAN(t), PLAN(t) * 0.5] for t in range(updates)]


@pytest.mark.parametrize("accumulation", [1, 3])
def test_the_applied_rates_are_the_schedule(accumulation):
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=accumulation)
    run = build(accelerator)
    assert isinstance(run.scheduler, AcceleratedScheduler)
    seen = train(accelerator, run)
    assert seen == planned(12 // accumulation)
    assert run.scheduler.scheduler.position == 12 // accumulation
    assert run.scheduler.get_last_lr() == seen[-1]


def test_several_processes_do_not_run_the_schedule_ahead():
    accelerator = Accelerator(cpu=True)
    run = build(accelerator)
    steady = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    torchs = AcceleratedScheduler(torch.optim.lr_scheduler.LambdaLR(steady, lambda t: t), run.optimizer)
    PartialState._shared_state["num_processes"] = 4  # AcceleratedScheduler calls step() that often
    assert train(accelerator, run) == planned(12)
    steady.step()
    torchs.step()
    assert torchs.get_last_lr() == [4.0]


def test_a_scheduler_built_on_the_prepared_optimizer_sits_on_the_inner_one():
    accelerator = Accelerator(cpu=True)
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 1)
    inner = torch.optim.SGD(model.parameters(), lr=0.1)
    model, optimizer = accelerator.prepare(model, inner)
    scheduler = accelerator.prepare(st.Scheduler(optimizer, PLAN))
    for t in range(4):
        accelerator.backward(model(torch.ones(1, 4)).sum())
        optimizer.step()
        scheduler.step()
        assert inner.param_groups[0]["lr"] == PLAN(t)
    st.set_lr(optimizer, 0.7)
    assert inner.param_groups[0]["lr"] == 0.7


def test_save_state_and_load_state_restore_the_position(tmp_path):
    accelerator = Accelerator(cpu=True)
    train(accelerator, build(accelerator))
    accelerator.save_state(str(tmp_path))
    fresh = build(accelerator)
    accelerator._models[:], accelerator._optimizers[:] = [fresh.model], [fresh.optimizer]
    accelerator._schedulers[:], accelerator._dataloaders[:] = [fresh.scheduler], [fresh.data]
    accelerator.load_state(str(tmp_path))
    assert fresh.scheduler.scheduler.position == 12
    assert train(accelerator, fresh)[0] == [0.0, 0.0]
