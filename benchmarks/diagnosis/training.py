"""One training run with a known fault, recorded at every update."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from problems import Parts, Problem
from torch import Tensor, nn

from surefoot import Schedule
from surefoot.tasks.loop import build
from surefoot.torch import set_lr

EVALUATIONS = 25


@dataclass(frozen=True)
class Fault:
    """What is wrong with a run; ``at`` and ``steps`` say when, as a fraction of the total and in updates.

    ``kind``: none, noise (a share ``size`` of the labels is random), shuffled (all of them), frozen (the optimizer
    holds other parameters than the model), small (``size`` examples), wrong (``size`` examples, 30 % of their
    labels random), full (every example in every batch), tiny
    (``size`` examples a batch), batch (inputs times ``size`` for a while), rate (the rate times ``size`` for a while),
    resume (the optimizer's state is lost at ``at``, the rate times ``size`` from there on), nan (a NaN in the
    gradient from then on), scaler (infinite gradient norms now and then, their updates skipped as a scaler does).
    """

    kind: str = "none"
    size: float = 1.0
    at: float = 0.5
    steps: int = 1


@dataclass(eq=False)
class State:
    """What a run holds; the one thing here that changes."""

    parts: Parts
    optimizer: torch.optim.Optimizer
    order: torch.Generator


def recorded(problem: Problem, schedule: Schedule, fault: Fault, seed: int) -> dict[str, np.ndarray]:
    """Return columns of a row an update: step, loss, lr, grad_norm, val_loss (NaN where not evaluated).

    ``val_loss`` of step t is that before update t, so that row 0 holds the loss at initialisation; the last row is
    judged after its update.
    """
    rows = list(_rows(problem, schedule, fault, seed))
    names = ("step", "loss", "lr", "grad_norm", "val_loss")
    return dict(zip(names, np.array(rows).T, strict=True))


def _rows(problem: Problem, schedule: Schedule, fault: Fault, seed: int) -> Iterator[tuple[float, ...]]:
    state = _begun(problem, fault, seed)
    total, first = problem.total, int(fault.at * problem.total)
    every = max(total // EVALUATIONS, 1)
    for step in range(total):
        inside = first <= step < first + fault.steps
        if fault.kind == "resume" and step == first:
            state.optimizer = _optimizer(problem, state.parts.model)
        later = fault.kind == "resume" and step >= first
        rate = schedule(step) * (fault.size if later or (inside and fault.kind == "rate") else 1.0)
        value = _validated(state.parts) if step % every == 0 else np.nan
        loss, norm = _update(state, problem, fault, rate, step, inside=inside)
        yield step, loss, rate, norm, _validated(state.parts) if step == total - 1 else value


def _begun(problem: Problem, fault: Fault, seed: int) -> State:
    parts = problem.make(seed)
    order = torch.Generator().manual_seed(seed)
    x, y = parts.x, parts.y
    if fault.kind in {"small", "wrong"}:
        x, y = x[: int(fault.size)], y[: int(fault.size)]
    share = {"noise": fault.size, "wrong": 0.3, "shuffled": 1.0}.get(fault.kind, 0.0)
    if share:
        wrong = torch.rand(len(y), generator=order) < share
        wrong = wrong.reshape(-1, *(1,) * (y.ndim - 1))
        y = torch.where(wrong, y[torch.randperm(len(y), generator=order)], y)
    model = nn.Sequential(nn.Linear(1, 1)) if fault.kind == "frozen" else parts.model
    parts = Parts(parts.model, parts.criterion, x, y, parts.x_val, parts.y_val, parts.chance)
    return State(parts, _optimizer(problem, model), order)


def _optimizer(problem: Problem, model: nn.Module) -> torch.optim.Optimizer:
    return build(problem.optimizer, model.parameters(), weight_decay=0.01)


def _update(
    state: State, problem: Problem, fault: Fault, rate: float, step: int, *, inside: bool
) -> tuple[float, float]:
    parts = state.parts
    x, y = _batch(state, problem, fault)
    set_lr(state.optimizer, rate)
    if inside and fault.kind == "batch":
        # Characters cannot be scaled: a page of one character takes their place.
        x = x * fault.size if x.is_floating_point() else torch.zeros_like(x)
    loss = parts.criterion(parts.model(x), y)
    parts.model.zero_grad()
    loss.backward()
    if inside and fault.kind == "nan":
        next(parts.model.parameters()).grad[0] = torch.nan
    norm = nn.utils.get_total_norm([p.grad for p in parts.model.parameters() if p.grad is not None]).item()
    if fault.kind == "scaler" and (step < 3 or step % 97 == 50):
        return loss.item(), np.inf
    state.optimizer.step()
    return loss.item(), norm


def _batch(state: State, problem: Problem, fault: Fault) -> tuple[Tensor, Tensor]:
    parts = state.parts
    if fault.kind == "full":
        return parts.x[:256], parts.y[:256]
    size = int(fault.size) if fault.kind == "tiny" else problem.batch
    pick = torch.randint(len(parts.x), (size,), generator=state.order)
    return parts.x[pick], parts.y[pick]


def _validated(parts: Parts) -> float:
    parts.model.eval()
    with torch.no_grad():
        loss = parts.criterion(parts.model(parts.x_val), parts.y_val).item()
    parts.model.train()
    return loss
