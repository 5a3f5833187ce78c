"""TFRecord framing: the places of the records in a file, from their lengths and the checksums of those."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.history.formats.crc import Bytes, Words, checksums, tables

HEAD, TAIL = 12, 4
_MANY = 100_000


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
    parts, at, whole = [], 0, _MANY
    while whole == _MANY:
        begin = _walk(data, at)
        good = _sound(data, begin[:-1], table)
        whole = len(good) if good.all() else int(good.argmin())
        parts.append(begin[:whole])
        at = int(begin[whole])
    start = np.concatenate(parts)
    size = np.diff(start, append=at) - HEAD - TAIL
    return Frames(start + HEAD, size, () if at == len(data) else (_said(data, at, len(start), table),))


def _walk(data: bytes, at: int) -> NDArray[np.int64]:
    """Return where the next records begin, and where the last of them ends."""
    length = struct.Struct("<Q").unpack_from
    last, begin = len(data) - HEAD - TAIL, [at]
    while at <= last and len(begin) <= _MANY:
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
