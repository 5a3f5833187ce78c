"""Handwritten digits of 8 x 8 pixels, told apart by a perceptron or by a small convolutional network."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer

from surefoot.history.reading import Reading
from surefoot.schedule.core import Schedule
from surefoot.tasks import data
from surefoot.tasks.loop import build, held_out, seeded
from surefoot.tasks.steps import updates
from surefoot.torch import set_lr


def digits(
    schedule: Schedule,
    *,
    seed: int = 0,
    width: int = 64,
    batch: int = 64,
    optimizer: str = "adamw",
    momentum: float = 0.9,
    weight_decay: float = 0.01,
) -> Iterator[Reading]:
    """Train a perceptron with two hidden layers of ``width`` on scikit-learn's digits, ``batch`` images an update."""
    with seeded(seed):
        model = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))
    chosen = build(optimizer, model.parameters(), momentum=momentum, weight_decay=weight_decay)
    yield from _train(schedule, model, chosen, batch, seed)


def digits_cnn(
    schedule: Schedule,
    *,
    seed: int = 0,
    width: int = 16,
    batch: int = 64,
    optimizer: str = "adam",
    momentum: float = 0.9,
    weight_decay: float = 0.0,
) -> Iterator[Reading]:
    """Train two convolutions (``width`` and twice ``width`` channels) on scikit-learn's digits."""
    with seeded(seed):
        model = nn.Sequential(
            nn.Unflatten(1, (1, 8, 8)),
            nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(8 * width, 10),
        )  # fmt: skip
    chosen = build(optimizer, model.parameters(), momentum=momentum, weight_decay=weight_decay)
    yield from _train(schedule, model, chosen, batch, seed)


def _train(schedule: Schedule, model: nn.Module, optimizer: Optimizer, batch: int, seed: int) -> Iterator[Reading]:
    images = data.digits()
    order = torch.Generator().manual_seed(seed)
    validate = held_out(model, cross_entropy, images.x_val, images.y_val, optimizer)
    for step in updates(schedule):
        rate = schedule(step)
        set_lr(optimizer, rate)
        pick = torch.randint(len(images.x), (batch,), generator=order)
        loss = cross_entropy(model(images.x[pick]), images.y[pick])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield Reading(step, loss.item(), lr=rate, val_loss=validate)
