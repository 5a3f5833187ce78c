"""MoMo's passes, in torch."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from surefoot.torch.optim.eager import foreach
from surefoot.torch.optim.eager.mechanic import dots
from surefoot.torch.optim.kernel import Fields


class Watch(NamedTuple):
    """The betas of this update, 1/sqrt(1 - b2^t), and eps."""

    b1: float
    b2: float
    root: float
    eps: float


class Apply(NamedTuple):
    """The rate, what the weights keep of themselves, 1/sqrt(1 - b2^t), and eps."""

    lr: float
    keep: float
    root: float
    eps: float


def watch(fields: Fields, s: Watch) -> tuple[Tensor, ...]:
    """M = b1 m + (1 - b1) g;  return <m, p>, <g, p> and <m, m>."""
    p, g, m = fields
    foreach.lerp_(m, g, 1 - s.b1)
    return dots(m, p), dots(g, p), dots(m, m)


def apply(fields: Fields, s: Apply) -> tuple[Tensor, ...]:
    """P = keep (p - lr m)."""
    p, _, m = fields
    foreach.add_(p, m, alpha=-s.lr)
    if s.keep != 1:
        foreach.mul_(p, s.keep)
    return ()


def watch_adam(fields: Fields, s: Watch) -> tuple[Tensor, ...]:
    """Also v = b2 v + (1 - b2) g^2;  return <m, p>, <g, p> and <m, m/(sqrt(v) root + eps)>."""
    p, g, m, v = fields
    foreach.lerp_(m, g, 1 - s.b1)
    foreach.mul_(v, s.b2)
    foreach.addcmul_(v, g, g, value=1 - s.b2)
    return dots(m, p), dots(g, p), dots(m, foreach.div(m, _below(v, s.root, s.eps)))


def apply_adam(fields: Fields, s: Apply) -> tuple[Tensor, ...]:
    """P = keep (p - lr m/(sqrt(v) root + eps))."""
    p, _, m, v = fields
    foreach.addcdiv_(p, m, _below(v, s.root, s.eps), value=-s.lr)
    if s.keep != 1:
        foreach.mul_(p, s.keep)
    return ()


def _below(v: list[Tensor], root: float, eps: float) -> list[Tensor]:
    below: list[Tensor] = list(foreach.sqrt(v))
    foreach.mul_(below, root)
    foreach.add_(below, eps)
    return below


class Share(NamedTuple):
    """How much of an update stands."""

    share: float


def descent(fields: Fields, _s: Share) -> tuple[Tensor, ...]:
    """Return <m, p - before>."""
    p, before, m = fields
    return (dots(m, foreach.sub(p, before)),)


def shorten(fields: Fields, s: Share) -> tuple[Tensor, ...]:
    """P = before + share (p - before)."""
    p, before, _ = fields
    foreach.lerp_(p, before, 1 - s.share)
    return ()
