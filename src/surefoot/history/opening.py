"""Opening a log: a file, a gzip'd file, a folder or standard input as one Source, with its size bounded."""

from __future__ import annotations

import codecs
import gzip
import io
import os
import stat
import sys
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import IO, Any

from surefoot.errors import ArgumentError, FormatError, kind
from surefoot.history.formats.table import Source

HEAD = 1 << 16
_LIMIT = 2 << 30
_BLOCK = 1 << 20
_GZIP = b"\x1f\x8b"
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# A text log shrinks 3 to 30 times; zlib's limit is 1,032.
_RATIO, _FREE = 200, 64 << 20


def opened(path: str | os.PathLike[str] | IO[Any]) -> Source:
    """Return the source at ``path``: a file, a folder, "-" for standard input, or an open file.

    ArgumentError if there is nothing to read; FormatError for a device, or for more than 2 GB of text.
    """
    if hasattr(path, "read"):
        return _stream(path)
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentError(f"path={path!r} is {kind(path)}: it must be a path, '-' for standard input, or a file.")
    if str(path) == "-":
        return _stream(sys.stdin.buffer)
    try:
        found = Path(path)
        mode = found.stat().st_mode
        return _folder(found) if stat.S_ISDIR(mode) else _file(found, mode)
    except (OSError, ValueError) as error:
        if isinstance(error, FormatError):
            raise
        raise ArgumentError(f"path={str(path)!r} cannot be read ({_reason(error)}).") from error


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _folder(path: Path) -> Source:
    next(path.iterdir(), None)
    return Source(path.name, b"", path, lambda: b"")


def _file(path: Path, mode: int) -> Source:
    if not stat.S_ISREG(mode):
        raise FormatError(f"{path.name} is no ordinary file: pipe what it says into '-' instead.")
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head.startswith(_GZIP):
        with path.open("rb") as file:
            return _held(path.name, _unpacked(file, path.name), path)
    if head.startswith(_WIDE):
        return _held(path.name, _content(path), path)
    return Source(path.name, head, path, cache(lambda: _content(path)))


def _content(path: Path) -> bytes:
    try:
        if path.stat().st_size > _LIMIT:
            raise FormatError(f"{path.name} is larger than 2 GB: cut out the part to look at.")
        return path.read_bytes()
    except OSError as error:
        raise ArgumentError(f"path={str(path)!r} cannot be read ({_reason(error)}).") from error


def _stream(stream: Any) -> Source:
    name = str(getattr(stream, "name", "")) or "standard input"
    name = "standard input" if name == "<stdin>" else Path(name).name
    blocks: list[bytes] = []
    size = 0
    try:
        while block := stream.read(_BLOCK):
            blocks.append(block.encode() if isinstance(block, str) else bytes(block))
            size += len(block)
            if size > _LIMIT:
                raise FormatError(f"{name} holds more than 2 GB: cut out the part to look at.")
    except (OSError, TypeError, UnicodeError) as error:
        raise ArgumentError(f"{name} cannot be read ({_reason(error)}).") from error
    data = b"".join(blocks)
    return _held(name, _unpacked(io.BytesIO(data), name) if data.startswith(_GZIP) else data, None)


def _held(name: str, data: bytes, path: Path | None) -> Source:
    if data.startswith(_WIDE):
        data = data.decode("utf-16", errors="replace").encode(errors="replace")
    return Source(name, data[:HEAD], path, _constant(data))


def _constant(data: bytes) -> Callable[[], bytes]:
    return lambda: data


def _unpacked(file: IO[bytes], name: str) -> bytes:
    blocks: list[bytes] = []
    size = 0
    try:
        with gzip.GzipFile(fileobj=file) as packed:
            while block := packed.read(_BLOCK):
                blocks.append(block)
                size += len(block)
                if size > _LIMIT or size > max(_FREE, _RATIO * file.tell()):
                    raise FormatError(f"{name} unpacks to far more than a log holds: unpack it by hand and look.")
    except (OSError, EOFError, zlib.error) as error:
        raise FormatError(f"{name} is a gzip file that is cut short or broken: unpack what is left of it.") from error
    return b"".join(blocks)
