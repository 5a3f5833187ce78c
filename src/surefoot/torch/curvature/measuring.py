"""Measuring: the sharpness of live objects, with everything put back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch.optim import Optimizer

from surefoot.errors import ArgumentError
from surefoot.torch.curvature.answer import Sharpness
from surefoot.torch.curvature.beginning import Begun, begun_from, losses_of, measurable, undisturbed
from surefoot.torch.curvature.lanczos import Ritz, dots, largest, norm
from surefoot.torch.curvature.layout import Layout
from surefoot.torch.curvature.products import Field
from surefoot.torch.curvature.weighing import Weighing, weighing, write_rates
from surefoot.torch.curvature.widening import wide, widened
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
    residual is at most ``tolerance`` of the value, and one more that confirms it (of differences, one more that finds
    their length). Each is the difference of two
    gradients, at the parameters moved so far either way that the loss bends by about ``rise`` of itself, which works
    with every kernel; or an ``"exact"`` one. In a network with kinks (ReLU) differences see what the kinks add to the
    curvature on that length, and exact products don't; the less it rises, the noisier that is. Half precision is
    measured in float32 copies, outside of autocast. Memory: one vector of the size of the parameters a product, and
    about eight more.

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
    return measured(model, optimizer, loss_fn, batches, method=method).sharpness


def measured(
    model: torch.nn.Module,
    optimizer: Any,
    loss_fn: Callable[..., Any] | None,
    batches: Iterable[Any] | None,
    *,
    method: Method,
    start: torch.Tensor | None = None,
) -> Measured:
    """Return what ``sharpness`` returns, with what else was seen on the way."""
    inner = None if optimizer is None else innermost(optimizer)
    every = [p for _, p in trainable(model)] if inner is None else parameters_of(inner)
    parameters = measurable([p for p in every if p.requires_grad])
    groups = [] if inner is None else inner.param_groups
    memory = snapshot(Scene((model, parameters, groups), () if batches is None else (batches,), (loss_fn,)))
    try:
        with widened(model, parameters), undisturbed(model):
            # The model's hook sees no target, and losses of older versions want both of one type.
            given = None if batches is None else map(wide, batches)
            losses = losses_of(model, loss_fn, given, parameters[0].device)
            field = Field(Layout(tuple(parameters)), losses, forwards(model, loss_fn))
            field, begun = begun_from(field)
            lr = 0.0 if inner is None else write_rates(inner)
            weighed = Weighing() if inner is None else weighing(inner, field.layout, begun.squares)
            found = _searched(field, weighed, begun, method, start)
    finally:
        memory.restore()
    said = _answer(found, weighed, inner, lr, len(losses) * (1 + method.price * found.products))
    return Measured(said, found.ritz.vector, begun.each, norm(begun.gradient) ** 2)


@dataclass(frozen=True, eq=False)
class Measured:
    """A sharpness and its ``direction``, which as the next ``start`` saves products; what the gradients say of noise.

    ``each`` is the mean squared norm of the gradients of a batch, ``together`` that of the gradient of all.
    """

    sharpness: Sharpness
    direction: torch.Tensor
    each: float
    together: float


@dataclass(frozen=True, eq=False)
class _Found:
    ritz: Ritz
    value: float
    error: float
    converged: bool
    products: int


def _searched(field: Field, weighed: Weighing, begun: Begun, method: Method, start: torch.Tensor | None) -> _Found:
    if start is None or start.shape != begun.gradient.shape:
        start = weighed.along(begun.gradient)
    first, rise = _mixed(start, field.layout.start(method.seed)), method.rise * abs(begun.loss)
    exact = method.hvp == "exact"
    product = field.exact(weighed)
    if not exact:
        # One product tells how long the perturbations of the others should be; what it gives is a better start.
        image = field.difference(weighed, rise)(first)
        seen = norm(image) / norm(first)
        first = image if 0.0 < seen < math.inf else first
        product = field.difference(weighed, rise, seen)
    ritz = largest(product, first, products=method.products, tolerance=method.tolerance)
    made, value, error = ritz.products + (not exact), ritz.value, 0.0
    if math.isfinite(value):
        # A quarter of the rise is half the perturbation: what changes is what the difference errs by.
        again = product if exact else field.difference(weighed, rise / 4.0, abs(value))
        value = float(dots([ritz.vector], again(ritz.vector)).sum())
        error, made = abs(value - ritz.value), made + 1
    return _Found(ritz, value, error, ritz.residual <= method.tolerance * abs(ritz.value), made)


def _mixed(start: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Return a vector of which a part is ``start``, and that is blind to no direction."""
    size, start = norm(start), start.to(noise)
    if not 0.0 < size < math.inf:
        return noise
    along = float(dots([start], noise).sum())
    # The two must not cancel where there are few dimensions.
    return start / size + noise / (norm(noise) if along >= 0.0 else -norm(noise))


def _answer(found: _Found, weighed: Weighing, inner: Optimizer | None, lr: float, gradients: int) -> Sharpness:
    threshold = weighed.threshold
    return Sharpness(
        sharpness=found.value,
        low=found.value - found.error,
        high=found.value + found.ritz.residual + found.error,
        threshold=None if threshold is None else threshold.value,
        lr=lr,
        factor=1.0 if threshold is None else threshold.rate / weighed.lr,
        optimizer="no optimizer" if inner is None else type(inner).__name__,
        products=found.products,
        gradients=gradients,
        converged=found.converged,
        why=_NO_OPTIMIZER if threshold is None else threshold.why,
    )
