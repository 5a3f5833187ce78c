"""Optimizers that need no rate, at their defaults in place of the task's own: what they say is how their run ends."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from methods import Answer
from setup import Entry, Setup, trained
from torch import Tensor, nn

import surefoot as sf

MEASURED = 50
"""Batches that BatchNorm's averages are measured on before an averaging optimizer is judged, as its README asks."""


@dataclass(frozen=True)
class Contender:
    """``build(parameters)`` at the default rate ``lr``, under the schedule that its authors ask for."""

    label: str
    build: Callable[[list[Tensor]], Any]
    lr: float
    recipe: Callable[[Entry], sf.Schedule]


def prodigy() -> Contender:
    """Its README: a rate of 1, no scheduler or a cosine, and care with warmup."""
    from prodigyopt import Prodigy  # noqa: PLC0415  a peer that need not be there

    return Contender("Prodigy", Prodigy, 1.0, lambda entry: sf.cosine(1.0, total=entry.total))


def d_adapt() -> Contender:
    """Its README: a rate of 1, and the scheduler that the problem would have anyway."""
    from dadaptation import DAdaptAdam  # noqa: PLC0415  same

    return Contender("D-Adapt Adam", DAdaptAdam, 1.0, lambda entry: entry.recipe(1.0, entry.total))


def schedule_free() -> Contender:
    """Its README: no scheduler, and its own average of the weights where it is judged."""
    from schedulefree import AdamWScheduleFree  # noqa: PLC0415  same

    lr = 2.5e-3
    return Contender("Schedule-Free AdamW", AdamWScheduleFree, lr, lambda entry: sf.constant(lr, total=entry.total))


def tuning_free(contender: Callable[[], Contender], entry: Entry, seed: int) -> Answer:
    """Train the whole run with the contender; one that diverges or ends above its start counts as its start."""
    given = contender()
    setup = replaced(entry.build(seed), given.build)
    start = setup.validate()
    readings = trained(lambda _: setup, given.recipe(entry), seed=seed)
    finite = all(math.isfinite(reading.loss) for reading in readings)
    end = _judged(setup, seed) if finite else math.nan
    loss = min(end, start) if math.isfinite(end) else start
    return Answer(entry.name, given.label, seed, given.lr, None, None, 0.0, loss=loss)


def replaced(setup: Setup, build: Callable[[list[Tensor]], Any]) -> Setup:
    """Return the setup with an optimizer of the same weights and the same clip; sparse gradients become dense ones."""
    for module in setup.model.modules():
        if isinstance(module, nn.Embedding):
            module.sparse = False
    optimizer = build([p for group in setup.optimizer.param_groups for p in group["params"]])
    for hook in setup.optimizer._optimizer_step_pre_hooks.values():  # noqa: SLF001  torch offers no way to read them
        optimizer.register_step_pre_hook(hook)
    if hasattr(optimizer, "train"):
        optimizer.train()
    return replace(setup, optimizer=optimizer)


def _judged(setup: Setup, seed: int) -> float:
    averaging: Any = setup.optimizer
    if hasattr(averaging, "eval"):
        averaging.eval()
        order = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for _ in itertools.repeat(None, MEASURED):
                setup.model(setup.draw(order)[0])
    return setup.validate()
