"""Measuring: the sharpness of live objects, with everything put back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.optim import Optimizer

from surefoot.errors import ArgumentError
from surefoot.torch import batching
from surefoot.torch.curvature.answer import Sharpness
from surefoot.torch.curvature.lanczos import Product, Ritz, dots, largest, norm
from surefoot.torch.curvature.layout import Layout
from surefoot.torch.curvature.products import Field
from surefoot.torch.curvature.weighing import Weighing, weighing, write_rates
from surefoot.torch.curvature.widening import widened
from surefoot.torch.hooks import innermost
from surefoot.torch.parameters import trainable
from surefoot.torch.probing import forwards, parameters_of
from surefoot.torch.snapshot import Scene, snapshot

_NO_OPTIMIZER = "no optimizer was given"


@dataclass(frozen=True)
class Method:
    """How a sharpness is measured: the arguments of ``sharpness``, checked."""

    hvp: str = "difference"
    products: int = 20
    tolerance: float = 0.05
    seed: int = 0
    relative: float | None = None
    confirm: bool = True

    def __post_init__(self) -> None:
        if self.hvp not in {"difference", "exact"}:
            raise ArgumentError(f"hvp={self.hvp!r} must be 'difference' (of two gradients) or 'exact'.")
        if isinstance(self.products, bool) or not isinstance(self.products, int) or self.products < 1:
            raise ArgumentError(f"products={self.products!r} must be an int >= 1: Hessian-vector products at most.")
        for name, value in (("tolerance", self.tolerance), ("relative", self.relative)):
            if value is not None and not 0.0 < value < 1.0:
                raise ArgumentError(f"{name}={value!r} must lie between 0 and 1: it is relative.")

    @property
    def price(self) -> int:
        """Gradients a product costs; an exact one is counted as three, about what it takes."""
        return 2 if self.hvp == "difference" else 3


def sharpness(
    model: torch.nn.Module,
    optimizer: Any,
    loss_fn: Callable[..., Any] | None,
    batches: Iterable[Any] | None = None,
    *,
    hvp: str = "difference",
    products: int = 20,
    tolerance: float = 0.05,
    seed: int = 0,
    relative: float | None = None,
) -> Sharpness:
    """Return the Sharpness of the loss where the parameters are: lambda_max of P^-1/2 H P^-1/2 beside its threshold.

    ``H`` is the Hessian of the loss that ``loss_fn()`` returns with its graph; with ``batches``, of the mean over them
    of ``loss_fn(model(x), y)`` (or what ``st.task`` makes of a batch). ``P`` is ``st.preconditioner(optimizer)`` and
    the threshold ``st.stability_threshold(optimizer)``; coupled weight decay counts, and groups count by their rates.
    Where Adam and its kin had no update yet, the mean squared gradient over the batches stands for the second moment.
    ``optimizer=None`` gives lambda_max(H) over what is trainable, without a threshold.

    Lanczos' method makes at most ``products`` Hessian-vector products, from a random vector of ``seed``, until the
    residual is at most ``tolerance`` of the value, and one more that confirms it. Each is the difference of two
    gradients, at the parameters moved by ``relative`` of their norm either way (unless given 3e-4, in float64 1e-5),
    which works with every kernel; or an ``"exact"`` one. Half precision is measured in float32 copies, outside of
    autocast. Memory: one vector of the size of the parameters a product, and about six more.

    Modes are left as they are; dropout draws the same masks in every evaluation. Parameters, buffers, gradients,
    groups and random state are put back bit for bit. NaN where the loss is not finite. In distributed training each
    rank measures its own batches. Raises ArgumentError for an argument out of range, a loss that is no scalar with a
    graph, sparse gradients, and sharded or complex parameters.

    >>> layer = torch.nn.Linear(1, 1, bias=False)
    >>> sgd = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
    >>> found = sharpness(layer, sgd, lambda: 2.0 * (layer.weight ** 2).sum())  # lambda = 4
    >>> f"{found.sharpness:.3f} {found.ratio:.3f} {found.edge:.3f}"
    '4.000 0.105 0.950'

    Source: Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability, arXiv 2103.00065 (2021);
    preconditioned: Adaptive Gradient Methods at the Edge of Stability, arXiv 2207.14484 (2022).
    """
    method = Method(hvp, products, tolerance, seed, relative)
    return measured(model, optimizer, loss_fn, batches, method=method)[0]


def measured(
    model: torch.nn.Module,
    optimizer: Any,
    loss_fn: Callable[..., Any] | None,
    batches: Iterable[Any] | None,
    *,
    method: Method,
    start: torch.Tensor | None = None,
) -> tuple[Sharpness, torch.Tensor]:
    """Return the sharpness and its eigenvector, which as the next ``start`` saves products."""
    inner = None if optimizer is None else innermost(optimizer)
    every = [p for _, p in trainable(model)] if inner is None else parameters_of(inner)
    parameters = _measurable([p for p in every if p.requires_grad])
    groups = [] if inner is None else inner.param_groups
    memory = snapshot(Scene((model, parameters, groups), () if batches is None else (batches,), (loss_fn,)))
    try:
        with widened(model, parameters), _undisturbed(model):
            losses = _losses(model, loss_fn, batches, parameters[0].device)
            field = Field(Layout(tuple(parameters)), losses, forwards(model, loss_fn))
            field, squares = _used(field)
            lr = 0.0 if inner is None else write_rates(inner)
            weighed = Weighing() if inner is None else weighing(inner, field.layout, squares)
            found = _searched(field, weighed, method, start)
    finally:
        memory.restore()
    return _answer(found, weighed, inner, lr, len(losses) * (1 + method.price * found.ritz.products)), found.ritz.vector


@dataclass(frozen=True, eq=False)
class _Found:
    ritz: Ritz
    error: float
    converged: bool


def _searched(field: Field, weighed: Weighing, method: Method, start: torch.Tensor | None) -> _Found:
    begin = field.layout.start(method.seed)
    if start is not None and start.shape == begin.shape:
        # The old direction alone would be blind to one that has overtaken it.
        begin = start.to(begin) + 0.1 * begin / norm(begin)
    product = _product(field, weighed, method)
    ritz, error = largest(product, begin, products=method.products, tolerance=method.tolerance), 0.0
    if method.confirm and math.isfinite(ritz.value):
        # Half the perturbation: what changes is what the difference errs by.
        image = _product(field, weighed, method, part=0.5)(ritz.vector)
        value = float(dots([ritz.vector], image).sum())
        error = abs(value - ritz.value)
        ritz = Ritz(value, ritz.vector, norm(image - value * ritz.vector), ritz.products + 1)
    return _Found(ritz, error, ritz.residual <= max(1.5 * method.tolerance * abs(ritz.value), error))


def _product(field: Field, weighed: Weighing, method: Method, part: float = 1.0) -> Product:
    exact = method.hvp == "exact"
    return weighed.weighed(field.exact() if exact else field.difference(method.relative, part=part))


def _answer(found: _Found, weighed: Weighing, inner: Optimizer | None, lr: float, gradients: int) -> Sharpness:
    ritz, threshold = found.ritz, weighed.threshold
    factor = 1.0 if threshold is None else threshold.rate / weighed.lr
    return Sharpness(
        sharpness=ritz.value,
        low=ritz.value - found.error,
        high=ritz.value + ritz.residual + found.error,
        threshold=None if threshold is None else threshold.value,
        lr=lr,
        factor=factor,
        optimizer="no optimizer" if inner is None else type(inner).__name__,
        products=ritz.products,
        gradients=gradients,
        converged=found.converged,
        why=_NO_OPTIMIZER if threshold is None else threshold.why,
    )


def _used(field: Field) -> tuple[Field, torch.Tensor]:
    """Return the field over what the loss depends on, and the mean squared gradients there."""
    sums: dict[int, torch.Tensor] = {}
    for grads in field.each():
        for k, grad in enumerate(grads):
            if grad is not None:
                sums[k] = sums[k] + grad.detach() ** 2 if k in sums else grad.detach() ** 2
    if not sums:
        raise ArgumentError("the loss depends on no parameter of the optimizer: is loss_fn that of this model?")
    layout = Layout(tuple(p for k, p in enumerate(field.layout.parameters) if k in sums))
    squares = layout.flat([sums[k] for k in sorted(sums)]) / len(field.losses)
    return Field(layout, field.losses, field.again), squares


def _losses(
    model: torch.nn.Module, loss_fn: Any, batches: Iterable[Any] | None, device: torch.device
) -> tuple[Callable[[], Any], ...]:
    if batches is None:
        if not callable(loss_fn):
            raise ArgumentError(f"loss_fn={loss_fn!r:.60} must be a function of no argument, or come with batches=.")
        return (loss_fn,)
    given = tuple(batching.moved(batch, device) for batch in batches)
    if not given:
        raise ArgumentError("batches is empty: pass at least one batch.")
    return tuple(partial(batching.loss_of, model, loss_fn, batch) for batch in given)


def _measurable(parameters: Sequence[torch.Tensor]) -> list[torch.Tensor]:
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
def _undisturbed(model: torch.nn.Module) -> Iterator[None]:
    """Keep a distributed model from waiting for other ranks, and autocast from using weights that it cast before."""
    alone = getattr(model, "no_sync", nullcontext)
    cached = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(False)
    try:
        with alone():
            yield
    finally:
        torch.set_autocast_cache_enabled(cached)
