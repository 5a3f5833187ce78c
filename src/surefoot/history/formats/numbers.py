"""Typed numbers: losses alone, or pairs of step and loss, with spaces, commas or line ends between them."""

from __future__ import annotations

import re

import numpy as np

from surefoot.errors import FormatError
from surefoot.history.formats.cells import number
from surefoot.history.formats.table import Format, Source, Table
from surefoot.history.formats.text import head_text, whole_text

_BETWEEN = re.compile(r"[\s,;]+")
_LONGEST = 400


def _fits(source: Source) -> bool:
    tokens = _tokens(head_text(source))
    if len(source.head) >= 1 << 16:
        tokens = tokens[:-1]
    return bool(tokens) and all(map(_is_number, tokens[_titles(tokens) :])) and len(tokens) > _titles(tokens)


def _titles(tokens: list[str]) -> int:
    return 1 if tokens and re.fullmatch(r"[A-Za-z][\w/.-]{0,99}", tokens[0]) and not _is_number(tokens[0]) else 0


def _tokens(text: str) -> list[str]:
    return [token for token in _BETWEEN.split(text.strip().strip("[]()")) if token]


def _is_number(token: str) -> bool:
    return len(token) < _LONGEST and isinstance(number(token), float)


def _tables(source: Source) -> tuple[Table, ...]:
    text = whole_text(source)
    tokens = _tokens(text)
    title = tokens[0] if _titles(tokens) else "loss"
    values = [number(token) for token in tokens[_titles(tokens) :]]
    if not all(isinstance(value, float) for value in values):
        raise FormatError(f"{source.name} holds numbers and then something else: give numbers only, or a header.")
    found = np.array(values, dtype=np.float64)
    if title == "loss" and _is_paired(text, found):
        return (Table({"step": found[::2], "loss": found[1::2]}, notes=("Read as pairs of a step and a loss.",)),)
    return (Table({title: found}, notes=(f"Read as {len(found)} losses, one an update, in the order given.",)),)


def _is_paired(text: str, found: np.ndarray) -> bool:
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2 or any(len(_tokens(line)) != 2 for line in lines):
        return False
    steps = found[::2]
    return bool(np.all(np.floor(steps) == steps) and np.all(np.diff(steps) > 0))


FORMAT = Format("numbers", _fits, _tables)
