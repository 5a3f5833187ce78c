"""A Scale written as text: ``batch=256,tokens=1e10,lr=3e-4``."""

from __future__ import annotations

import difflib
import re
from dataclasses import fields
from typing import Any

from surefoot.errors import ArgumentError
from surefoot.laws.scale import Scale

_NUMBER = re.compile(r"([0-9.]+(?:[eE][+-]?[0-9]+)?)([kKMGBT]?)")
_TIMES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "B": 1e9, "T": 1e12}
_WORDS = {"kind", "optimizer"}


def scale_of(text: str, name: str = "scale") -> Scale:
    """Return the Scale that ``text`` writes: names of its fields with values, and commas between.

    Numbers take k, M, G or B, and T; a batch or a noise scale may end in tok, smp or seq. Raises ArgumentError for a
    pair that is none, an unknown field, or the same field twice.

    >>> scale = scale_of("batch=0.5Mtok, tokens=10B, kind=lora")
    >>> scale.batch.amount, scale.tokens, scale.kind
    (500000.0, 10000000000.0, 'lora')
    """
    known = [f.name for f in fields(Scale)]
    found: dict[str, Any] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        field, equals, value = (part.strip() for part in pair.partition("="))
        if not (field and equals and value):
            raise ArgumentError(f"{name}: {pair!r} must be name=value, such as batch=256.")
        if field not in known:
            near = difflib.get_close_matches(field, known, 1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise ArgumentError(f"{name}: {field!r} is unknown{hint}: use {', '.join(known)}.")
        if field in found:
            raise ArgumentError(f"{name}: {field!r} is given twice.")
        found[field] = value if field in _WORDS else _amount(value, field, name)
    if not found:
        raise ArgumentError(f"{name}={text!r} holds nothing: write name=value, such as batch=256,tokens=1e10.")
    return Scale(**found)


def _amount(text: str, field: str, name: str) -> float | str:
    match = _NUMBER.match(text)
    unit = "" if match is None else text[match.end() :]
    try:
        number = float(text) if match is None else float(match[1]) * _TIMES[match[2]]
    except ValueError:
        match, number = None, 0.0
    units = {"", "tok", "smp", "seq"} if field in {"batch", "noise_scale"} else {""}
    if (match is None and not text.startswith("-")) or unit not in units:
        raise ArgumentError(f"{name}: {field}={text!r} must be a number, such as {field}=256 or {field}=1e9.")
    return f"{number!r}{unit}" if unit else number
