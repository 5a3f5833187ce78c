"""Products: the gradient of a loss and its Hessian times a vector, of live parameters, dropout frozen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from surefoot.errors import ArgumentError
from surefoot.torch.curvature.lanczos import Product, norm
from surefoot.torch.curvature.layout import Layout
from surefoot.torch.memory import Memory

Loss = Callable[[], torch.Tensor]
Grads = tuple[torch.Tensor | None, ...]
# A central difference errs by h^2 and by rounding over h; both are small at about the cube root of the rounding, but
# losses bend within a hundredth of the weights' size: so float32 goes lower, as measured.
_RELATIVE = {torch.float64: 1e-5, torch.float32: 3e-4}


@dataclass(frozen=True, eq=False)
class Field:
    """The mean loss of ``losses`` as a function of ``layout.parameters``; ``again`` makes each evaluation the same."""

    layout: Layout
    losses: tuple[Loss, ...]
    again: Memory

    def each(self) -> Iterator[Grads]:
        """Yield the gradients of each loss, None for a parameter that has no part in it."""
        self.again.restore()
        for loss in self.losses:
            with torch.enable_grad():
                yield _dense(torch.autograd.grad(_checked(loss()), self.layout.parameters, allow_unused=True))

    def gradient(self) -> torch.Tensor:
        """Return the gradient of the mean as one vector."""
        whole = self.layout.flat([None] * len(self.layout.parameters))
        for grads in self.each():
            _add(self.layout, whole, grads)
        return whole / len(self.losses)

    def difference(self, relative: float | None = None, *, part: float = 1.0) -> Product:
        """Return ``v -> (g(theta + h v) - g(theta - h v)) / 2h``; h v is ``part`` of ``relative`` of the weights' size.

        Two gradients a product; after each the parameters are where they were, bit for bit.
        """
        layout = self.layout
        base = layout.flat([p.detach() for p in layout.parameters])
        step = part * (1.0 + norm(base)) * (_RELATIVE[base.dtype] if relative is None else relative)

        def product(v: torch.Tensor) -> torch.Tensor:
            length = norm(v)
            if length == 0.0 or not math.isfinite(length):
                return torch.zeros_like(v) if length == 0.0 else v * math.nan
            h = step / length
            with shifted(layout, base, v, h):
                above = self.gradient()
            with shifted(layout, base, v, -h):
                return (above - self.gradient()) / (2.0 * h)

        return product

    def exact(self) -> Product:
        """Return ``v -> H v`` by a gradient of the gradient; attention takes its plain kernel, which has two."""
        layout = self.layout

        def product(v: torch.Tensor) -> torch.Tensor:
            whole = torch.zeros_like(v)
            self.again.restore()
            for loss in self.losses:
                with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
                    _add(layout, whole, _twice(loss, layout, v))
            return whole / len(self.losses)

        return product


@contextmanager
def shifted(layout: Layout, base: torch.Tensor, v: torch.Tensor, h: float) -> Iterator[None]:
    """Put the parameters at ``base + h v``, and back at ``base``."""
    _put(layout, torch.add(base, v, alpha=h))
    try:
        yield
    finally:
        _put(layout, base)


def _put(layout: Layout, vector: torch.Tensor) -> None:
    with torch.no_grad():
        for p, part in zip(layout.parameters, layout.parts(vector), strict=True):
            p.copy_(part)


def _add(layout: Layout, whole: torch.Tensor, grads: Grads) -> None:
    for part, grad in zip(layout.parts(whole), grads, strict=True):
        if grad is not None:
            part.add_(grad.detach())


def _twice(loss: Loss, layout: Layout, v: torch.Tensor) -> Grads:
    try:
        grads = torch.autograd.grad(_checked(loss()), layout.parameters, create_graph=True, allow_unused=True)
        along = [
            (g * part.to(g)).sum() for g, part in zip(_dense(grads), layout.parts(v), strict=True) if g is not None
        ]
        bent = [one for one in along if one.requires_grad]
        if not bent:
            return (None,) * len(layout.parameters)
        return torch.autograd.grad(torch.stack(bent).sum(), layout.parameters, allow_unused=True)
    except RuntimeError as error:
        if not any(
            word in str(error) for word in ("derivative for", "double backward", "trying to differentiate twice")
        ):
            raise
        raise ArgumentError(
            f"hvp='exact' needs a second derivative that this model lacks ({error!s:.90}): use hvp='difference'."
        ) from error


def _checked(loss: torch.Tensor) -> torch.Tensor:
    if not isinstance(loss, torch.Tensor) or loss.numel() != 1 or not loss.requires_grad:
        raise ArgumentError(
            f"loss_fn returned {_said(loss)}: return the loss of one batch as a scalar tensor with its graph, before "
            ".item() or .backward()."
        )
    return loss.reshape(())


def _said(loss: object) -> str:
    if not isinstance(loss, torch.Tensor):
        return f"{type(loss).__name__} ({loss!r:.40})"
    return f"a tensor of shape {tuple(loss.shape)}" if loss.numel() != 1 else "a tensor without a graph"


def _dense(grads: Sequence[torch.Tensor | None]) -> Grads:
    if any(grad is not None and grad.layout != torch.strided for grad in grads):
        raise ArgumentError(
            "the loss has sparse gradients (an Embedding with sparse=True): the curvature needs dense ones, so build "
            "the layer with sparse=False."
        )
    return tuple(grads)
