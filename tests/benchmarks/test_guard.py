"""The loops of benchmarks/guard.py train as the built-in tasks do, guarded or not."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from surefoot.tasks import resolve
from surefoot.torch.guard import Guard

FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def runs():
    sys.path.insert(0, str(FOLDER))
    try:
        yield importlib.import_module("guarded_runs")
    finally:
        sys.path.remove(str(FOLDER))


@pytest.mark.parametrize("guard", [None, Guard], ids=["bare", "guarded"])
@pytest.mark.parametrize(
    "name", ["digits", "digits_cnn", "mnist1d", "tabular", "finetune", "finetune_lora", "charlm", "muon"]
)
def test_a_loop_has_the_losses_of_its_task_number_by_number(runs, name, guard):
    plan, losses = runs.recipe(0.01, 8, warmup=0.25), []
    parts = runs.pieces(name, 3)
    runs.run(parts, plan, guard, watch=lambda _, loss: losses.append(loss))
    readings = [reading.judged() for reading in resolve(name)(plan, seed=3)]
    assert losses == [reading.loss for reading in readings]
    assert parts.validate() == readings[-1].val_loss
