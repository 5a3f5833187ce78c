"""What transformers prints: ``{'loss': 2.1, 'learning_rate': 1e-05, 'epoch': 0.1}`` among other lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from surefoot.errors import FormatError
from surefoot.history.formats import rows
from surefoot.history.formats.table import Format, Source, Table
from surefoot.history.formats.text import is_binary, lines, whole_text
from surefoot.history.origin import Fact

_DICT = re.compile(r"\{'[^{}\n]{1,4000}\}")
_PAIR = re.compile(r"'([^'\n]{1,200})': '?([^,'{}\n]{1,60})")
_BAR = re.compile(r"(?<!\d)(\d{1,12})/(\d{1,12}) \[")
_KEYS = re.compile(r"\{'[^{}\n]{0,2000}loss'")


def _fits(source: Source) -> bool:
    return b"loss'" in source.read() and not is_binary(source) and bool(_KEYS.search(whole_text(source)))


def _tables(source: Source) -> tuple[Table, ...]:
    text = lines(source)
    total = max((int(bar[1]) for line in text for bar in _BAR.findall(line[:1000])), default=0)
    said = list(_rows(text, total))
    if not said:
        raise FormatError(f"{source.name} holds no reading: no whole line of losses.")
    if not all("step" in row for row in said):
        said = [{name: value for name, value in row.items() if name != "step"} for row in said]
        total = 0
    facts: dict[str, Fact] = {"nan_filter": "default", **({"total": float(total)} if total else {})}
    return (rows.table(said, facts=facts),)


def _rows(text: list[str], total: int) -> Iterator[dict[str, Any]]:
    step = -1
    for line in text:
        # An evaluation has a progress bar of its own: that of the training is the longest.
        bars = [int(at) for at, length in _BAR.findall(line[:1000]) if int(length) == total]
        step = bars[-1] if bars else step
        for found in _DICT.findall(line):
            row: dict[str, Any] = dict(_PAIR.findall(found))
            if row:
                yield {"step": step, **row} if step >= 0 else row


FORMAT = Format("transformers output", _fits, _tables)
