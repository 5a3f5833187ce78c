"""The layout of one TensorBoard event: where its time, its step and its scalar values lie."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from surefoot.history.formats.crc import Bytes
from surefoot.history.formats.wire import BYTES, FIXED32, FIXED64, VARINT, fields, varint

Span = tuple[int, int]

# How a tensor of one number is stored: its DataType in TensorFlow, and the NumPy type of its content.
_CONTENT = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 14: "bfloat16", 19: "<f2"}
_LISTED = {5: "<f4", 6: "<f8"}
_WIDTH = {"<f4": 4, "<f8": 8, "<i4": 4, "<i8": 8, "bfloat16": 2, "<f2": 2}
_CONTENTS, _HALVES = 4, 13


@dataclass(frozen=True)
class Cell:
    """A scalar in an event: its ``tag``, and the place and NumPy type of its bytes, or its ``value`` itself."""

    tag: str
    start: int = 0
    kind: str = ""
    value: float = 0.0

    def read(self, rows: Bytes) -> NDArray[np.float64]:
        """Return the value in each of ``rows`` (uint8 of shape [rows, bytes])."""
        if not self.kind:
            return np.full(len(rows), self.value)
        raw = np.ascontiguousarray(rows[:, self.start : self.start + _WIDTH[self.kind]])
        if self.kind == "bfloat16":
            return (raw.view("<u2")[:, 0].astype(np.uint32) << 16).view(np.float32).astype(np.float64)
        return raw.view(self.kind)[:, 0].astype(np.float64)


@dataclass(frozen=True)
class Layout:
    """An event: the spans of its ``time`` and ``step``, its scalar ``cells``, and the tags of what is no scalar."""

    time: Span = (0, 0)
    step: Span = (0, 0)
    cells: tuple[Cell, ...] = ()
    others: tuple[str, ...] = ()
    broken: bool = False

    def free(self, size: int) -> NDArray[np.bool_]:
        """Return, bool of shape [size], which bytes may differ between events of this layout."""
        found = np.zeros(size, dtype=bool)
        found[slice(*self.time)] = found[slice(*self.step)] = True
        for cell in self.cells:
            found[cell.start : cell.start + _WIDTH.get(cell.kind, 0)] = True
        return found

    def times(self, rows: Bytes) -> NDArray[np.float64]:
        """Return the seconds at which each of ``rows`` was written; 0 if this layout does not say."""
        raw = np.ascontiguousarray(rows[:, slice(*self.time)])
        return raw.view("<f8")[:, 0] if self.time[1] else np.zeros(len(rows))

    def steps(self, rows: Bytes) -> NDArray[np.int64]:
        """Return the step of each of ``rows``; 0 if this layout does not say, as the writers leave it out."""
        found = np.zeros(len(rows), dtype=np.uint64)
        for k, place in enumerate(range(*self.step)):
            found |= (rows[:, place].astype(np.uint64) & np.uint64(127)) << np.uint64(7 * k)
        return found.view(np.int64)


def layout(data: bytes) -> Layout:
    """Return the layout of the event ``data``; ValueError if it is none.

    The fields of Event, Summary, Summary.Value and TensorProto are those of the .proto files of TensorFlow.
    """
    time = step = (0, 0)
    cells: list[Cell] = []
    others: list[str] = []
    for number, kind, start, stop in fields(data):
        if (number, kind) == (1, FIXED64):
            time = (start, stop)
        elif (number, kind) == (2, VARINT):
            step = (start, stop)
        elif (number, kind) == (5, BYTES):
            for inner, _, first, last in fields(data, start, stop):
                if inner == 1:
                    tag, cell = _cell(data, first, last)
                    cells += [cell] if cell else []
                    others += [] if cell else [tag]
    return Layout(time, step, tuple(cells), tuple(others))


def _cell(data: bytes, start: int, stop: int) -> tuple[str, Cell | None]:
    tag, found = "", None
    for number, kind, first, last in fields(data, start, stop):
        if (number, kind) == (1, BYTES):
            tag = data[first:last].decode(errors="replace")
        elif (number, kind) == (2, FIXED32):
            found = Cell("", first, "<f4")
        elif (number, kind) == (8, BYTES):
            found = _tensor(data, first, last)
    return tag, replace(found, tag=tag) if found else None


def _tensor(data: bytes, start: int, stop: int) -> Cell | None:
    """Return the only number of a TensorProto, None if it holds text or several numbers."""
    held, found = 0, None
    for number, kind, first, last in fields(data, start, stop):
        size = last - first
        if (number, kind) == (1, VARINT):
            held = varint(data, first, last)[0]
        elif number == _CONTENTS and _WIDTH.get(_CONTENT.get(held, ""), 0) == size:
            found = Cell("", first, _CONTENT[held])
        elif number in _LISTED and _WIDTH[_LISTED[number]] == size:
            found = Cell("", first, _LISTED[number])
        elif number == _HALVES:
            found = _half(data, first, last, held)
    return found


def _half(data: bytes, start: int, stop: int, held: int) -> Cell | None:
    bits, after = varint(data, start, stop)
    if after != stop or bits >= 1 << 16:
        return None
    if _CONTENT.get(held) == "bfloat16":
        return Cell("", value=float(np.array([bits << 16], np.uint32).view(np.float32)[0]))
    return Cell("", value=float(np.array([bits], np.uint16).view(np.float16)[0]))
