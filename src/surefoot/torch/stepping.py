"""Stepping: one optimizer update, from the batch to the loss that is reported."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from surefoot.errors import TaskError
from surefoot.torch.batching import carried, loss_of, moved
from surefoot.torch.hooks import innermost
from surefoot.torch.sharding import clipped, whole


@dataclass(frozen=True)
class Setup:
    """A training step as data: who takes part, and how the step is made."""

    models: tuple[torch.nn.Module, ...]
    optimizers: Mapping[str, Any]
    loss_fn: Any
    step_fn: Callable[..., Any] | None
    scaler: Any
    accumulate: int
    clip: float | None
    autocast: torch.dtype | None

    @property
    def parameters(self) -> list[torch.Tensor]:
        """The parameters that the optimizers hold, each once."""
        groups = (group for optimizer in self.optimizers.values() for group in optimizer.param_groups)
        return list({id(p): p for group in groups for p in group["params"]}.values())

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next((p.device for p in self.parameters), torch.device("cpu"))

    def casting(self) -> AbstractContextManager[Any]:
        """Return the autocast context of a forward pass."""
        if self.autocast is None:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.autocast)

    def loss(self, batch: Any) -> torch.Tensor:
        """Return the loss of one batch, with its graph."""
        with self.casting():
            return loss_of(self.models[0], self.loss_fn, moved(batch, self.device))


@dataclass(frozen=True)
class Outcome:
    """What one attempt at an update gave: its loss, the gradient norm before clipping, and further numbers."""

    loss: float
    grad_norm: float | None
    extra: Mapping[str, float]


def attempt(setup: Setup, batches: Iterator[Any] | None) -> Outcome:
    """Make one attempt at an update with the next batches; AMP may skip it."""
    with torch.enable_grad():
        if setup.step_fn is not None:
            said = setup.step_fn() if batches is None else setup.step_fn(next(batches))
            return _told(said)
        if batches is None:
            raise TaskError("loader=None: without a step_fn there is nothing to learn from; pass a loader.")
        group = [next(batches) for _ in range(setup.accumulate)]
        return _closed(setup, group) if needs_closure(setup) else _plain(setup, group)


def needs_closure(setup: Setup) -> bool:
    """Return whether an optimizer asks for a function that computes its loss (MoMo), or computes it anew (LBFGS)."""
    inner: list[Any] = [innermost(optimizer) for optimizer in setup.optimizers.values()]
    return any(_asks(type(one).step) or getattr(one, "needs_loss", False) for one in inner)


@cache
def _asks(step: Callable[..., Any]) -> bool:
    closure = inspect.signature(step).parameters.get("closure")
    return closure is not None and closure.default is closure.empty


def _plain(setup: Setup, group: list[Any]) -> Outcome:
    loss = _gradients(setup, group)
    scaler, optimizers = setup.scaler, setup.optimizers.values()
    if scaler is not None and setup.clip is not None:
        for optimizer in optimizers:
            scaler.unscale_(optimizer)
    norm = None if setup.clip is None else _number(clipped(setup.models, setup.parameters, setup.clip))
    for optimizer in optimizers:
        optimizer.step() if scaler is None else scaler.step(optimizer)
    if scaler is not None:
        scaler.update()
    return Outcome(float(loss), norm, {})


def _closed(setup: Setup, group: list[Any]) -> Outcome:
    first: list[float] = []

    def closure() -> torch.Tensor:
        loss = _gradients(setup, group)
        if setup.clip is not None:
            clipped(setup.models, setup.parameters, setup.clip)
        first.append(float(loss))
        return loss

    for optimizer in setup.optimizers.values():
        optimizer.step(closure)
    return Outcome(first[0] if first else math.nan, None, {})


def _gradients(setup: Setup, group: list[Any]) -> torch.Tensor:
    for optimizer in setup.optimizers.values():
        optimizer.zero_grad(set_to_none=True)
    losses: list[torch.Tensor] = []
    for batch in group:
        # An accumulated update is the mean over its micro-batches, as if they had been one batch.
        loss = setup.loss(batch)
        loss = loss / len(group) if len(group) > 1 else loss
        if not loss.requires_grad:
            raise TaskError(
                "the loss has no gradient: no parameter that requires one takes part in it (is the model frozen, or "
                "was .detach(), .item() or no_grad used on the way?)."
            )
        (loss if setup.scaler is None else setup.scaler.scale(loss)).backward()
        losses.append(loss.detach())
    return losses[0] if len(losses) == 1 else torch.stack(losses).sum()


def _told(said: Any) -> Outcome:
    extra: dict[str, float] = {}
    if isinstance(said, Mapping):
        extra = {
            key: _number(value) for key, value in said.items() if key not in {"loss", "grad_norm"} and _single(value)
        }
    norm = said.get("grad_norm") if isinstance(said, Mapping) else None
    loss = carried(said)
    if not _single(loss):
        shape = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, torch.Tensor) else f"{loss!r:.60}"
        raise TaskError(f"step_fn returned {shape} instead of its loss: return a number or a scalar tensor.")
    return Outcome(_number(loss), None if norm is None else _number(norm), extra)


def _number(value: Any) -> float:
    return float(whole(value.detach()) if isinstance(value, torch.Tensor) else value)


def _single(value: Any) -> bool:
    if isinstance(value, (bool, str)):
        return False
    return value.numel() == 1 if isinstance(value, torch.Tensor) else hasattr(value, "__float__")
