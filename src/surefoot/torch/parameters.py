"""The trainable parameters of a model by name, and what a list of parameter groups is."""

from __future__ import annotations

from typing import Any

from torch import nn

from surefoot.errors import ArgumentError

Groups = list[dict[str, Any]]
Named = tuple[str, nn.Parameter]


def trainable(model: nn.Module) -> list[Named]:
    """Return (name, parameter) of everything trainable, tied parameters once; raise ArgumentError if there is none.

    >>> [name for name, _ in trainable(nn.Linear(2, 2))]
    ['weight', 'bias']
    """
    if not isinstance(model, nn.Module):
        raise ArgumentError(f"model={model!r:.60} is no torch.nn.Module: pass the model itself.")
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    if not named:
        raise ArgumentError(f"model={type(model).__name__} has no trainable parameter: unfreeze some.")
    return named
