"""What a task of the suite is made of, and the one training loop that they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

import surefoot as sf
import surefoot.torch as st

Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Setup:
    """A model, its optimizer, ``draw(generator)`` for a training batch, the loss, and the held-out batches.

    A gradient clip is a hook of the optimizer, and autocast a wrapper of the model, so that every method trains alike.
    """

    model: nn.Module
    optimizer: Optimizer
    draw: Callable[[torch.Generator], Batch]
    criterion: Callable[[Tensor, Tensor], Tensor]
    held: tuple[Batch, ...]

    def loss(self, batch: Batch) -> Tensor:
        return self.criterion(self.model(batch[0]), batch[1])

    def validate(self) -> float:
        """Return the mean loss of the held-out batches in evaluation mode."""
        self.model.eval()
        with torch.no_grad():
            losses = [self.loss(batch).item() for batch in self.held]
        self.model.train()
        return sum(losses) / len(losses)


Build = Callable[[int], Setup]


@dataclass(frozen=True)
class Entry:
    """A task of the suite: what it is, how long its full run, and the rate that folklore gives its optimizer.

    ``half`` says whether it is one of those that a selector may be tuned on, ``warmup`` the fraction of its recipe.
    """

    name: str
    build: Build = field(repr=False)
    total: int
    optimizer: str
    half: str
    about: str
    warmup: float = 0.05

    @property
    def task(self) -> Callable[..., Iterator[sf.Reading]]:
        return partial(trained, self.build)

    def recipe(self, peak: float, total: int) -> sf.Schedule:
        """Return the schedule of a full run: warmup, then a cosine to zero."""
        return sf.cosine(peak, total=total, warmup=self.warmup) if self.warmup else sf.cosine(peak, total=total)


def trained(build: Build, schedule: sf.Schedule, *, seed: int = 0) -> Iterator[sf.Reading]:
    """Train what ``build(seed)`` returns on ``schedule``; the data order follows from the seed alone."""
    setup = build(seed)
    torch.manual_seed(seed)  # dropout draws from the global generator
    order = torch.Generator().manual_seed(seed)
    for step in range(schedule.total or 0):
        rate = schedule(step)
        st.set_lr(setup.optimizer, rate)
        loss = setup.loss(setup.draw(order))
        setup.optimizer.zero_grad()
        loss.backward()
        setup.optimizer.step()
        yield sf.Reading(step, loss.item(), lr=rate, val_loss=setup.validate)


def drawn(x: Tensor, y: Tensor, batch: int) -> Callable[[torch.Generator], Batch]:
    """Return a function that draws ``batch`` rows with replacement."""

    def draw(order: torch.Generator) -> Batch:
        pick = torch.randint(len(x), (batch,), generator=order)
        return x[pick], y[pick]

    return draw


def batches(x: Tensor, y: Tensor, count: int) -> tuple[Batch, ...]:
    """Return the rows in ``count`` batches of equal size."""
    size = len(x) // count
    return tuple((x[k * size : (k + 1) * size], y[k * size : (k + 1) * size]) for k in range(count))


def clipped(optimizer: Optimizer, norm: float) -> Optimizer:
    """Return the optimizer, which from now on clips the gradient to ``norm`` before each update."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]

    def clip(*_: Any) -> None:
        torch.nn.utils.clip_grad_norm_(parameters, norm)

    optimizer.register_step_pre_hook(clip)
    return optimizer


class Autocast(nn.Module):
    """A model whose forward pass runs in bfloat16 where torch allows it; the output is float32."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = self.inner(x)
        return out.float()


class Lion(Optimizer):
    """Symbolic Discovery of Optimization Algorithms, arXiv 2302.06675 (2023): the sign of an averaged gradient."""

    def __init__(self, parameters: Any, lr: float = 1e-4, betas: tuple[float, float] = (0.9, 0.99)) -> None:
        super().__init__(parameters, {"lr": lr, "betas": betas})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        loss = None if closure is None else closure()
        for group in self.param_groups:
            fast, slow = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                average = self.state[p].setdefault("average", torch.zeros_like(p))
                p.add_(torch.sign(fast * average + (1 - fast) * p.grad), alpha=-group["lr"])
                average.lerp_(p.grad, 1 - slow)
        return loss
