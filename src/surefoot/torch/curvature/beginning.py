"""Beginning: what a curvature is measured of: the losses, the parameters, and a first look at the gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from surefoot.errors import ArgumentError
from surefoot.torch import batching
from surefoot.torch.curvature.layout import Layout
from surefoot.torch.curvature.products import Field


@dataclass(frozen=True, eq=False)
class Begun:
    """The mean loss where the parameters are, its gradient, and what the batches say of noise.

    ``squares`` is the second moment that they would leave, ``each`` the mean squared norm of their gradients.
    """

    loss: float
    gradient: torch.Tensor
    squares: torch.Tensor
    each: float


def begun_from(field: Field) -> tuple[Field, Begun]:
    """Return the field over what the loss depends on, and what one look at it says."""
    losses: list[float] = []
    sums: dict[int, torch.Tensor] = {}
    squares: dict[int, torch.Tensor] = {}
    for loss, grads in field.each(first=True):
        losses.append(float(loss))
        for k, grad in enumerate(grads):
            if grad is not None:
                sums[k] = grad + sums.get(k, 0.0)
                squares[k] = grad**2 + squares.get(k, 0.0)
    if not sums:
        raise ArgumentError("the loss depends on no parameter of the optimizer: is loss_fn that of this model?")
    layout = Layout(tuple(p for k, p in enumerate(field.layout.parameters) if k in sums))
    count = len(losses)
    # A few batches say little of one coordinate: the mean of its tensor counts as one batch more.
    shrunk = [(squares[k] + squares[k].mean() / count) / (count + 1) for k in sorted(sums)]
    gradient = layout.flat([sums[k] for k in sorted(sums)]) / count
    each = math.fsum(float(one.sum(dtype=one.dtype)) for one in squares.values()) / count
    begun = Begun(math.fsum(losses) / count, gradient, layout.flat(shrunk), each)
    return Field(layout, field.losses, field.again), begun


def losses_of(
    model: torch.nn.Module, loss_fn: Any, batches: Iterable[Any] | None, device: torch.device
) -> tuple[Callable[[], Any], ...]:
    """Return the loss of each batch as a function of no argument; ArgumentError where there is none."""
    if batches is None:
        if not callable(loss_fn):
            raise ArgumentError(f"loss_fn={loss_fn!r:.60} must be a function of no argument, or come with batches=.")
        return (loss_fn,)
    given = tuple(batching.moved(batch, device) for batch in batches)
    if not given:
        raise ArgumentError("batches is empty: pass at least one batch.")
    return tuple(partial(batching.loss_of, model, loss_fn, batch) for batch in given)


def measurable(parameters: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Return ``parameters``; raise ArgumentError where there are none, or one whose curvature can't be measured."""
    if not parameters:
        raise ArgumentError("the optimizer holds no trainable parameter: unfreeze some.")
    for p in parameters:
        if hasattr(p, "full_tensor") or p.is_complex() or p.layout != torch.strided:
            raise ArgumentError(
                f"a parameter of shape {tuple(p.shape)} is sharded, complex or sparse: the curvature needs whole, real "
                "and dense ones (st.headroom needs no curvature)."
            )
    return list(parameters)


@contextmanager
def undisturbed(model: torch.nn.Module) -> Iterator[None]:
    """Keep a distributed model from waiting for other ranks, and autocast from using weights that it cast before."""
    alone = getattr(model, "no_sync", nullcontext)
    cached = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(False)
    try:
        with alone():
            yield
    finally:
        torch.set_autocast_cache_enabled(cached)
