"""What transformers prints: ``{'loss': 2.1, 'learning_rate': 1e-05, 'epoch': 0.1}`` among other lines."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from surefoot.errors import FormatError
from surefoot.history.formats import rows
from surefoot.history.formats.table import Format, Source, Table
from surefoot.history.formats.text import is_binary, lines, whole_text
from surefoot.history.origin import Fact

_DICT = re.compile(r"\{'[^{}\n]{1,4000}\}")
_PAIR = re.compile(r"'([^'\n]{1,200})': '?([^,'{}\n]{1,60})")
_BAR = re.compile(r"(?<!\d)(\d{1,12})/(\d{1,12}) \[")
_NEAR = 400
Said = tuple[dict[str, str], tuple[int, int] | None]
_KEYS = re.compile(r"\{'[^{}\n]{0,2000}loss'")


def _fits(source: Source) -> bool:
    return b"loss'" in source.read() and not is_binary(source) and bool(_KEYS.search(whole_text(source)))


def _tables(source: Source) -> tuple[Table, ...]:
    said = list(_rows(lines(source)))
    if not said:
        raise FormatError(f"{source.name} holds no reading: no whole line of losses.")
    facts: dict[str, Fact] = {"nan_filter": "default"}
    lengths = Counter(bar[1] for row, bar in said if bar and "loss" in row)
    total = lengths.most_common(1)[0][0] if lengths else -1
    steps = _steps(said, total)
    if all(step >= 0 for step in steps):
        facts["total"] = float(total)
        return (rows.table([{"step": step, **row} for step, (row, _) in zip(steps, said, strict=True)], facts=facts),)
    return (rows.table([row for row, _ in said], facts=facts),)


def _steps(said: list[Said], total: int) -> list[int]:
    """Return the position of the training's progress bar at each row: loading and evaluating have bars of their own."""
    steps, step = [], -1
    for _, bar in said:
        step = bar[0] if bar and bar[1] == total else step
        steps.append(step)
    return steps


def _rows(text: list[str]) -> Iterator[Said]:
    bar: tuple[int, int] | None = None
    for line in text:
        end = 0
        for found in _DICT.finditer(line):
            bar = _last_bar(line[max(end, found.start() - _NEAR) : found.start()]) or bar
            end = found.end()
            row = dict(_PAIR.findall(found[0]))
            if row:
                yield row, bar
        bar = _last_bar(line[max(end, len(line) - _NEAR) :]) or bar


def _last_bar(text: str) -> tuple[int, int] | None:
    bars = _BAR.findall(text)
    return (int(bars[-1][0]), int(bars[-1][1])) if bars else None


FORMAT = Format("transformers output", _fits, _tables)
