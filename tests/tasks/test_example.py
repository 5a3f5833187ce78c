"""The example that users copy."""

from __future__ import annotations

from pathlib import Path

import torch

from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import ramp
from surefoot.tasks import resolve

FILE = Path(__file__).parents[2] / "examples" / "task.py"


def test_it_resolves_learns_and_repeats():
    train = resolve(f"{FILE}:train")
    schedule = Schedule(1e-2, (ramp(0, 1, 20), ramp(1, 0, 180)))
    with torch.random.fork_rng(devices=[]):
        readings = list(train(schedule, seed=1))
        again = list(train(schedule, seed=1))
    assert [reading.step for reading in readings] == list(range(200))
    assert readings[-1].val_loss() < 0.3 * readings[0].loss
    assert [reading.loss for reading in readings] == [reading.loss for reading in again]
