"""Values that a loop hands over: numbers are taken at once, tensors of an accelerator are kept and read later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from surefoot.errors import ArgumentError
from surefoot.history.reading import Reading

Row = dict[str, Any]
_NUMBERS = (float, int, np.generic, np.ndarray)


def taken(value: Any, name: str) -> Any:
    """Return ``value`` as a float, or, where reading it could wait for an accelerator, a copy that is read later.

    A tensor is told by what it can do (``detach``, ``clone``, ``item``), so that no framework is imported: one that
    says ``is_cpu`` is read at once. The copy is taken because loops reuse their loss in place (running sums, captured
    graphs). Raises ArgumentError for what is no number, or for a tensor of several.
    """
    if type(value) is float:
        return value
    if isinstance(value, _NUMBERS) or not hasattr(value, "item"):
        return number(value, name)
    for change in ("detach", "clone"):
        value = getattr(value, change, lambda kept=value: kept)()
    shape = tuple(getattr(value, "shape", ()))
    if any(size != 1 for size in shape):
        raise ArgumentError(f"{name} is a tensor of shape {list(shape)}: a reading holds one number, such as its mean.")
    return number(value.item(), name) if getattr(value, "is_cpu", False) else value


def number(value: Any, name: str) -> float:
    """Return ``value`` as a float; raise ArgumentError for what is no number."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError(f"{name}={value!r:.80} must be a number (NaN is one).") from None


def count(step: Any) -> int:
    """Return ``step`` as an int; raise ArgumentError for what is no count of updates."""
    return step if type(step) is int and step >= 0 else Reading(step, 0.0).step


def is_read(row: Mapping[str, Any]) -> bool:
    """Say whether a row holds numbers only."""
    return all(type(value) is float or type(value) is int for value in row.values())


def read(row: Row) -> Row:
    """Return a row with every tensor in it read: this may wait for an accelerator."""
    return {n: v if isinstance(v, (float, int)) else number(v.item(), n) for n, v in row.items()}
