"""The wire format of protocol buffers: the fields of a message as places in its bytes, without any schema."""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_SIZE = {FIXED64: 8, FIXED32: 4}

Field = tuple[int, int, int, int]


def fields(data: bytes, start: int = 0, stop: int | None = None) -> Iterator[Field]:
    r"""Yield (number, kind, start, stop) of each field in ``data[start:stop]``; ValueError where it is no message.

    Source: the encoding page of the documentation of protocol buffers.

    >>> list(fields(b"\x10\x96\x01\x0a\x02ok"))
    [(2, 0, 1, 3), (1, 2, 5, 7)]
    """
    at, end = start, len(data) if stop is None else stop
    while at < end:
        key, at = varint(data, at, end)
        kind = key & 7
        if kind == VARINT:
            after = varint(data, at, end)[1]
        elif kind == BYTES:
            size, at = varint(data, at, end)
            after = at + size
        else:
            after = at + _SIZE.get(kind, end)
        if after > end:
            raise ValueError("a field reaches past the end of its message")
        yield key >> 3, kind, at, after
        at = after


def varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    r"""Return the number of seven bits a byte at ``data[at]``, and the place after it; ValueError if it has no end.

    >>> varint(b"\x96\x01", 0, 2)
    (150, 2)
    """
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            raise ValueError("a number ends early")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & 0xFFFFFFFFFFFFFFFF, at
    raise ValueError("a number has more than 64 bits")


def signed(value: int) -> int:
    """Return the int64 that the unsigned ``value`` stands for.

    >>> signed(2**64 - 1)
    -1
    """
    return value - (1 << 64) if value >> 63 else value
