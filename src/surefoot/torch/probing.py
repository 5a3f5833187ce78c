"""Probing: how many times its own next update an optimizer could go before the loss rises, by forward passes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.optim import LBFGS, Optimizer

from surefoot.errors import ArgumentError
from surefoot.torch.held import held
from surefoot.torch.hooks import attached, innermost
from surefoot.torch.memory import Memory
from surefoot.torch.scheduler import Scheduler
from surefoot.torch.slots import slot
from surefoot.torch.snapshot import Scene, snapshot

Loss = Callable[[], Any]
Tensors = Sequence[torch.Tensor]


def headroom(
    model: torch.nn.Module,
    optimizer: Any,
    loss_fn: Loss,
    *,
    start: float | None = None,
    tolerance: float = 0.1,
    limit: float = 1024.0,
) -> float:
    """Return eta_c / eta: the smallest multiple of the optimizer's next update at which the loss has risen.

    ``L(theta + k d) > L(theta)`` for the update d that ``optimizer`` would make now, from the gradients that are
    there, or those of ``loss_fn`` where there are none. ``loss_fn()`` returns the loss on one fixed batch; it is
    called without gradients, each time with the same random numbers. Doubling and bisection to a factor of
    1 + ``tolerance``, then interpolation, which is exact on a quadratic: about 10 forwards, 5 from a ``start`` near
    the answer (the value of last time). Below 1 the update overshoots; 2 is the minimum along it; on a quadratic
    with plain SGD it is ``2 / (eta lambda)``. ``limit`` is returned where nothing rises up to there, 0.0 where the
    loss rises at 1 / ``limit`` already (with momentum, on one batch, that happens near a minimum), NaN where the
    loss is not finite to begin with.

    Parameters, buffers, gradients, optimizer state, modes and random state are put back bit for bit. No hook of the
    optimizer runs; the rate is that of an ``st.Scheduler`` where there is one. No second derivative is taken, so
    every attention kernel will do. Under distributed training every rank must call it.
    Raises ArgumentError for a number that is out of range or a loss that is no number.

    >>> weight = torch.nn.Linear(1, 1, bias=False)
    >>> sgd = torch.optim.SGD(weight.parameters(), lr=0.1)
    >>> f"{headroom(weight, sgd, lambda: 2.0 * (weight.weight ** 2).sum()):.3f}"  # lambda = 4
    '5.000'

    Source: critical rates and lambda_c = 2 / eta_c by forward passes: arXiv 2601.16979 (2026).
    """
    inner = innermost(optimizer)
    parameters = parameters_of(inner)
    memory = snapshot(Scene((model, inner), (), (loss_fn,)))
    drawn = forwards(model, loss_fn)
    try:
        before = copied(parameters)
        _advance(inner, parameters, loss_fn)
        drawn.restore()
        return along(model, parameters, before, loss_fn, start=start, tolerance=tolerance, limit=limit)
    finally:
        memory.restore()


def along(
    model: torch.nn.Module,
    parameters: Tensors,
    before: Tensors,
    loss_fn: Loss,
    *,
    start: float | None = None,
    tolerance: float = 0.1,
    limit: float = 1024.0,
) -> float:
    """Return the headroom of the update that led from ``before`` to where ``parameters`` are now.

    The rest is as in ``headroom``, which makes the update first; this is for an update that the run just made, and
    costs a copy of the parameters before it. Everything is put back.
    """
    _positive(tolerance, "tolerance")
    memory = snapshot(Scene((model, list(parameters)), (), (loss_fn,)))
    again = forwards(model, loss_fn)
    cache = torch.is_autocast_cache_enabled()
    # An autocast around the whole loop would go on using the weights that it cast before.
    torch.set_autocast_cache_enabled(False)
    update = [now.detach() - old for now, old in zip(parameters, before, strict=True)]

    def loss(k: float) -> float:
        again.restore()
        with torch.no_grad():
            for parameter, old, step in zip(parameters, before, update, strict=True):
                parameter.copy_(old).add_(step, alpha=k)
            return _number(loss_fn())

    try:
        base = loss(0.0)
        if not math.isfinite(base):
            return math.nan
        return critical(lambda k: loss(k) - base, start, tolerance=tolerance, limit=limit)
    finally:
        torch.set_autocast_cache_enabled(cache)
        memory.restore()


def critical(
    rise: Callable[[float], float], start: float | None = None, *, tolerance: float = 0.1, limit: float = 1024.0
) -> float:
    """Return the smallest k at which ``rise(k) > 0`` (or is not finite), by doubling, bisection and interpolation.

    >>> asked = []
    >>> f"{critical(lambda k: asked.append(k) or k * k - 11.0 * k):.6f}", len(asked)
    ('11.000000', 8)
    """
    warm = start is not None and math.isfinite(start) and 1.0 / limit < start < limit
    k, factor = (float(start), math.sqrt(2.0)) if warm and start is not None else (1.0, 2.0)
    here = _slope(rise, k)
    up = here <= 0.0
    while True:
        there = k * factor if up else k / factor
        if not 1.0 / limit <= there <= limit:
            return limit if up else 0.0
        beyond = _slope(rise, there)
        if (beyond <= 0.0) is not up:
            break
        k, here, factor = there, beyond, 2.0
    (low, a), (high, b) = ((k, here), (there, beyond)) if up else ((there, beyond), (k, here))
    while high > low * (1.0 + tolerance):
        middle = math.sqrt(low * high)
        value = _slope(rise, middle)
        low, a, high, b = (middle, value, high, b) if value <= 0.0 else (low, a, middle, value)
    # rise(k) / k is a line in k where the loss is a quadratic.
    return math.sqrt(low * high) if math.isinf(b) else low + (high - low) * -a / (b - a)


def parameters_of(optimizer: Optimizer) -> list[torch.Tensor]:
    """Return the parameters that an optimizer holds, each once."""
    return list({id(p): p for group in optimizer.param_groups for p in group["params"]}.values())


def copied(tensors: Tensors) -> list[torch.Tensor]:
    """Return copies that nothing else refers to."""
    return [tensor.detach().clone() for tensor in tensors]


def forwards(model: torch.nn.Module, loss_fn: Any) -> Memory:
    """Return what makes the next forward draw the same dropout, and begin from the same buffers, as the one now."""
    return snapshot(Scene((list(model.buffers()),), held((loss_fn,))[1]))


def _slope(rise: Callable[[float], float], k: float) -> float:
    value = rise(k)
    return value / k if math.isfinite(value) else math.inf


def _advance(inner: Optimizer, parameters: Tensors, loss_fn: Loss) -> None:
    """Make the next update, with no hook that counts it as one of the run."""
    scheduler = attached(inner, Scheduler)
    if scheduler is not None:
        rates = slot("lr", inner.param_groups)
        for group, rate in zip(inner.param_groups, scheduler.get_lr(), strict=True):
            rates.write(group, rate)
    inner._optimizer_step_pre_hooks.clear()  # noqa: SLF001  no public list; the snapshot puts them back
    inner._optimizer_step_post_hooks.clear()  # noqa: SLF001  same

    def closure() -> torch.Tensor:
        for parameter in parameters:
            parameter.grad = None
        with torch.enable_grad():
            loss: torch.Tensor = loss_fn()
            loss.backward()
        return loss

    alone = isinstance(inner, LBFGS) or all(parameter.grad is None for parameter in parameters)
    step: Any = inner.step
    step(closure if alone else None)


def _number(loss: Any) -> float:
    if isinstance(loss, torch.Tensor) and loss.numel() != 1:
        raise ArgumentError(f"loss_fn returned a tensor of shape {tuple(loss.shape)}: return one number, the loss.")
    return float(loss)


def _positive(value: float, name: str) -> None:
    if not value > 0.0:
        raise ArgumentError(f"{name}={value!r} must be > 0: the relative width at which bisection ends.")
