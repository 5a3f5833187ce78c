"""Mechanic's passes, in torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from surefoot.torch.optim.eager import foreach
from surefoot.torch.optim.kernel import Fields


class Scales(NamedTuple):
    """The scale that the weights were written with, and the one they are to be written with."""

    old: float
    new: float


def inner(fields: Fields, _s: Scales) -> tuple[Tensor, ...]:
    """Return <g, g>, <p, p>, <delta, g> and <delta, p>."""
    p, g, delta = fields
    return dots(g, g), dots(p, p), dots(delta, g), dots(delta, p)


def apply(fields: Fields, s: Scales, *, stored: torch.dtype) -> tuple[Tensor, ...]:
    """Delta += p - (x0 + old delta), rounded as weights are stored;  p = x0 + new delta."""
    p, _, x0, delta = fields
    before = list(foreach.add(x0, delta, alpha=s.old))
    if before[0].dtype != stored:
        before = [t.to(stored).to(t.dtype) for t in before]
    foreach.add_(delta, p)
    foreach.sub_(delta, before)
    foreach.copy_(p, x0)
    foreach.add_(p, delta, alpha=s.new)
    return ()


def dots(some: Sequence[Tensor], others: Sequence[Tensor]) -> Tensor:
    """Return the inner product of two lists of tensors, in float64."""
    return (
        torch.stack([torch.dot(a.reshape(-1), b.reshape(-1)) for a, b in zip(some, others, strict=True)]).double().sum()
    )
