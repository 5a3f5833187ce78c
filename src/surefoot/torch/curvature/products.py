"""Products: the gradient of a loss and its Hessian times a vector, of live parameters, dropout frozen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from surefoot.errors import ArgumentError
from surefoot.torch.curvature.lanczos import Product, norm
from surefoot.torch.curvature.layout import Layout
from surefoot.torch.curvature.weighing import Weighing
from surefoot.torch.memory import Memory

Loss = Callable[[], torch.Tensor]
Grads = tuple[torch.Tensor | None, ...]
# Lengths of a perturbation, beside the weights' norm: of the first one, and of the shortest and longest.
_FIRST, _LEAST, _MOST = 5e-3, 1e-4, 5e-2


@dataclass(frozen=True, eq=False)
class Field:
    """The mean loss of ``losses`` as a function of ``layout.parameters``; ``again`` makes each evaluation the same."""

    layout: Layout
    losses: tuple[Loss, ...]
    again: Memory

    def each(self, *, first: bool = False) -> Iterator[tuple[torch.Tensor, Grads]]:
        """Yield each loss and its gradients, None for a parameter that has no part in it.

        The ``first`` time the graph is searched for what would hide parameters.
        """
        self.again.restore()
        for function in self.losses:
            with torch.enable_grad():
                loss = _checked(function())
                if first and _meets(loss, "CheckpointFunctionBackward"):
                    raise ArgumentError(
                        "the model uses reentrant checkpoints, which hide their parameters from torch.autograd.grad: "
                        "pass use_reentrant=False to torch.utils.checkpoint."
                    )
                yield loss.detach(), _dense(torch.autograd.grad(loss, self.layout.parameters, allow_unused=True))

    def gradient(self) -> torch.Tensor:
        """Return the gradient of the mean as one vector."""
        whole = self.layout.flat([None] * len(self.layout.parameters))
        for _, grads in self.each():
            _add(self.layout, whole, grads)
        return whole / len(self.losses)

    def difference(self, weighed: Weighing, rise: float, seen: float = 0.0) -> Product:
        """Return ``x -> A x`` by ``(g(theta + h d) - g(theta - h d)) / 2h``, d = S x: two gradients a product.

        The second order of the perturbation, ``h^2 lambda / 2``, changes the loss by about ``rise``; lambda is the
        largest |A x| / |x| that was ``seen``. After each product the parameters are where they were, bit for bit.
        """
        layout = self.layout
        base = layout.flat([p.detach() for p in layout.parameters])
        unit = 1.0 + norm(base)

        def product(x: torch.Tensor) -> torch.Tensor:
            nonlocal seen
            d, size = weighed.along(x), norm(x)
            length = norm(d)
            if not 0.0 < length < math.inf:
                return torch.zeros_like(x) if length == 0.0 else x * math.nan
            wanted = math.sqrt(2.0 * rise / seen) / size if seen > 0.0 else _FIRST * unit / length
            h = min(max(wanted, _LEAST * unit / length), _MOST * unit / length)
            with shifted(layout, base, d, h):
                above = self.gradient()
            with shifted(layout, base, d, -h):
                image = weighed.back((above - self.gradient()) / (2.0 * h), d)
            seen = max(seen, norm(image) / size)
            return image

        return product

    def exact(self, weighed: Weighing) -> Product:
        """Return ``x -> A x`` by a gradient of the gradient; attention takes its plain kernel, which has two."""
        layout = self.layout

        def product(x: torch.Tensor) -> torch.Tensor:
            d, whole = weighed.along(x), torch.zeros_like(x)
            self.again.restore()
            for loss in self.losses:
                with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
                    _add(layout, whole, _twice(loss, layout, d))
            return weighed.back(whole / len(self.losses), d)

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
        whole = torch.stack(bent).sum()
        # Torch's gradient with unused inputs allowed would pass it over.
        if _meets(whole, "Error"):
            raise _without("a function in it is once_differentiable")
        return torch.autograd.grad(whole, layout.parameters, allow_unused=True)
    except RuntimeError as error:
        if not any(word in str(error) for word in ("derivative for", "double backward", "create_graph=False")):
            raise
        raise _without(f"{error!s:.90}") from error


def _meets(tensor: torch.Tensor, name: str) -> bool:
    """Say whether the graph of ``tensor`` holds a node of that name."""
    seen: set[Any] = set()
    todo: list[Any] = [tensor.grad_fn]
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        if type(node).__name__ == name:
            return True
        seen.add(node)
        todo += [following for following, _ in node.next_functions]
    return False


def _without(why: str) -> ArgumentError:
    return ArgumentError(f"hvp='exact' needs a second derivative that this loss lacks ({why}): use hvp='difference'.")


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
