"""Shape: a named formula of (i, n), and the factory of those that depend on i/n alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.errors import ArgumentError

Index = float | NDArray[np.float64]
Curve = Callable[..., Any]


def _anything(start: float, stop: float, **_: Any) -> None:
    """Accept every parameter."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A formula with its name.

    ``factor(i, n, start, stop, **parameters)`` is the formula, ``open`` says whether it makes sense without a length,
    ``check(start, stop, **parameters)`` raises ArgumentError for bad parameters, ``required`` have no default.
    """

    name: str
    factor: Curve
    parameters: tuple[str, ...] = ()
    open: bool = False
    check: Callable[..., None] = _anything
    required: tuple[str, ...] = ()


def falling(name: str, fall: Curve, rise: Curve | None = None, *own: str, check: Any = _anything) -> Shape:
    """Return the shape ``stop + (start - stop) * f(u)``, ``u = i/n``, of a fall with ``f(0) = 1`` and ``f(1) = 0``.

    A rising phase is ``start + (stop - start) * (1 - f(u))``; ``rise`` is ``1 - f`` written without its rounding.
    """
    climb = rise or (lambda u, **values: 1.0 - fall(u, **values))

    def formula(i: Index, n: int, start: float, stop: float, **values: float) -> Any:
        u = i / n
        if start < stop:
            return pinned(start + (stop - start) * climb(u, **values), u, start, stop)
        return pinned(stop + (start - stop) * fall(u, **values), u, start, stop)

    return Shape(name, formula, own, check=check)


def pinned(x: Any, u: Any, start: float, stop: float) -> Any:
    """Return ``x`` with both ends exact and no rounding error outside [start, stop]."""
    low, high = (start, stop) if start < stop else (stop, start)
    if isinstance(x, float):
        if u <= 0.0 or u >= 1.0:
            return start if u <= 0.0 else stop
        return min(max(x, low), high)
    np.clip(x, low, high, out=x)
    x[u <= 0.0] = start
    x[u >= 1.0] = stop
    return x


def at_least(x: Any, low: float) -> Any:
    """Return ``x``, or ``low`` where that is higher."""
    return max(x, low) if isinstance(x, float) else np.maximum(x, low)


def raised(base: Any, exponent: Index) -> Any:
    """Return ``base ** exponent`` with the same bits for one exponent as for an array of them.

    NumPy takes a shortcut for a lone exponent of 2, 1 or 0.5 that it does not take inside an array.
    """
    if isinstance(exponent, np.ndarray):
        return np.power(base, exponent)
    return float(np.power(base, np.array((exponent, exponent)))[0])


def positive(value: Any, name: str, unit: str = "") -> None:
    """Raise ArgumentError unless ``value`` is a finite number > 0."""
    if not is_number(value) or not 0 < value < math.inf:
        raise ArgumentError(f"{name}={value!r} must be a finite number > 0{unit}.")


def share(value: Any, name: str) -> None:
    """Raise ArgumentError unless ``value`` is a factor in (0, 1]."""
    if not is_number(value) or not 0 < value <= 1:
        raise ArgumentError(f"{name}={value!r} must be a factor in (0, 1].")


def is_number(value: Any) -> bool:
    """Return whether ``value`` is a number; a bool is none."""
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
