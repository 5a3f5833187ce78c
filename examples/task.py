"""A training loop that surefoot can tune: copy it and put your own model, data and optimizer in it.

    surefoot tune examples/task.py:train --total 1000 --budget 0.5 --out tuned

The only demands: begin afresh when called, take the rate of every update from the schedule, yield the loss.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.functional import cross_entropy

import surefoot as sf


def train(schedule: sf.Schedule, *, seed: int = 0, batch: int = 64) -> Iterator[sf.Reading]:
    """Learn to tell in which of four rings around the origin a point of the plane lies."""
    torch.manual_seed(seed)
    points = 2 * torch.rand(2400, 2) - 1
    rings = (points.norm(dim=1) * 3).long().clamp(max=3)
    x, y, x_val, y_val = points[:2000], rings[:2000], points[2000:], rings[2000:]
    model = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))
    optimizer = torch.optim.AdamW(model.parameters())

    def validate() -> float:
        with torch.no_grad():
            return cross_entropy(model(x_val), y_val).item()

    for step in range(schedule.total or 1000):
        rate = schedule(step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        pick = torch.randint(len(x), (batch,))
        loss = cross_entropy(model(x[pick]), y[pick])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        # The validation loss is given as a function: it is called only when a run is judged.
        yield sf.Reading(step, loss.item(), lr=rate, val_loss=validate)
