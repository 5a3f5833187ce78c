"""MNIST-1D: digits as signals of 40 samples, told apart by a convolutional network with BatchNorm."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from surefoot.history.reading import Reading
from surefoot.schedule.core import Schedule
from surefoot.tasks import data
from surefoot.tasks.loop import build, held_out, seeded
from surefoot.tasks.steps import updates
from surefoot.torch import set_lr


def mnist1d(
    schedule: Schedule,
    *,
    seed: int = 0,
    width: int = 24,
    batch: int = 64,
    optimizer: str = "sgd",
    momentum: float = 0.9,
    weight_decay: float = 5e-4,
) -> Iterator[Reading]:
    """Train three convolutions of ``width`` channels, each with BatchNorm (validation uses running statistics)."""
    signals = data.mnist1d()
    with seeded(seed):
        model = nn.Sequential(
            nn.Unflatten(1, (1, 40)),
            nn.Conv1d(1, width, 5, stride=2, padding=1), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Conv1d(width, width, 3, stride=2, padding=1), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Conv1d(width, width, 3, stride=2, padding=1), nn.BatchNorm1d(width), nn.ReLU(),
            nn.Flatten(), nn.Linear(5 * width, 10),
        )  # fmt: skip
    chosen = build(optimizer, model.parameters(), momentum=momentum, weight_decay=weight_decay)
    order = torch.Generator().manual_seed(seed)
    validate = held_out(
        model, cross_entropy, signals.x_val, signals.y_val, chosen, seen=signals.x[: 20 * batch].split(batch)
    )
    for step in updates(schedule):
        rate = schedule(step)
        set_lr(chosen, rate)
        pick = torch.randint(len(signals.x), (batch,), generator=order)
        loss = cross_entropy(model(signals.x[pick]), signals.y[pick])
        chosen.zero_grad()
        loss.backward()
        chosen.step()
        yield Reading(step, loss.item(), lr=rate, val_loss=validate)
