"""Cells: what a log wrote as a number, told apart into a number, a NaN that was said, a blank, and a word."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from surefoot.history.columns import Column, Mask

_BLANK = frozenset({"", "null", "none", "n/a", "na", "<na>", "-", "--", "undefined", "."})
_TENSOR = re.compile(r"tensor\(\s*([-+.\deE]+|nan|-?inf)\b[^()]*\)\Z")
_LONGEST = 400


class _Word:
    """What a cell is that holds text."""


WORD: Final = _Word()


def number(cell: Any) -> float | _Word | None:
    """Return a cell's number, None if it is blank, WORD if it holds anything else.

    >>> number(" nan "), number("1e-3"), number(""), number(None), number("adam") is WORD, number(True) is WORD
    (nan, 0.001, None, None, True, True)
    """
    if isinstance(cell, str):
        return _written(cell)
    if cell is None:
        return None
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        try:
            return float(cell)
        except OverflowError:
            return math.inf if cell > 0 else -math.inf
    return WORD


def _written(cell: str) -> float | _Word | None:
    try:
        return float(cell) if "_" not in cell else WORD
    except ValueError:
        text = cell.strip().lower()
    if text in _BLANK:
        return None
    if text.endswith("%"):
        return _written(text[:-1])
    inner = _TENSOR.match(text) if len(text) < _LONGEST else None
    return number(inner[1]) if inner and inner[1] != text else WORD


def column(cells: Sequence[Any]) -> tuple[Column, Mask] | None:
    """Return the values and the blanks of a column, None if words outnumber numbers; else a word is blank."""
    kinds = set(map(type, cells))
    if kinds <= {int, float}:
        try:
            return np.fromiter(cells, dtype=np.float64, count=len(cells)), np.zeros(len(cells), dtype=bool)
        except OverflowError:
            pass
    if kinds == {str} and not any(cells):
        return np.full(len(cells), math.nan), np.ones(len(cells), dtype=bool)
    found = [number(cell) for cell in cells]
    words = sum(value is WORD for value in found)
    numbers = sum(isinstance(value, float) for value in found)
    if words > numbers:
        return None
    values = np.array([value if isinstance(value, float) else math.nan for value in found], dtype=np.float64)
    return values, np.array([not isinstance(value, float) for value in found], dtype=bool)
