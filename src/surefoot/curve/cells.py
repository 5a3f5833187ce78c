"""Columns of JSON texts to numbers: each cell as it stood in its file."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from surefoot.trial import STATUSES

_WORDS = (b"null", b'"inf"', b'"-inf"')


class Misfit(Exception):  # noqa: N818  it never leaves this room: the file is then read record by record
    """The records are not laid out alike."""


def numbers_of(cells: NDArray[np.bytes_]) -> NDArray[np.float64]:
    """Return numbers from their texts; null is NaN, and infinities are words."""
    if (cells == cells[0]).all():
        return np.full(len(cells), _number(cells[0]))
    for word in _WORDS:
        here = cells == word
        if here.any():
            cells[here] = str(_number(word)).encode()
    return cells.astype(np.float64)


def _number(cell: bytes) -> float:
    return math.nan if cell == b"null" else float(cell.strip(b'"'))


def statuses_of(cells: NDArray[np.bytes_]) -> NDArray[np.int64]:
    """Return the place of each status in ``trial.STATUSES``; raise Misfit for a word that is none."""
    found = np.full(len(cells), -1)
    for k, status in enumerate(STATUSES):
        found[cells == b'"' + status.encode() + b'"'] = k
    if (found < 0).any():
        raise Misfit
    return found


def stages_of(cells: NDArray[np.bytes_], codes: dict[bytes, int]) -> NDArray[np.int64]:
    """Return the number of each stage; ``codes`` learns those that are new."""
    found = np.full(len(cells), -1)
    while (found < 0).any():
        word = bytes(cells[int(np.argmin(found))])
        found[cells == word] = codes.setdefault(word, len(codes))
    return found
