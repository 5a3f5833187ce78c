"""Fine-tuning: a perceptron that knows the digits 0 to 4 learns 5 to 9, whole or through LoRA adapters."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from surefoot.history.reading import Reading
from surefoot.schedule.core import Schedule
from surefoot.tasks import data
from surefoot.tasks.loop import build, held_out, seeded
from surefoot.tasks.steps import updates
from surefoot.torch import set_lr

_WIDTH = 128


class LoRA(nn.Module):
    """A frozen linear layer plus a low-rank one: y = W x + b + (alpha / rank) B A x, with B = 0 at the start.

    Source: LoRA: Low-Rank Adaptation of Large Language Models, arXiv 2106.09685 (2021).
    """

    def __init__(self, linear: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.linear, self.scale = linear.requires_grad_(False), alpha / rank
        self.A = nn.Parameter(torch.randn(rank, linear.in_features) / linear.in_features**0.5)
        self.B = nn.Parameter(torch.zeros(linear.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x) + self.scale * (x @ self.A.T @ self.B.T)
        return y


def finetune(
    schedule: Schedule,
    *,
    seed: int = 0,
    batch: int = 32,
    optimizer: str = "adamw",
    momentum: float = 0.9,
    weight_decay: float = 0.01,
) -> Iterator[Reading]:
    """Fine-tune every weight and a new head."""
    model = deepcopy(pretrained())
    with seeded(seed):
        model[-1] = nn.Linear(_WIDTH, 5)
    yield from _train(schedule, model, optimizer, seed=seed, batch=batch, momentum=momentum, weight_decay=weight_decay)


def finetune_lora(
    schedule: Schedule,
    *,
    seed: int = 0,
    rank: int = 4,
    alpha: float = 8.0,
    batch: int = 32,
    optimizer: str = "adamw",
    momentum: float = 0.9,
    weight_decay: float = 0.0,
) -> Iterator[Reading]:
    """Fine-tune adapters of ``rank`` and a new head, every pretrained weight frozen."""
    model = deepcopy(pretrained())
    with seeded(seed):
        for k in (0, 2):
            model[k] = LoRA(model[k], rank, alpha)  # type: ignore[arg-type]  # layers 0 and 2 are the linear ones
        model[-1] = nn.Linear(_WIDTH, 5)
    yield from _train(schedule, model, optimizer, seed=seed, batch=batch, momentum=momentum, weight_decay=weight_decay)


@cache
def pretrained() -> nn.Sequential:
    """Return the model that everybody starts from: 300 updates of AdamW at 1e-3 on the digits 0 to 4."""
    x, y = _classes(0)[:2]
    with seeded(0):
        model = nn.Sequential(
            nn.Linear(64, _WIDTH), nn.ReLU(), nn.Linear(_WIDTH, _WIDTH), nn.ReLU(), nn.Linear(_WIDTH, 5)
        )
    optimizer = build("adamw", model.parameters(), weight_decay=0.01)
    set_lr(optimizer, 1e-3)
    order = torch.Generator().manual_seed(0)
    for _ in range(300):
        pick = torch.randint(len(x), (64,), generator=order)
        optimizer.zero_grad()
        cross_entropy(model(x[pick]), y[pick]).backward()
        optimizer.step()
    return model


def _classes(first: int) -> data.Split:
    # The five digits from `first` on, as classes 0 to 4.
    x, y, x_val, y_val = data.digits()
    train, held = (y >= first) & (y < first + 5), (y_val >= first) & (y_val < first + 5)
    return data.Split(x[train], y[train] - first, x_val[held], y_val[held] - first)


def _train(
    schedule: Schedule, model: nn.Module, name: str, *, seed: int, batch: int, momentum: float, weight_decay: float
) -> Iterator[Reading]:
    images = _classes(5)
    trained = [p for p in model.parameters() if p.requires_grad]
    chosen = build(name, trained, momentum=momentum, weight_decay=weight_decay)
    order = torch.Generator().manual_seed(seed)
    validate = held_out(model, cross_entropy, images.x_val, images.y_val, chosen)
    for step in updates(schedule):
        rate = schedule(step)
        set_lr(chosen, rate)
        pick = torch.randint(len(images.x), (batch,), generator=order)
        loss = cross_entropy(model(images.x[pick]), images.y[pick])
        chosen.zero_grad()
        loss.backward()
        chosen.step()
        yield Reading(step, loss.item(), lr=rate, val_loss=validate)
