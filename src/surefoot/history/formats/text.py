"""The text of a source: decoded, and its lines."""

from __future__ import annotations

import codecs

from surefoot.errors import FormatError
from surefoot.history.formats.table import Source

# A line of a log is short; what is longer is data, and is not searched.
LONGEST = 1 << 20


def is_binary(source: Source) -> bool:
    """Return whether a source holds bytes that no text has; zeros at its end are what a power cut leaves."""
    return b"\0" in source.head.rstrip(b"\0")


def head_text(source: Source) -> str:
    """Return the beginning of a source as text; empty if it is binary, or a folder."""
    return "" if is_binary(source) else _decoded(source.head).lstrip("\r\n ")


def whole_text(source: Source) -> str:
    """Return all of a source as text; undecodable bytes are replaced. FormatError if it is binary."""
    if is_binary(source):
        raise FormatError(f"{source.name} is binary, and no kind of log that surefoot knows.")
    return _decoded(source.read())


def utf8(source: Source) -> bytes:
    """Return all of a source as UTF-8 with line feeds. FormatError if it is binary."""
    if is_binary(source):
        raise FormatError(f"{source.name} is binary, and no kind of log that surefoot knows.")
    data = source.read().removeprefix(codecs.BOM_UTF8).rstrip(b"\0")
    return data.replace(b"\r\n", b"\n") if b"\r" in data else data


def lines(source: Source) -> list[str]:
    """Return the lines of a source without their ends; a carriage return ends one too, as progress bars use it."""
    text = whole_text(source).replace("\r\n", "\n").replace("\r", "\n")
    return [line for line in text.split("\n") if len(line) <= LONGEST]


def head_lines(source: Source) -> list[str]:
    """Return the whole lines of a source's beginning that hold something."""
    text = head_text(source)
    cut = len(source.head) >= 1 << 16
    found = text.splitlines()
    return [line for line in (found[:-1] if cut and len(found) > 1 else found) if line.strip()]


def _decoded(data: bytes) -> str:
    return data.rstrip(b"\0").decode("utf-8-sig", errors="replace")
