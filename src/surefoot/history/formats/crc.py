"""CRC-32C of many records at once: the checksum is linear, so only the bytes that differ need a table each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
Bytes = NDArray[np.uint8]

_CASTAGNOLI = 0x82F63B78
_FEW = 1_000
_MASK = np.uint32(0xA282EAD8)


def tables(longest: int) -> Words:
    """Return, uint32 of shape [longest + 1, 256], what each byte adds to a checksum d bytes before the end.

    The checksum of x is that of as many zeros, xor the sum (xor) of tables(n)[n - 1 - p, x[p]] over the places p.
    """
    first = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        first = (first >> np.uint32(1)) ^ (first & np.uint32(1)) * np.uint32(_CASTAGNOLI)
    found = np.empty((longest + 1, 256), dtype=np.uint32)
    found[0] = first
    for d in range(longest):
        found[d + 1] = first[found[d] & 255] ^ (found[d] >> 8)
    return found


def checksums(rows: Bytes, same: NDArray[np.bool_], table: Words) -> Words:
    """Return, uint32 of shape [rows], the masked checksum of each of ``rows`` (uint8, [rows, bytes >= 4]).

    ``same`` says which bytes are alike in all rows. The mask is that of TFRecord: rotated right by 15, plus a constant.

    >>> row = np.frombuffer(b"123456789", np.uint8)[None]
    >>> hex(unmasked(checksums(row, np.ones(9, dtype=bool), tables(9)))[0])
    '0xe3069283'
    """
    size = rows.shape[1]
    distance = np.arange(size - 1, -1, -1)
    alike = np.bitwise_xor.reduce(table[distance[same], rows[0, same]], initial=np.uint32(0))
    # The checksum begins with a register of ones, which is the same as flipping the first four bytes.
    begun = np.bitwise_xor.reduce(table[distance[:4], 255])
    found = np.full(len(rows), alike ^ begun ^ np.uint32(0xFFFFFFFF), dtype=np.uint32)
    free = np.flatnonzero(~same)
    if len(rows) < _FEW:
        found ^= np.bitwise_xor.reduce(table[distance[free], rows[:, free]], axis=1, initial=np.uint32(0))
    else:
        for place in free:
            found ^= table[size - 1 - place][rows[:, place]]
    return _turned(found, 15) + _MASK


def unmasked(masked: Words) -> Words:
    """Return the checksums without their mask."""
    return _turned(masked - _MASK, 17)


def _turned(words: Words, bits: int) -> Words:
    return (words >> np.uint32(bits)) | (words << np.uint32(32 - bits))
