"""A window: which indices of a longer phase a piece of it runs through, in whole numbers so that a cut stays exact.

A window is ``(a, b, d, of)``: update ``i`` of the piece has index ``(a + b*i)/d`` of a phase of ``of`` updates (None in
an open one). A cut changes ``a``, another speed changes ``b/d``; below 2^53 no value is rounded on the way.
"""

from __future__ import annotations

from math import gcd
from typing import Any

from surefoot.errors import ArgumentError

Window = tuple[int, int, int, int | None]


def index(window: Window, i: Any) -> Any:
    """Return the index of the whole phase at index ``i`` of the piece."""
    a, b, d, _ = window
    return (a + b * i) / d


def cut(window: Window | None, first: int, of: int | None) -> Window:
    """Return the window that begins ``first`` updates later; ``of`` is the whole's length if there is none yet."""
    a, b, d, whole = window or (0, 1, 1, of)
    return (a + b * first, b, d, whole)


def sped(window: Window | None, n: int, length: int) -> Window:
    """Return the window whose ``n`` updates are run through in ``length``."""
    a, b, d, of = window or (0, 1, 1, n)
    common = gcd(a * length, b * n, d * length)
    return (a * length // common, b * n // common, d * length // common, of)


def check(window: Any, length: Any) -> Window:
    """Return ``window`` as a tuple of whole numbers that stays inside its phase, or raise ArgumentError."""
    try:
        a, b, d, of = window
        whole = all(isinstance(x, int) and not isinstance(x, bool) for x in (a, b, d))
    except (TypeError, ValueError):
        whole = False
    if not whole or a < 0 or b < 1 or d < 1 or not (of is None or isinstance(of, int)):
        raise ArgumentError(f"window={window!r} must be (a, b, d, of), whole numbers with a >= 0, b >= 1, d >= 1.")
    if length is not None and not isinstance(length, int):
        raise ArgumentError(f"length={length!r} must be in steps (an int) when the phase is a piece of another.")
    if of is not None and (length is None or a + b * (length - 1) > d * of):
        raise ArgumentError(f"window={window!r} with length={length!r} runs past the {of} updates of its phase.")
    return (a, b, d, of)
