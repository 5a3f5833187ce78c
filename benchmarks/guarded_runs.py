"""The built-in tasks of torch as loops with a seam: what ``task(schedule)`` does, with a guard around each update.

``pieces(name, seed)`` builds what the task of that name builds; tests/benchmarks hold the losses of ``run`` without a
guard against those of the task, number by number.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import ramp
from surefoot.tasks import data, finetune
from surefoot.tasks.charlm import Transformer
from surefoot.tasks.loop import build, held_out, seeded
from surefoot.tasks.text import text
from surefoot.torch.scheduler import Scheduler

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Pieces:
    """What a loop needs: a fresh model and optimizer, the next batch, the loss, and the held-out loss."""

    model: nn.Module
    optimizers: tuple[torch.optim.Optimizer, ...]
    batch: Callable[[], Batch]
    criterion: Callable[[Tensor, Tensor], Tensor]
    validate: Callable[[], float]


def recipe(peak: float, total: int, warmup: float = 0.05) -> Schedule:
    """Return the recipe of benchmarks/tasks.py: warmup over 5 %, then a cosine to zero."""
    first = int(total * warmup)
    return Schedule(peak, (ramp(0, 1, first), ramp(1, 0, total - first, "cosine"))) if first else Schedule(
        peak, (ramp(1, 0, total, "cosine"),)
    )  # fmt: skip


def pieces(name: str, seed: int) -> Pieces:
    return {
        "digits": _digits, "digits_cnn": _digits_cnn, "mnist1d": _mnist1d, "tabular": _tabular,
        "finetune": _finetune, "finetune_lora": _lora, "charlm": _charlm, "muon": _muon,
    }[name](seed)  # fmt: skip


def run(
    parts: Pieces,
    schedule: Schedule,
    guard: Callable[..., Any] | None = None,
    *,
    spoil: Callable[[int, Batch], Batch] = lambda _, batch: batch,
    watch: Callable[[int, float], None] = lambda *_: None,
    overflows: Container[int] | None = None,
) -> Any:
    """Train for ``schedule.total`` updates, under ``guard(model, optimizers, schedulers)`` if given; return it.

    ``spoil(k, batch)`` may change batch k; the gradients of the batches in ``overflows`` overflow in a GradScaler.
    """
    # Two optimizers (Muon beside AdamW) keep the ratio of the rates they were built with.
    rates = [optimizer.param_groups[0]["lr"] for optimizer in parts.optimizers]
    schedulers = [Scheduler(one, schedule, groups=[lr]) for one, lr in zip(parts.optimizers, rates, strict=True)]
    # A short interval, so that the scale recovers from one overflow before the next.
    scaler = None if overflows is None else torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=10)
    held = None if guard is None else guard(parts.model, list(parts.optimizers), schedulers)
    total, batches = schedule.total or 0, 0
    while schedulers[0].position < total and batches < 2 * total:
        x, y = spoil(batches, parts.batch())
        loss = parts.criterion(parts.model(x), y)
        watch(batches, loss.item())
        batches += 1
        for optimizer in parts.optimizers:
            optimizer.zero_grad()
        with nullcontext() if held is None else held.update(loss):
            if scaler is None:
                loss.backward()
                for optimizer in parts.optimizers:
                    optimizer.step()
                continue
            scaler.scale(loss).backward()
            if batches - 1 in overflows:  # type: ignore[operator]
                next(parts.model.parameters()).grad.view(-1)[0] = torch.inf  # type: ignore[union-attr]
            for optimizer in parts.optimizers:
                scaler.step(optimizer)
            scaler.update()
    return held


def _sampled(model: nn.Module, optimizer: Any, criterion: Any, split: data.Split, size: int, seed: int) -> Pieces:  # noqa: PLR0917  private
    order = torch.Generator().manual_seed(seed)

    def batch() -> Batch:
        pick = torch.randint(len(split.x), (size,), generator=order)
        return split.x[pick], split.y[pick]

    return Pieces(model, (optimizer,), batch, criterion, held_out(model, criterion, split.x_val, split.y_val))


def _digits(seed: int) -> Pieces:
    with seeded(seed):
        model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    return _sampled(
        model, build("adamw", model.parameters(), weight_decay=0.01), cross_entropy, data.digits(), 64, seed
    )


def _digits_cnn(seed: int) -> Pieces:
    with seeded(seed):
        model = nn.Sequential(
            nn.Unflatten(1, (1, 8, 8)),
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(128, 10),
        )  # fmt: skip
    return _sampled(model, build("adam", model.parameters()), cross_entropy, data.digits(), 64, seed)


def _mnist1d(seed: int) -> Pieces:
    signals = data.mnist1d()
    with seeded(seed):
        model = nn.Sequential(
            nn.Unflatten(1, (1, 40)),
            nn.Conv1d(1, 24, 5, stride=2, padding=1), nn.BatchNorm1d(24), nn.ReLU(),
            nn.Conv1d(24, 24, 3, stride=2, padding=1), nn.BatchNorm1d(24), nn.ReLU(),
            nn.Conv1d(24, 24, 3, stride=2, padding=1), nn.BatchNorm1d(24), nn.ReLU(),
            nn.Flatten(), nn.Linear(120, 10),
        )  # fmt: skip
    return _sampled(model, build("sgd", model.parameters(), weight_decay=5e-4), cross_entropy, signals, 64, seed)


def _tabular(seed: int) -> Pieces:
    with seeded(seed):
        model = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 1), nn.Flatten(0))
    return _sampled(model, build("adam", model.parameters()), mse_loss, data.diabetes(), 32, seed)


def _fives() -> data.Split:
    return finetune._classes(5)  # noqa: SLF001  the task has no other name for its data


def _finetune(seed: int) -> Pieces:
    model = deepcopy(finetune.pretrained())
    with seeded(seed):
        model[-1] = nn.Linear(128, 5)
    optimizer = build("adamw", model.parameters(), weight_decay=0.01)
    return _sampled(model, optimizer, cross_entropy, _fives(), 32, seed)


def _lora(seed: int) -> Pieces:
    model = deepcopy(finetune.pretrained())
    with seeded(seed):
        for k in (0, 2):
            model[k] = finetune.LoRA(model[k], 4, 8.0)
        model[-1] = nn.Linear(128, 5)
    optimizer = build("adamw", [p for p in model.parameters() if p.requires_grad])
    return _sampled(model, optimizer, cross_entropy, _fives(), 32, seed)


def _language(model: nn.Module, optimizers: tuple[Any, ...], context: int, size: int, seed: int) -> Pieces:
    page, order = text(), torch.Generator().manual_seed(seed)
    everywhere = torch.linspace(0, len(page.held) - context - 1, 64).long()

    def batch() -> Batch:
        return page.windows(torch.randint(len(page.train) - context, (size,), generator=order), context)

    validate = held_out(model, cross_entropy, *page.windows(everywhere, context, held=True))
    return Pieces(model, optimizers, batch, cross_entropy, validate)


def _charlm(seed: int) -> Pieces:
    with seeded(seed):
        model = Transformer(len(text().alphabet), context=64, width=64, depth=2, heads=4)
    return _language(model, (build("adamw", model.parameters(), weight_decay=0.1),), 64, 16, seed)


def _muon(seed: int) -> Pieces:
    with seeded(seed):
        model = Transformer(len(text().alphabet), context=64, width=64, depth=2, heads=4)
    hidden = [p for p in model.blocks.parameters() if p.ndim == 2]
    rest = [p for p in model.parameters() if all(p is not matrix for matrix in hidden)]
    matrices = torch.optim.Muon(hidden, lr=1.0, momentum=0.95, weight_decay=0.01)
    others = torch.optim.AdamW(rest, lr=0.15, weight_decay=0.01)
    return _language(model, (matrices, others), 64, 16, seed)
