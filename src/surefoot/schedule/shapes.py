"""Shapes: named functions of (i, n), the only formulas a schedule is made of.

A shape is called as ``function(i, n, start, stop, **parameters)`` with the index ``i`` inside the phase
(a float or an array), the phase's length ``n`` (None in an open phase) and returns the factor of the
peak. Falling and rising phases use one form, ``stop + (start - stop) * f(u)`` with ``u = i/n``,
``f(0) = 1`` and ``f(1) = 0``. ``SHAPES`` is the explicit dict that serialisation relies on.

Scalars go through the same NumPy loops as arrays, so that ``schedule(t)`` and ``schedule.array`` agree bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Index = float | NDArray[np.float64]
Fall = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """A formula with its name; ``open`` says whether it makes sense without a length."""

    name: str
    factor: Callable[..., Any]
    parameters: tuple[str, ...] = ()
    open: bool = False


def falling(name: str, f: Fall, *parameters: str) -> Shape:
    """Return the shape ``stop + (start - stop) * f(i/n)`` of a fall ``f(u)``."""

    def factor(i: Index, n: int, start: float, stop: float, **values: float) -> Any:
        return stop + (start - stop) * f(i / n, **values)

    return Shape(name, factor, parameters)


def _geometric(i: Index, n: int, start: float, stop: float) -> Any:
    return start * np.power(stop / start, i / n)


def _constant(i: Index, n: int | None, start: float, stop: float) -> Any:
    return start + 0.0 * i


_ALL = (
    Shape("constant", _constant, open=True),
    falling("linear", lambda u: 1.0 - u),
    falling("cosine", lambda u: 0.5 * (1.0 + np.cos(np.pi * u))),
    falling("1-sqrt", lambda u: 1.0 - np.sqrt(u)),
    Shape("exponential", _geometric),
)
SHAPES: dict[str, Shape] = {shape.name: shape for shape in _ALL}
