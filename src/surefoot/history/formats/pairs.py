"""Any text log whose lines name their numbers: ``Epoch 3 loss=0.52 lr: 1e-3``, ``[12/100] val loss 0.3``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from surefoot.errors import FormatError
from surefoot.history.formats import rows
from surefoot.history.formats.table import Format, Source, Table
from surefoot.history.formats.text import is_binary, lines
from surefoot.history.names import Name, domain
from surefoot.history.rules import score

_LONGEST = 4_000
_CLOCK = re.compile(r"\d{4}-\d\d-\d\d(?:T(?=\d))?|\b\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d{1,9})?(?![\d:])|\x1b\[[\d;]{0,20}m")
_NUMBER = re.compile(
    r"(?<![\w.@])[-+]?(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][-+]?\d++)?(?!\w|\.\d)|(?<![\w.@])[-+]?(?:nan|inf|infinity)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[A-Za-z_][\w/.@-]*")
_QUALIFIERS = frozenset(
    {"learning", "grad", "gradient", "total", "average", "avg", "mean", "lm", "global", "loss", "running", "set"}
)
_LOSSES = ("loss", "val_loss", "test_loss")
_GAP, _WORDS = 200, 6
_FEWEST = 2


def _fits(source: Source) -> bool:
    if is_binary(source) or b"loss" not in source.read().lower():
        return False
    said = (row for line in lines(source) if "loss" in line.lower() for row in [_row(line)] if _speaks(row))
    return sum(1 for _, _ in zip(range(_FEWEST), said, strict=False)) == _FEWEST


def _tables(source: Source) -> tuple[Table, ...]:
    said = list(_rows(lines(source)))
    if not said:
        raise FormatError(f"{source.name} holds no reading: no line that names a loss and its number.")
    return (rows.table(said),)


def _rows(text: list[str]) -> Iterator[dict[str, Any]]:
    epoch: dict[str, str] = {}
    for line in text:
        row = _row(line) if len(line) <= _LONGEST else {}
        named = {name: value for name, value in row.items() if _is_epoch(name)}
        epoch = named or epoch
        if _speaks(row):
            yield epoch | row


def _speaks(row: dict[str, str]) -> bool:
    return any(map(_is_loss, row))


# A log repeats a few names on every line.
@lru_cache(maxsize=4096)
def _is_loss(name: str) -> bool:
    return any(score(Name.of(name), role) for role in _LOSSES)


@lru_cache(maxsize=4096)
def _is_epoch(name: str) -> bool:
    return bool(score(Name.of(name), "epoch"))


def _row(line: str) -> dict[str, str]:
    """Return the numbers of a line by name; a name holds on to the part of the data that was named before it.

    >>> _row("12:30:01 Epoch 3/9 train loss 0.5 acc=91% | val loss: nan acc 0.9, 12ms")
    {'epoch': '3', 'train loss': '0.5', 'train acc': '91', 'val loss': 'nan', 'val acc': '0.9'}
    """
    text = _CLOCK.sub(" ", line[:_LONGEST])
    row: dict[str, str] = {}
    end, part = 0, ""
    for found in _NUMBER.finditer(text):
        gap = text[max(end, found.start() - _GAP) : found.start()]
        words = _WORD.findall(gap)
        part = next((named for named in map(domain, reversed(words)) if named), part) if words else part
        name = _name(tuple(words[-_WORDS:]), part)
        if (not words or gap.rstrip().endswith("|")) and text[found.end() : found.end() + 1] == "/":
            name = "iter"
        if name and gap.strip() != "/":
            row.setdefault(name, found[0])
        end = found.end()
    return row


@lru_cache(maxsize=4096)
def _name(words: tuple[str, ...], part: str) -> str:
    own = [word for word in words if not domain(word)]
    if not own:
        return ""
    begin = len(own) - 1
    while begin > 0 and own[begin - 1].lower() in _QUALIFIERS:
        begin -= 1
    name = " ".join(own[begin:]).lower()
    parts = Name.of(name)
    plain = not part or parts.domain or any(score(parts, role) for role in ("epoch", "step", "lr", "grad_norm"))
    return name if plain else f"{part} {name}"


FORMAT = Format("text with named numbers", _fits, _tables)
