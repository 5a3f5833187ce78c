"""Tuned: what an optimizer that finds its own rate says of it, beside the rate that is in its groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

NAMES = ("effective_lr", "d")
"""The rate that updates are made with, and the method's own estimate, as attributes and as columns of a log."""


def own(optimizer: Any) -> Callable[[], dict[str, float]]:
    """Return what reads ``NAMES`` off ``optimizer``; what reads nothing where it has none of them.

    >>> from types import SimpleNamespace
    >>> inner = SimpleNamespace(param_groups=[], effective_lr=0.003, d=0.003)
    >>> own(SimpleNamespace(optimizer=inner))()
    {'effective_lr': 0.003, 'd': 0.003}
    >>> own("adamw")()
    {}
    """
    found = {name: one for one in reversed([*around(optimizer)]) for name in NAMES if hasattr(one, name)}
    return lambda: {name: float(getattr(found[name], name)) for name in NAMES if name in found}


def around(optimizer: Any) -> Iterator[Any]:
    """Yield the optimizers that count, from the outside in: those of surefoot around the innermost one, and itself."""
    inner = optimizer
    while hasattr(getattr(inner, "optimizer", None), "param_groups"):
        inner = inner.optimizer
    above, outer = inner, []
    while (link := getattr(above, "_optimizer_wrapper", None)) is not None and (one := link()) is not None:
        above = one
        outer.append(one)
    yield from reversed(outer)
    yield inner
