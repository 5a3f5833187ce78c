"""Regular lines: JSON objects whose keys are alike and whose values are numbers, read without parsing JSON."""

from __future__ import annotations

import re
import warnings

import numpy as np

from surefoot.history.columns import Column

_VALUE = re.compile(rb"(?<=[:\s])(?:-?\d[-+.\deE]{0,60}|NaN|-?Infinity)")
_FIRST = re.compile(rb'\{\s{0,9}"([^"\\]{1,200})"\s{0,9}:\s{0,9}')
_NEXT = re.compile(rb',\s{0,9}"([^"\\]{1,200})"\s{0,9}:\s{0,9}')
_LONGEST = 4_000
_MOST = 100


def grid(chunk: bytes) -> tuple[tuple[str, ...], Column] | None:
    r"""Return the names and the numbers, [lines, names], of lines that are alike; None if any is not.

    The pieces between the numbers of the first line are replaced by commas in all of them, and NumPy reads the rest:
    what is not a number, or in a different place, is left over and shows in the count.

    >>> grid(b'{"a": 1, "b": 2.5}\n{"a": 2, "b": NaN}\n')
    (('a', 'b'), array([[1. , 2.5],
           [2. , nan]]))
    >>> grid(b'{"a": 1, "b": 2.5}\n{"a": 2}\n')
    """
    body = chunk.strip(b"\n")
    first = body.partition(b"\n")[0]
    pieces = _VALUE.split(first) if len(first) < _LONGEST else []
    if not 2 <= len(pieces) <= _MOST or pieces[-1] != b"}":
        return None
    keys = [_FIRST.fullmatch(pieces[0]), *map(_NEXT.fullmatch, pieces[1:-1])]
    names = [key[1] for key in keys if key]
    if len(set(names)) < len(pieces) - 1:
        return None
    rows = body.count(b"\n") + 1
    values = _numbers(body, pieces)
    if values is None or values.size != rows * len(names):
        return None
    return tuple(name.decode(errors="replace") for name in names), values.reshape(rows, len(names))


def _numbers(body: bytes, pieces: list[bytes]) -> Column | None:
    if not (body.startswith(pieces[0]) and body.endswith(pieces[-1])):
        return None
    flat = body[len(pieces[0]) : -len(pieces[-1])].replace(b"}\n" + pieces[0], b",")
    for piece in pieces[1:-1]:
        flat = flat.replace(piece, b",")
    return commas(flat)


def commas(flat: bytes | str) -> Column | None:
    """Return numbers with commas between them, as many as there are before the first thing that is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a word ends the numbers: the caller counts
        try:
            return np.fromstring(flat, dtype=np.float64, sep=",")
        except ValueError:
            return None
