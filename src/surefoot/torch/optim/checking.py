"""Checking: what a method was given, against what it can work with."""

from __future__ import annotations

import math
from typing import TypeVar, cast

from surefoot.errors import ArgumentError

T = TypeVar("T")


def between(name: str, value: T, low: float, high: float = math.inf, *, why: str = "") -> T:
    """Return ``value``, a number with low <= value < high; raise ArgumentError for any other.

    >>> between("eps", 1e-8, 0)
    1e-08
    """
    try:
        number = float(cast("float", value))
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not low <= number < high:
        below = "" if math.isinf(high) else f" and below {high:g}"
        raise ArgumentError(f"{name}={value!r} must be a number of at least {low:g}{below}{why and f': {why}'}.")
    return value


def above(name: str, value: T, *, why: str = "") -> T:
    """Return ``value``, a finite number above 0; raise ArgumentError for any other."""
    if between(name, value, 0, why=why) == 0:
        raise ArgumentError(f"{name}={value!r} must be a number above 0{why and f': {why}'}.")
    return value


def betas_of(betas: tuple[float, float]) -> tuple[float, float]:
    """Return ``betas``, two numbers of at least 0 and below 1; raise ArgumentError for anything else."""
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise ArgumentError(f"betas={betas!r} must be two numbers, as in (0.9, 0.999).")
    return between("betas[0]", betas[0], 0, 1), between("betas[1]", betas[1], 0, 1)
