"""The few lines that the built-in torch tasks share: a seeded build, an optimizer by name, a held-out loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop

from surefoot.errors import ArgumentError
from surefoot.torch.optim.batchnorm import recalibrate_batchnorm
from surefoot.torch.optim.naming import NAMES
from surefoot.torch.optim.naming import build as tuning_free

# The rate is written before every update, so the one given here is never used.
_UNUSED_LR = 1.0
OPTIMIZERS: dict[str, Callable[[Iterable[Tensor], float, float], Optimizer]] = {
    "sgd": lambda p, momentum, decay: SGD(p, _UNUSED_LR, momentum=momentum, weight_decay=decay),
    "adam": lambda p, momentum, decay: Adam(p, _UNUSED_LR, betas=(momentum, 0.999), weight_decay=decay),
    "adamw": lambda p, momentum, decay: AdamW(p, _UNUSED_LR, betas=(momentum, 0.999), weight_decay=decay),
    "rmsprop": lambda p, momentum, decay: RMSprop(p, _UNUSED_LR, momentum=momentum, weight_decay=decay),
    "adagrad": lambda p, _, decay: Adagrad(p, _UNUSED_LR, weight_decay=decay),
}


TUNING_FREE = tuple(name for name in NAMES if not name.startswith("momo"))
"""MoMo's step asks for the loss, which a task's loop does not tell."""


def build(name: str, parameters: Iterable[Tensor], *, momentum: float = 0.9, weight_decay: float = 0.0) -> Optimizer:
    """Return torch's optimizer ``name``, or a method of ``st.optim``, on ``parameters``.

    ``momentum`` is beta1 for Adam and AdamW, and nothing to a tuning-free method, which has its own.

    >>> build("sgd", [torch.zeros(2, requires_grad=True)]).param_groups[0]["momentum"]
    0.9
    """
    if name in TUNING_FREE:
        return tuning_free(name, parameters, weight_decay=weight_decay)
    if name not in OPTIMIZERS:
        known = ", ".join((*OPTIMIZERS, *TUNING_FREE))
        raise ArgumentError(f"optimizer={name!r} is unknown here: use one of {known}.")
    return OPTIMIZERS[name](parameters, momentum, weight_decay)


@contextmanager
def evaluating(optimizer: Optimizer | None) -> Iterator[bool]:
    """Hold the weights to evaluate in the block; yield whether they are others than those that are trained."""
    average: Callable[[], AbstractContextManager[None]] | None = getattr(optimizer, "evaluating", None)
    with average() if average is not None else nullcontext():
        yield average is not None


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's CPU generator for the block and put back the caller's state after it.

    >>> with seeded(0):
    ...     round(torch.rand(1).item(), 4)
    0.4963
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def held_out(
    model: nn.Module,
    criterion: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    y: Tensor,
    optimizer: Optimizer | None = None,
    *,
    seen: Iterable[Tensor] = (),
) -> Callable[[], float]:
    """Return a function that computes ``criterion(model(x), y)`` in eval mode, without gradients, modes restored.

    Where ``optimizer`` has weights to evaluate, these are judged; running statistics are then measured on the batches
    ``seen``.

    >>> held_out(nn.Identity(), nn.functional.mse_loss, torch.ones(4), torch.zeros(4))()
    1.0
    """

    def loss() -> float:
        modes = [(module, module.training) for module in model.modules()]
        model.eval()
        try:
            with torch.no_grad(), evaluating(optimizer) as others:
                if others:
                    recalibrate_batchnorm(model, seen)
                return criterion(model(x), y).item()
        finally:
            for module, mode in modes:
                module.training = mode

    return loss
