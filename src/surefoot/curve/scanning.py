"""JSON records that one program wrote: their columns, by where the keys stand, without parsing each record.

A quote inside a JSON string is escaped. So a quote and a colon end a key, and keys that stand in the same order in all
records, each with the same text before it, say where every value begins and ends. Whatever deviates is a Misfit.
"""

from __future__ import annotations

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.curve.cells import Misfit, numbers_of, stages_of, statuses_of
from surefoot.curve.table import Table
from surefoot.trial import STATUSES

_CHUNK = 1 << 20
_THREADS = 4
_WIDEST = 40
_COLUMNS = frozenset({"lr", "loss", "seed", "steps", "total", "status", "validated", "stage"})
Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Layout:
    """How records are written: the text up to each key's colon, what follows it, ends a record, and lies between two.

    ``names`` are the keys in their order, those of a trial inside a journal's line among them (``nested``); ``read``
    says which tokens bound a value that becomes a column, or the record.
    """

    names: tuple[str, ...]
    tokens: tuple[bytes, ...]
    colon: bytes
    closing: bytes
    between: bytes
    nested: bool
    read: tuple[bool, ...]


def laid_out(data: bytes, start: int, stop: int | None) -> Layout:
    """Return the layout of the first record, at ``start``; raise Misfit where it is none that can be scanned."""
    head = data[start : start + 4 * _CHUNK].decode("ascii")
    record, length = json.JSONDecoder(object_pairs_hook=tuple).raw_decode(head)
    if not isinstance(record, tuple) or not record:
        raise Misfit
    nested = isinstance(record[-1][1], tuple)
    if nested and record[-1][0] != "trial":
        raise Misfit
    names = tuple(name for name, _ in (*record, *(record[-1][1] if nested else ())))
    text = data[start : start + length]
    tokens, colon = _tokens(text, names)
    closing = text[len(text.rstrip(b"} \r\n\t")) :]
    after = data[start + length : start + length + 64]
    between = after[: after.find(b"{")] if b"{" in after else b"\n"
    if stop is None and not between.startswith(b","):
        raise Misfit
    wanted = [name in _COLUMNS for name in names]
    ends = {0, len(names) - 1}
    read = tuple(here or k in ends or wanted[k - 1] for k, here in enumerate(wanted))
    return Layout(names, tokens, colon, closing, between, nested, read)


def _tokens(text: bytes, names: tuple[str, ...]) -> tuple[tuple[bytes, ...], bytes]:
    """Return the text from the end of the value before it to each key's colon, and the colon with what follows it."""
    tokens, colons, at = [], set(), 0
    for name in names:
        found = re.compile(rb'[{,]\s*"' + re.escape(name.encode()) + rb'"(:\s*)').search(text, at)
        if found is None:
            raise Misfit
        tokens.append(found[0].removesuffix(found[1]))
        colons.add(found[1])
        at = found.end()
    if len(colons) > 1:
        raise Misfit
    return tuple(tokens), colons.pop()


