"""Megatron's text log: lines with ``iteration N/ M`` and bars between the fields."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from surefoot.errors import FormatError
from surefoot.history.formats import rows
from surefoot.history.formats.cells import number
from surefoot.history.formats.table import Format, Source, Table
from surefoot.history.formats.text import head_lines, lines, whole_text
from surefoot.history.names import listed

_LINE = re.compile(r"(?:^|[\s\]])iteration\s{1,20}(\d{1,15})/\s{0,20}(\d{1,15})\s{0,20}\|")
_JUDGED = re.compile(r"validation loss at (?:iteration\s{1,5})?(\d{1,15})\b[^|]*\|")
_SKIPPED = "number of skipped iterations"
_UNITS = re.compile(r"\s*\([^()]{0,20}\)\s*\Z")


def _fits(source: Source) -> bool:
    return any(map(_LINE.search, head_lines(source))) or _is_further_down(source)


def _is_further_down(source: Source) -> bool:
    # Arguments and start-up messages can fill more than the head.
    return b"global batch size" in source.head and bool(_LINE.search(whole_text(source)))


def _tables(source: Source) -> tuple[Table, ...]:
    totals: set[float] = set()
    said = [row for line in lines(source) for row in _rows(line, totals)]
    if not said:
        raise FormatError(f"{source.name} holds no reading: no whole line of iterations.")
    losses = list(dict.fromkeys(name for row in said for name in row if _is_loss(name)))
    notes = [_vanished(row["iteration"], losses[0]) for row in said if losses and _lose(row, losses[0])]
    facts = {"total": max(totals)} if totals else {}
    return (rows.table(said, facts=facts, notes=notes[:3]),)


def _rows(line: str, totals: set[float]) -> Iterator[dict[str, Any]]:
    found = _LINE.search(line)
    judged = None if found else _JUDGED.search(line)
    if found and line.rstrip().endswith("|"):
        totals.add(float(found[2]))
        yield {"iteration": float(found[1]), **_fields(line[found.end() :])}
    elif judged:
        fields = _fields(line[judged.end() :])
        losses = {f"validation {name.removesuffix(' value')}": value for name, value in fields.items()}
        yield {"iteration": float(judged[1]), **losses}


def _fields(text: str) -> dict[str, Any]:
    pairs = [field.rpartition(":") for field in text.split("|")]
    return {_UNITS.sub("", name.strip()): value for name, mark, value in pairs if mark and len(name) < 100}


def _is_loss(name: str) -> bool:
    return name.endswith("loss") and not name.startswith("validation")


def _lose(row: dict[str, Any], loss: str) -> bool:
    """Put back a loss that the logger dropped because it was NaN; return whether it did."""
    if loss in row or any(name.startswith("validation") for name in row):
        return False
    skipped = number(row.get(_SKIPPED))
    # When every update since the last line was skipped there is no loss to print, which is no NaN.
    if isinstance(skipped, float) and skipped > 0:
        return False
    row[loss] = math.nan
    return True


def _vanished(step: float, loss: str) -> str:
    name = listed([loss])
    return f"{name} is missing at iteration {step:.0f}: the logger leaves it out when it is NaN, so it counts as NaN."


FORMAT = Format("Megatron text", _fits, _tables)
