"""Two shapes that come from outside: a table of points, and a user's own function."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np

from surefoot.errors import ArgumentError, kind
from surefoot.schedule.formula import Index, Shape, is_number, raised

INTERPOLATIONS = ("linear", "log", "cosine", "step")


def _points(
    i: Index,
    _n: int | None,
    _start: float,
    _stop: float,
    *,
    at: tuple[float, ...],
    factors: tuple[float, ...],
    interpolation: str = "linear",
) -> Any:
    if isinstance(i, float):
        j = bisect_right(at, i) - 1
        if interpolation == "step" or j == len(at) - 1:
            return float(factors[j])
        w = (i - at[j]) / (at[j + 1] - at[j])
        return float(_between(float(factors[j]), float(factors[j + 1]), w, interpolation))
    x, y = np.asarray(at, dtype=np.float64), np.asarray(factors, dtype=np.float64)
    found = np.searchsorted(x, i, side="right") - 1
    if len(x) == 1 or interpolation == "step":
        return y[found]
    k = np.minimum(found, len(x) - 2)
    # The last value is held beyond the last point: a table is never extrapolated.
    values = _between(y[k], y[k + 1], np.minimum((i - x[k]) / (x[k + 1] - x[k]), 1.0), interpolation)
    return np.where(found < len(x) - 1, values, y[-1])


def _between(a: Any, b: Any, w: Any, interpolation: str) -> Any:
    if interpolation == "log":
        x = a * raised(b / a, w)
    else:
        f = 1.0 - w if interpolation == "linear" else 0.5 * (1.0 + np.cos(np.pi * w))
        x = b + (a - b) * f
    if isinstance(w, float):
        return a if w == 0.0 else min(max(x, min(a, b)), max(a, b))
    return np.where(w == 0.0, a, np.clip(x, np.minimum(a, b), np.maximum(a, b)))


def _check_points(
    _start: float, _stop: float, *, at: tuple[float, ...], factors: tuple[float, ...], interpolation: str = "linear"
) -> None:
    if interpolation not in INTERPOLATIONS:
        raise ArgumentError(f"interpolation={interpolation!r} is unknown: use one of {', '.join(INTERPOLATIONS)}.")
    if not isinstance(at, tuple) or not isinstance(factors, tuple):
        raise ArgumentError(f"points: at={at!r:.40} and factors={factors!r:.40} must be columns of numbers.")
    if not at or len(at) != len(factors):
        raise ArgumentError(f"points: {len(at)} steps but {len(factors)} values; give one value to each step.")
    if not all(map(is_number, at)) or at[0] != 0 or any(b <= a for a, b in pairwise(at)):
        raise ArgumentError(f"points: the steps {_short(at)} must rise from 0, each above the one before.")
    if not all(is_number(y) and 0.0 <= y <= 1.0 for y in factors):
        raise ArgumentError(f"points: the factors {_short(factors)} must lie in [0, 1].")
    if interpolation == "log" and min(factors) <= 0:
        raise ArgumentError('interpolation="log" needs values > 0: use "linear" where one is 0.')


def _short(values: tuple[float, ...]) -> str:
    return repr(values) if len(values) <= 8 else f"({', '.join(map(repr, values[:8]))}, ...)"


def _call(i: Index, _n: int | None, _start: float, _stop: float, *, function: str) -> Any:
    f = imported(function)
    if isinstance(i, float):
        return _one(f, i, function)
    return np.array([_one(f, k, function) for k in i.tolist()], dtype=np.float64)


def _one(f: Callable[[int], Any], i: float, name: str) -> float:
    factor = f(int(i))
    if isinstance(factor, (int, float, np.number)) and 0.0 <= factor <= 1.0 and math.isfinite(factor):
        return float(factor)
    raise ArgumentError(f"function={name!r} returned {factor!r} at step {int(i)}: it must return a factor in [0, 1].")


def imported(name: str) -> Callable[[int], Any]:
    """Return the function that ``module:function`` names, or raise ArgumentError."""
    module, _, attribute = name.partition(":")
    try:
        found = import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise ArgumentError(f"function={name!r} cannot be imported ({error}): write module:function.") from error
    if not callable(found):
        raise ArgumentError(f"function={name!r} is {kind(found)}: it must be a function of the step.")
    return found


def _check_call(_start: float, _stop: float, *, function: str) -> None:
    # Reading a schedule must not run code: the import waits until a value is asked for.
    module, colon, attribute = function.partition(":") if isinstance(function, str) else ("", "", "")
    if not (module and colon and attribute):
        raise ArgumentError(f'function={function!r} must be text of the form "module:function".')


_AT = ("at", "factors")
TABLES = (
    Shape("points", _points, (*_AT, "interpolation"), check=_check_points, required=_AT),
    Shape("call", _call, ("function",), open=True, check=_check_call, required=("function",)),
)
