"""Tabular regression: how far a disease has come after a year, from ten measurements."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.functional import mse_loss

from surefoot.history.reading import Reading
from surefoot.schedule.core import Schedule
from surefoot.tasks import data
from surefoot.tasks.loop import build, held_out, seeded
from surefoot.tasks.steps import updates
from surefoot.torch import set_lr


def tabular(
    schedule: Schedule,
    *,
    seed: int = 0,
    width: int = 32,
    batch: int = 32,
    optimizer: str = "adam",
    momentum: float = 0.9,
    weight_decay: float = 0.0,
) -> Iterator[Reading]:
    """Fit scikit-learn's diabetes with one hidden layer; the loss is the mean square, 1 for predicting the mean.

    With 354 noisy rows it overfits, so the rate that is best for the training loss is too high here.
    """
    patients = data.diabetes()
    with seeded(seed):
        model = nn.Sequential(nn.Linear(10, width), nn.Tanh(), nn.Linear(width, 1), nn.Flatten(0))
    chosen = build(optimizer, model.parameters(), momentum=momentum, weight_decay=weight_decay)
    order = torch.Generator().manual_seed(seed)
    validate = held_out(model, mse_loss, patients.x_val, patients.y_val, chosen)
    for step in updates(schedule):
        rate = schedule(step)
        set_lr(chosen, rate)
        pick = torch.randint(len(patients.x), (batch,), generator=order)
        loss = mse_loss(model(patients.x[pick]), patients.y[pick])
        chosen.zero_grad()
        loss.backward()
        chosen.step()
        yield Reading(step, loss.item(), lr=rate, val_loss=validate)
