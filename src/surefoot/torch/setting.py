"""set_lr: write one rate into an optimizer by hand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch.optim import Optimizer

from surefoot.errors import ArgumentError
from surefoot.schedule.phase import rate
from surefoot.torch.hooks import innermost
from surefoot.torch.slots import Group, Slot

_LR = Slot("lr", "lr")


def set_lr(optimizer: Optimizer | Iterable[Optimizer], lr: float) -> None:
    """Set the rate of ``optimizer`` to ``lr``: the group with the largest rate gets it, the others keep their ratio.

    ``group lr = lr * base / max(base)`` with ``base`` each group's rate when first seen, which is kept in the group
    as ``initial_lr`` (torch's own name) where there is more than one. ``lr`` is a finite rate >= 0. Tensor rates are
    written in place, wrappers (Accelerate, Lightning) are unwrapped, and several optimizers are one set of groups.
    Raises ArgumentError for a bad rate or an object that holds no optimizer.

    >>> import torch
    >>> weights = [torch.nn.Parameter(torch.zeros(2)) for _ in range(2)]
    >>> optimizer = torch.optim.SGD([{"params": weights[:1]}, {"params": weights[1:], "lr": 0.5}], lr=1.0)
    >>> set_lr(optimizer, 0.1)
    >>> [group["lr"] for group in optimizer.param_groups]
    [0.1, 0.05]
    """
    groups = _groups(optimizer)
    value = rate(lr, "lr")
    if len(groups) == 1:
        _LR.write(groups[0], value)
        return
    bases = [float(group.setdefault("initial_lr", _LR.number(group))) for group in groups]
    largest = max(bases)
    for group, base in zip(groups, bases, strict=True):
        _LR.write(group, value * (base / largest) if largest > 0.0 else value)


def _groups(optimizer: Any) -> list[Group]:
    several = list(optimizer) if isinstance(optimizer, (list, tuple)) else [optimizer]
    if not several:
        raise ArgumentError("optimizer=() is empty: give at least one torch.optim.Optimizer.")
    return [group for one in several for group in innermost(one).param_groups]
