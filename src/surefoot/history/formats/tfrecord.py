"""TFRecord framing: the places of the records in a file, from their lengths and the checksums of those."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.history.formats.crc import Bytes, Words, checksums, tables

HEAD, TAIL = 12, 4


@dataclass(frozen=True)
class Frames:
    """Records of a file: data ``start`` and ``size`` in bytes (int64 of shape [records]), and what was wrong."""

    start: NDArray[np.int64]
    size: NDArray[np.int64]
    notes: tuple[str, ...] = ()


def frames(data: bytes) -> Frames:
    """Return the whole records of ``data``; what follows the first broken length cannot be found and is left out.

    A record is its length (uint64), the masked CRC-32C of the length, the data, and the masked CRC-32C of the data,
    little-endian; all lengths are checked here, the data by whom it concerns.
    """
    table = tables(8)
    begin = _walk(data)
    size = np.diff(begin) - HEAD - TAIL
    good = _sound(data, begin[:-1], table)
    whole = len(good) if good.all() else int(good.argmin())
    rest = int(begin[whole])
    notes = () if rest == len(data) else (_said(data, rest, whole, table),)
    return Frames(begin[:whole] + HEAD, size[:whole], notes)


def _walk(data: bytes) -> NDArray[np.int64]:
    length = struct.Struct("<Q").unpack_from
    at, last, begin = 0, len(data) - HEAD - TAIL, [0]
    while at <= last:
        at += length(data, at)[0] + HEAD + TAIL
        begin.append(at)
    if at > len(data):
        begin.pop()
    return np.array(begin, dtype=np.int64)


def _sound(data: bytes, begin: NDArray[np.int64], table: Words) -> NDArray[np.bool_]:
    if not len(begin):
        return np.ones(0, dtype=bool)
    heads = np.ndarray((len(data) - HEAD + 1,), dtype=f"V{HEAD}", buffer=data, strides=(1,))[begin]
    return _checked(heads.view(np.uint8).reshape(-1, HEAD), table)


def _checked(heads: Bytes, table: Words) -> NDArray[np.bool_]:
    stored = np.ascontiguousarray(heads[:, 8:]).view("<u4")[:, 0]
    sound: NDArray[np.bool_] = checksums(heads[:, :8], np.zeros(8, dtype=bool), table) == stored
    return sound


def _said(data: bytes, rest: int, whole: int, table: Words) -> str:
    head = np.frombuffer(data[rest : rest + HEAD], np.uint8)
    if len(head) < HEAD or _checked(head[None], table)[0]:
        return f"the last record is cut short and left out ({whole} are whole)."
    return f"what follows record {whole} is damaged and left out."
