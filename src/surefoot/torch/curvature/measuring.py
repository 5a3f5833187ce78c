"""Measuring: the sharpness of live objects, with everything put back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch.optim import Optimizer

from surefoot.errors import ArgumentError
from surefoot.torch import batching
from surefoot.torch.curvature.answer import Sharpness
from surefoot.torch.curvature.lanczos import Ritz, dots, largest, norm
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
    rise: float = 0.01
    confirm: bool = True

    def __post_init__(self) -> None:
        if self.hvp not in {"difference", "exact"}:
            raise ArgumentError(f"hvp={self.hvp!r} must be 'difference' (of two gradients) or 'exact'.")
        if isinstance(self.products, bool) or not isinstance(self.products, int) or self.products < 1:
            raise ArgumentError(f"products={self.products!r} must be an int >= 1: Hessian-vector products at most.")
        for name, value in (("tolerance", self.tolerance), ("rise", self.rise)):
            if not 0.0 < value < 1.0:
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
    rise: float = 0.01,
) -> Sharpness:
    """Return the Sharpness of the loss where the parameters are: lambda_max of P^-1/2 H P^-1/2 beside its threshold.

    ``H`` is the Hessian of the loss that ``loss_fn()`` returns with its graph; with ``batches``, of the mean over them
    of ``loss_fn(model(x), y)`` (or what ``st.task`` makes of a batch). ``P`` is ``st.preconditioner(optimizer)`` and
    the threshold ``st.stability_threshold(optimizer)``; coupled weight decay counts, and groups count by their rates.
    Where Adam and its kin had no update yet, the mean squared gradient over the batches stands for the second moment,
    the mean of its tensor counting as one batch more: give several batches then.
    ``optimizer=None`` gives lambda_max(H) over what is trainable, without a threshold.

    Lanczos' method makes at most ``products`` Hessian-vector products, from a random vector of ``seed``, until the
    residual is at most ``tolerance`` of the value, and one more that confirms it. Each is the difference of two
    gradients, at the parameters moved so far either way that the loss bends by about ``rise`` of itself, which works
    with every kernel; or an ``"exact"`` one. In a network with kinks (ReLU) differences see what the kinks add to the
    curvature on that length, and exact products don't; the less it rises, the noisier that is. Half precision is
    measured in float32 copies, outside of autocast. Memory: one vector of the size of the parameters a product, and
    about six more.

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
    method = Method(hvp, products, tolerance, seed, rise)
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
            field, begun = _begun(field)
            lr = 0.0 if inner is None else write_rates(inner)
            weighed = Weighing() if inner is None else weighing(inner, field.layout, begun.squares)
            found = _searched(field, weighed, begun, method, start)
    finally:
        memory.restore()
    return _answer(found, weighed, inner, lr, len(losses) * (1 + method.price * found.ritz.products)), found.ritz.vector


@dataclass(frozen=True, eq=False)
class _Found:
    ritz: Ritz
    error: float
    converged: bool


def _searched(field: Field, weighed: Weighing, begun: _Begun, method: Method, start: torch.Tensor | None) -> _Found:
    if start is None or start.shape != begun.gradient.shape:
        start = weighed.along(begun.gradient)
    first, rise = _mixed(start, field.layout.start(method.seed)), method.rise * abs(begun.loss)
    exact = method.hvp == "exact"
    product = field.exact(weighed) if exact else field.difference(weighed, rise)
    ritz, error = largest(product, first, products=method.products, tolerance=method.tolerance), 0.0
    if method.confirm and math.isfinite(ritz.value):
        # A quarter of the rise is half the perturbation: what changes is what the difference errs by.
        again = product if exact else field.difference(weighed, rise / 4.0, abs(ritz.value))
        value = float(dots([ritz.vector], again(ritz.vector)).sum())
        error = abs(value - ritz.value)
        ritz = replace(ritz, value=value, products=ritz.products + 1)
    return _Found(ritz, error, ritz.residual <= method.tolerance * abs(ritz.value))


def _mixed(start: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Return a vector near ``start`` that is blind to no direction."""
    size = norm(start)
    return noise if not 0.0 < size < math.inf else start.to(noise) / size + 0.3 * noise / norm(noise)


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


@dataclass(frozen=True, eq=False)
class _Begun:
    """The mean loss where the parameters are, its gradient, and the second moment that the batches would leave."""

    loss: float
    gradient: torch.Tensor
    squares: torch.Tensor


def _begun(field: Field) -> tuple[Field, _Begun]:
    """Return the field over what the loss depends on, and what one look at it says."""
    losses: list[float] = []
    sums: dict[int, torch.Tensor] = {}
    squares: dict[int, torch.Tensor] = {}
    for loss, grads in field.each():
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
    return Field(layout, field.losses, field.again), _Begun(math.fsum(losses) / count, gradient, layout.flat(shrunk))


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
