"""Validating: the validation loss of the moment, with everything as it was afterwards."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from surefoot.errors import TaskError
from surefoot.torch.batching import size_of
from surefoot.torch.hooks import innermost
from surefoot.torch.loading import begun
from surefoot.torch.snapshot import Scene, position, snapshot
from surefoot.torch.stepping import Setup


@dataclass(frozen=True)
class Validation:
    """How a run is judged: by the loss over ``loader``, or by what the user's own ``function`` returns."""

    loader: Any = None
    function: Callable[[], Any] | None = None

    def __call__(self, setup: Setup, scene: Scene) -> float:
        """Return the validation loss: eval mode, no gradients, the mean over samples; modes and RNG put back."""
        before = snapshot(scene) if self.function is not None or _swaps(setup) else position(scene)
        modes = [(module, module.training) for model in setup.models for module in model.modules()]
        try:
            with torch.no_grad():
                _to_eval(setup)
                return _mean(setup, self.loader) if self.function is None else _own(self.function)
        finally:
            for module, training in modes:
                module.training = training
            before.restore()


def _swaps(setup: Setup) -> bool:
    # Schedule-free optimizers evaluate at other weights and come back with a rounding error: they are kept whole.
    return any(hasattr(innermost(optimizer), "eval") for optimizer in setup.optimizers.values())


def _to_eval(setup: Setup) -> None:
    for model in setup.models:
        model.eval()
    inner: list[Any] = [innermost(optimizer) for optimizer in setup.optimizers.values()]
    for optimizer in inner:
        if hasattr(optimizer, "eval"):
            optimizer.eval()


def _own(function: Callable[[], Any]) -> float:
    value = function()
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):
        raise TaskError(f"validate returned {value!r:.60} instead of a number: return the validation loss.") from None


def _mean(setup: Setup, loader: Any) -> float:
    total, samples = 0.0, 0
    for batch in begun(loader):
        size = size_of(batch)
        total += float(setup.loss(batch)) * size
        samples += size
    if samples == 0:
        raise TaskError("val_loader is empty: it yielded no batch; check its dataset, batch size and drop_last.")
    return total / samples if math.isfinite(total) else math.nan
