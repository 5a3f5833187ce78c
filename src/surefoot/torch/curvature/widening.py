"""Widening: a model of half precision in float32 for a while, since a small perturbation would be rounded away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

_NARROW = frozenset({torch.float16, torch.bfloat16})


@contextmanager
def widened(model: torch.nn.Module, parameters: Iterable[torch.Tensor]) -> Iterator[None]:
    """Turn narrow parameters and buffers into float32 copies, and let ``model`` run in float32 outside of autocast.

    Narrow inputs are widened too. The copies hold the same values; the caller puts the originals back.
    """
    held = {id(t): t for t in (*model.parameters(), *model.buffers(), *parameters) if t.dtype in _NARROW}
    for tensor in held.values():
        tensor.data = tensor.data.float()
    kind = next((p.device.type for p in model.parameters()), "cpu")
    was: list[bool] = []

    def before(_: torch.nn.Module, args: Any, kwargs: Any) -> tuple[Any, Any]:
        was.append(torch.is_autocast_enabled(kind))
        torch.set_autocast_enabled(kind, False)
        return wide(args), wide(kwargs)

    def after(*_: Any) -> None:
        torch.set_autocast_enabled(kind, was.pop())

    handles = (
        model.register_forward_pre_hook(before, with_kwargs=True),
        model.register_forward_hook(after, always_call=True),
    )
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def wide(value: Any) -> Any:
    """Return ``value`` with narrow tensors in float32, those in plain lists, tuples and dicts too."""
    if isinstance(value, torch.Tensor):
        return value.float() if value.dtype in _NARROW else value
    if type(value) in {list, tuple}:
        return type(value)(map(wide, value))
    return {key: wide(one) for key, one in value.items()} if type(value) is dict else value
