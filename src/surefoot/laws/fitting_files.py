"""Sweeps in files for fit_law: CSV tables, and the result.json of ``surefoot sweep`` with its scale beside it."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from surefoot.curve import Curve
from surefoot.errors import ArgumentError, FormatError
from surefoot.laws.scale import Scale
from surefoot.laws.spelling import scale_of
from surefoot.trial import Status, Trial, number


def runs_in(files: Iterable[str | Path]) -> list[Any]:
    """Return what ``fit_law`` takes, from files: ``table.csv``, or ``batch=64,width=128:result.json``.

    A CSV table has a row a run: lr, loss, scale columns (batch, tokens, samples, steps, params, width, depth, ...),
    and seed and status where there are any. A result.json does not know its scale, which is written before it with a
    colon, unless it is of a sweep across scales; its number of updates is known. A scale before a table says what the
    table's columns do not. Raises ArgumentError, FormatError.
    """
    found: list[Any] = []
    for file in files:
        scale, path = _split(str(file))
        found += _table(path, scale) if path.suffix.lower() == ".csv" else _result(path, scale)
    if not found:
        raise ArgumentError("files is empty: give CSV tables, or result.json files with their scales.")
    return found


def _split(text: str) -> tuple[Scale | None, Path]:
    head, colon, tail = text.partition(":")
    if colon and "=" in head and not Path(text).exists():
        return scale_of(head, "--fit"), Path(tail)
    return None, Path(text)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"{path} cannot be read ({error}): give a CSV table or a result.json.") from None


def _table(path: Path, scale: Scale | None) -> list[dict[str, Any]]:
    rows = list(csv.DictReader(_text(path).splitlines()))
    if not rows:
        raise FormatError(f"{path} holds no rows: its first line must name the columns, lr and loss among them.")
    known = {} if scale is None else {name: getattr(scale, name) for name in scale.given}
    return [known | {key.strip(): value for key, value in row.items() if key and value} for row in rows]


def _result(path: Path, scale: Scale | None) -> list[tuple[Scale, Curve]]:
    data = _document(path)
    if "scales" in data:
        return _by_scale(path, data["scales"])
    if scale is None:
        raise ArgumentError(f"{path} does not say at which scale it was swept: write batch=64,width=128:{path}.")
    return [(replace(scale, lr=None), _curve(path, data))]


def _document(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(_text(path))
    except ValueError as error:
        raise FormatError(f"{path} is no result.json of surefoot sweep ({error!r}).") from None
    return data if isinstance(data, dict) else {}


def _by_scale(path: Path, scales: Any) -> list[tuple[Scale, Curve]]:
    """Return the curves of a sweep across scales, which are in the file."""
    try:
        return [(Scale(**one["scale"]), _curve(path, one)) for one in scales]
    except (KeyError, TypeError) as error:
        raise FormatError(f"{path} is no result.json of surefoot sweep ({error!r}).") from None


def _curve(path: Path, data: dict[str, Any]) -> Curve:
    try:
        return Curve(tuple(_trial(row) for row in data["trials"]))
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"{path} is no result.json of surefoot sweep ({error!r}).") from None


def _trial(row: dict[str, Any]) -> Trial:
    loss = number(row["loss"])
    status: Status = row["status"] if math.isfinite(loss) else "failed"
    return Trial(float(row["lr"]), int(row["seed"]), int(row["steps"]), int(row["total"]), loss, status)
