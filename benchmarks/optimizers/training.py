"""A task of the selection suite, or a built-in one, trained by any method; what comes back is the held-out loss."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from entrants import Method
from setup import Entry, Setup
from torch import nn

import surefoot.torch as st
from surefoot.tasks import loop, resolve

BATCHES = 20
"""Batches that BatchNorm's statistics are measured on under the evaluation weights."""


@contextmanager
def evaluating(optimizer: Any) -> Iterator[None]:
    """Have the weights of ``optimizer`` be those to evaluate, whichever package it is from."""
    if hasattr(optimizer, "evaluating"):
        with optimizer.evaluating():
            yield
    elif hasattr(optimizer, "eval"):
        optimizer.eval()
        yield
        optimizer.train()
    else:
        yield


def averages(optimizer: Any) -> bool:
    return hasattr(optimizer, "evaluating") or hasattr(optimizer, "eval")


def suite_run(entry: Entry, method: Method, seed: int) -> tuple[float, float]:
    """Return the held-out loss at the start and at the end of a run; one that breaks ends where it started."""
    setup = entry.build(seed)
    start = setup.validate()
    for module in setup.model.modules():
        if isinstance(module, nn.Embedding | nn.EmbeddingBag):
            module.sparse = False  # our methods and most peers want dense gradients
    groups = setup.optimizer.param_groups
    optimizer = method.build([p for group in groups for p in group["params"] if p.requires_grad], entry.total)
    if method.peer and hasattr(optimizer, "train"):
        optimizer.train()
    for hook in setup.optimizer._optimizer_step_pre_hooks.values():  # noqa: SLF001  where the suite keeps its clips
        optimizer.register_step_pre_hook(hook)
    order = torch.Generator().manual_seed(seed)
    schedule = method.recipe(method.lr, entry.total)
    for step in range(entry.total):
        st.set_lr(optimizer, schedule(step))
        loss = setup.loss(setup.draw(order))
        if not math.isfinite(loss.item()):
            return start, start
        optimizer.zero_grad()
        loss.backward()
        optimizer.step(**({"loss": loss.detach()} if method.loss else {}))
    with evaluating(optimizer):
        if averages(optimizer):
            st.optim.recalibrate_batchnorm(setup.model, drawn(setup, seed), BATCHES)
        end = setup.validate()
    return start, min(end, start) if math.isfinite(end) else start


def drawn(setup: Setup, seed: int) -> Iterator[Any]:
    order = torch.Generator().manual_seed(seed + 1)
    while True:
        yield setup.draw(order)


def built_in_run(name: str, total: int, method: Method, seed: int) -> float:
    """Return the held-out loss at the end of a run of the built-in task ``name``; infinity where it breaks."""
    made: list[Any] = []

    def build(parameters: Any, _momentum: float, _decay: float) -> Any:
        made.append(method.build([p for p in parameters if p.requires_grad], total))
        if method.peer and hasattr(made[0], "train"):
            made[0].train()
        return made[0]

    loop.OPTIMIZERS["method"] = build
    try:
        for reading in resolve(name)(method.recipe(method.lr, total), seed=seed, optimizer="method"):
            if not math.isfinite(reading.loss):
                return math.inf
            if reading.step == total - 1:
                with evaluating(made[0]):
                    end = reading.val_loss()
    finally:
        del loop.OPTIMIZERS["method"]
    return end if math.isfinite(end) else math.inf
