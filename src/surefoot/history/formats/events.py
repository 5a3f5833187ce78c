"""The scalars of TensorBoard event records, decoded many at a time: records of one tag differ in few bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from surefoot.history.columns import Mask
from surefoot.history.formats.crc import Bytes, Words, checksums, tables
from surefoot.history.formats.layout import Layout, layout
from surefoot.history.formats.points import Points
from surefoot.history.formats.tfrecord import TAIL, Frames, frames

Index = NDArray[np.int64]

# Longer records are pictures and histograms: scalars in them are read, their checksum is not.
_LONGEST = 4096
_TRIES = 8
# No run has more tags than this; a broken file can have one a record.
_TAGS = 20_000


@dataclass(frozen=True)
class _Batch:
    """Records of one ``size`` in bytes: their numbers, and uint8 rows that are padded behind their checksum."""

    rows: Bytes
    records: Index
    size: int

    def only(self, which: Mask | Index) -> _Batch:
        return _Batch(self.rows[which], self.records[which], self.size)


@dataclass(frozen=True)
class _Part:
    """Some records that hold the same tags: ``values`` is float64 of shape [records, tags]."""

    records: Index
    tags: tuple[str, ...]
    step: Index
    time: NDArray[np.float64]
    values: NDArray[np.float64]


@dataclass
class _Found:
    """What the pass over a file gathers."""

    parts: list[_Part] = field(default_factory=list)
    damaged: int = 0
    cells: int = 0
    left: int = 0
    others: dict[str, None] = field(default_factory=dict)


def points(data: bytes) -> Points:
    """Return the scalars of an event file in the order of its records.

    The checksum of every length is verified, and that of the data of every record up to 4,096 bytes; a record that
    fails it, or is no event, is left out and counted in the notes.
    """
    found = _Found()
    framed = frames(data)
    table = tables(min(int(framed.size.max(initial=0)), _LONGEST))
    padded = np.frombuffer(data + bytes(16), dtype=np.uint8)
    for batch in _alike(framed, padded):
        _decode(batch, table, found)
    return _points(found, len(framed.start), framed.notes)


def _alike(framed: Frames, padded: Bytes) -> Iterator[_Batch]:
    """Yield the records of each size, in their order."""
    size = framed.size
    order = np.argsort(size.astype(np.uint16) if size.max(initial=0) < 1 << 16 else size, kind="stable")
    ends = np.flatnonzero(np.diff(size[order], append=-1)) + 1
    for start, stop in pairwise([0, *ends.tolist()]):
        records, wide = order[start:stop], -(-(int(size[order[start]]) + TAIL) // 8) * 8
        window = np.ndarray((len(padded) - wide + 1,), dtype=f"V{wide}", buffer=padded, strides=(1,))
        rows = window[framed.start[records]].view(np.uint8).reshape(-1, wide)
        yield _Batch(rows, records, int(size[order[start]]))


def _decode(batch: _Batch, table: Words, found: _Found) -> None:
    """Decode records of one size: those like the first at once, then those like the first of the rest, and so on."""
    vain = 0
    while len(batch.rows) and vain < _TRIES:
        shape = _shape(batch)
        same = _matches(batch, shape) if shape.cells else np.arange(len(batch.rows)) == 0
        _take(_checked(batch.only(same), ~shape.free(batch.size), table, found), shape, found)
        vain = vain + 1 if np.count_nonzero(same) < _TRIES else 0
        batch = batch.only(~same)
    batch = _checked(batch, np.zeros(batch.size, dtype=bool), table, found) if len(batch.rows) else batch
    shapes: dict[Layout, list[int]] = {}
    for k in range(len(batch.rows)):
        shapes.setdefault(_shape(batch, k), []).append(k)
    for shape, which in shapes.items():
        _take(batch.only(np.array(which)), shape, found)


def _shape(batch: _Batch, k: int = 0) -> Layout:
    try:
        return layout(batch.rows[k, : batch.size].tobytes())
    except ValueError:
        return Layout(broken=True)


def _matches(batch: _Batch, shape: Layout) -> Mask:
    """Return which records are like the first in every byte but those of time, step and values."""
    mask = np.zeros(batch.rows.shape[1], dtype=np.uint8)
    mask[: batch.size] = np.where(shape.free(batch.size), 0, 255)
    mask[slice(*shape.step)] = 128
    words, masks = batch.rows.view(np.uint64), mask.view(np.uint64)
    wrong = np.zeros(len(words), dtype=np.uint64)
    for k in np.flatnonzero(masks):
        wrong |= (words[:, k] ^ words[0, k]) & masks[k]
    same: Mask = wrong == 0
    return same


def _checked(batch: _Batch, alike: Mask, table: Words, found: _Found) -> _Batch:
    """Return the records whose checksum is right; ``alike`` are the bytes in which they do not differ."""
    if batch.size > _LONGEST:
        return batch
    stored = np.ascontiguousarray(batch.rows[:, batch.size : batch.size + TAIL]).view("<u4")[:, 0]
    sound: Mask = checksums(batch.rows[:, : batch.size], alike, table) == stored
    found.damaged += int(np.count_nonzero(~sound))
    return batch if sound.all() else batch.only(sound)


def _take(batch: _Batch, shape: Layout, found: _Found) -> None:
    """Decode sound records that all have one layout."""
    if shape.broken:
        found.damaged += len(batch.rows)
        return
    found.others |= dict.fromkeys(shape.others[:_TAGS] if len(found.others) < _TAGS else ())
    if not shape.cells or not len(batch.rows):
        return
    found.cells += len(shape.cells)
    if found.cells > _TAGS:
        found.left += len(batch.rows)
        return
    values = np.stack([cell.read(batch.rows) for cell in shape.cells], axis=1)
    tags = tuple(cell.tag for cell in shape.cells)
    found.parts.append(_Part(batch.records, tags, shape.steps(batch.rows), shape.times(batch.rows), values))


def _points(found: _Found, records: int, notes: tuple[str, ...]) -> Points:
    width = np.zeros(records, dtype=np.int64)
    for part in found.parts:
        width[part.records] = len(part.tags)
    place = np.cumsum(width) - width
    total = int(width.sum())
    which, step = np.empty(total, np.int64), np.empty(total, np.int64)
    value, time = np.empty(total), np.empty(total)
    tags: dict[str, int] = {}
    for part in sorted(found.parts, key=lambda part: int(part.records[0])):
        for k, tag in enumerate(part.tags):
            at = place[part.records] + k
            which[at] = tags.setdefault(tag, len(tags))
            value[at], step[at], time[at] = part.values[:, k], part.step, part.time
    if found.damaged:
        notes = (*notes, f"{found.damaged} of {records} records are damaged and left out.")
    if found.left:
        notes = (*notes, f"more than {_TAGS:,} tags: {found.left} records are left out.")
    others = tuple(tag for tag in found.others if tag not in tags)
    return Points(tuple(tags), which, step, value, time, notes, others)