def scanned(data: bytes, start: int, layout: Layout, stop: int | None) -> tuple[Places, int, Table]:
    """Return where the records start, where the last ends, and their columns; raise Misfit where any is different."""
    boundary = layout.closing + layout.between + layout.tokens[0]
    reach = len(layout.closing) + len(layout.between)
    end = _end(data, start, boundary, reach) if stop is None else _trimmed(data, stop)
    bounds = []
    while start < end:
        cut = data.find(boundary, start + _CHUNK, end)
        last = end if cut < 0 else cut + len(layout.closing)
        bounds.append((start, last))
        start = last + len(layout.between)
    # NumPy does most of it without Python's lock, so that a second core is worth having.
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        parts = list(pool.map(lambda bound: _chunk(data, bound, layout), bounds))
    codes: dict[bytes, int] = {}
    for part in parts:
        renumbered = np.array([codes.setdefault(word, len(codes)) for word in part.words], np.int16)
        part.columns["stage"] = renumbered[part.columns["stage"]]
    joined = {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
    stages = tuple(json.loads(text) for text in codes)
    return np.concatenate([part.begins for part in parts]), end, Table(**joined, stages=stages)


def _trimmed(data: bytes, stop: int) -> int:
    while stop and data[stop - 1] in b"\r\n ":
        stop -= 1
    return stop


def _end(data: bytes, start: int, boundary: bytes, reach: int) -> int:
    last = data.rfind(boundary, start)
    if last < 0:
        raise Misfit
    _, length = json.JSONDecoder().raw_decode(data[last + reach :].decode("ascii"))
    return last + reach + length


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of records: where they begin, their columns, and the words that their stages are numbers of."""

    begins: Places
    columns: dict[str, Any]
    words: tuple[bytes, ...]


def _chunk(data: bytes, bound: tuple[int, int], layout: Layout) -> _Part:
    start, stop = bound
    # A few bytes more, so that a value at the end can be read at full width.
    part = data[start:stop] + b" " * _WIDEST
    colons = _colons(part, layout, filtered=False)
    if colons is None or not _keyed(part, colons, layout):
        # Colons inside strings: those that stand behind no quote end no key.
        colons = _colons(part, layout, filtered=True)
        if colons is None or not _keyed(part, colons, layout):
            raise Misfit
    begins = colons[:, 0] - len(layout.tokens[0])
    ends = np.append(begins[1:] - len(layout.between), stop - start) - len(layout.closing)
    tails = _texts(part, len(layout.closing))[ends]
    if begins[0] != 0 or not (tails == layout.closing).all():
        raise Misfit
    columns = _Columns(part, colons, ends, layout)
    last = columns.cells(layout.names[-1])
    # A record without keys would lie in the last value of the one before it.
    if last is None or (last.view(np.uint8) == ord("}")).any():
        raise Misfit
    return _Part(begins + start, *_columns(columns, len(begins)))


def _colons(part: bytes, layout: Layout, *, filtered: bool) -> Places | None:
    """Return the places [n, keys] of the colons, ``filtered``: behind a bare quote; None where they don't come even."""
    letters = np.frombuffer(part, np.uint8)
    colons = np.flatnonzero(letters == ord(":"))
    if filtered:
        colons = colons[(letters[colons - 1] == ord('"')) & (letters[colons - 2] != ord("\\"))]
    if not len(colons) or len(colons) % len(layout.tokens):
        return None
    return colons.reshape(-1, len(layout.tokens))


def _keyed(part: bytes, colons: Places, layout: Layout) -> bool:
    """Say whether each colon ends the key it should, with the text before it that it should have."""
    for k, token in enumerate(layout.tokens):
        if not layout.read[k]:
            continue
        here = colons[:, k] - len(token)
        if here[0] < 0:
            return False
        # Eight bytes are compared as one number, the last eight overlapping those before them.
        wide = len(token) >= 8
        kind, size = ("<u8", 8) if wide else (f"S{len(token)}", len(token))
        view: NDArray[Any] = np.ndarray((len(part) - size + 1,), kind, part, strides=(1,))
        for offset in (*range(0, len(token) - size, size), len(token) - size):
            piece = np.frombuffer(token[offset : offset + size], kind)[0]
            if not (view[here + offset] == piece).all():
                return False
    return True


def _texts(part: bytes, width: int) -> NDArray[np.bytes_]:
    """Return the ``width`` bytes from every place on, as a view."""
    return np.ndarray((len(part) - width + 1,), f"S{width}", part, strides=(1,))


@dataclass(frozen=True, slots=True)
class _Columns:
    part: bytes
    colons: Places
    ends: Places
    layout: Layout

    def cells(self, name: str) -> NDArray[np.bytes_] | None:
        """Return the texts of one column, as they stand in the file; None where the records lack it."""
        names = self.layout.names
        if name not in names:
            return None
        k = len(names) - 1 - names[::-1].index(name)
        begins = self.colons[:, k] + len(self.layout.colon)
        ends = self.ends if k == len(names) - 1 else self.colons[:, k + 1] - len(self.layout.tokens[k + 1])
        lengths = ends - begins
        width = int(lengths.max())
        if not 0 < width <= _WIDEST or int(lengths.min()) <= 0:
            raise Misfit
        found = _texts(self.part, width)[begins]
        if int(lengths.min()) < width:
            letters = found.view(np.uint8).reshape(-1, width)
            letters *= np.arange(width, dtype=np.uint8) < lengths.astype(np.uint8)[:, None]
        return found


def _columns(columns: _Columns, n: int) -> tuple[dict[str, Any], tuple[bytes, ...]]:
    def numbers(name: str, usual: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        cells = columns.cells(name)
        if cells is None and usual is None:
            raise Misfit
        return usual if cells is None else numbers_of(cells)  # type: ignore[return-value]  # one of them is there

    named, loss = columns.layout.names, numbers("loss")
    steps = numbers("steps", numbers("total", np.ones(n))) if "steps" not in named else numbers("steps")
    status, judged, stage = (columns.cells(name) for name in ("status", "validated", "stage"))
    ended = np.where(np.isfinite(loss), STATUSES.index("done"), STATUSES.index("failed"))
    found: dict[str, Any] = {"lr": numbers("lr"), "loss": loss}
    whole = {"seed": numbers("seed", np.zeros(n)), "steps": steps, "total": numbers("total", steps)}
    found |= {name: column.astype(np.int64) for name, column in whole.items()}
    found["status"] = (ended if status is None else statuses_of(status)).astype(np.int8)
    found["validated"] = np.zeros(n, bool) if judged is None else judged == b"true"
    codes = {b'""': 0} if stage is None else {}
    found["stage"] = (np.zeros(n) if stage is None else stages_of(stage, codes)).astype(np.int16)
    return found, tuple(codes)
