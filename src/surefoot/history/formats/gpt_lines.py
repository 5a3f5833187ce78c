"""The text logs of nanoGPT, llm.c and modded-nanogpt."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from surefoot.errors import FormatError
from surefoot.history.formats import rows
from surefoot.history.formats.table import Format, Source, Table
from surefoot.history.formats.text import is_binary, lines, whole_text

Row = dict[str, Any]
Parse = Callable[[Iterable[str]], Iterator[Row]]
_NUMBER = r"([-+.\w]{1,40})"
_MAIN = re.compile(r"^s:(\d{1,15})((?: [a-z]{2,5}:\S{1,40})+)\s*$", re.MULTILINE)
_CONSOLE = re.compile(r"^step\s{1,12}(\d{1,15})/(\d{1,15})\s?[|:] (?=.{0,20}loss )(.{0,400})$", re.MULTILINE)
_CONSOLE_FIELD = re.compile(rf"(?:^|[|( ])\s?(train loss|val loss|loss|norm|lr) {_NUMBER}")
_JUDGED = re.compile(rf"^val loss:? {_NUMBER}\s*$")
_MODDED = re.compile(r"^step:(\d{1,15})/(\d{1,15}) (.{0,400})$", re.MULTILINE)
_MODDED_FIELD = re.compile(r"(\w{1,40}):([-+.\w]{1,40})")
_NANO_STEP = re.compile(rf"^step (\d{{1,15}}): train loss {_NUMBER}, val loss {_NUMBER}", re.MULTILINE)
_NANO_ITER = re.compile(rf"^iter (\d{{1,15}}): loss {_NUMBER},", re.MULTILINE)
_NAMES = {"trl": "train loss", "tel": "val loss", "eval": "val accuracy", "lr": "lr", "norm": "grad norm"}


def _main(text: Iterable[str]) -> Iterator[Row]:
    for line in text:
        if found := _MAIN.match(line):
            pairs = (pair.split(":", 1) for pair in found[2].split())
            yield {"step": found[1], **{_NAMES[name]: value for name, value in pairs if name in _NAMES}}


def _console(text: Iterable[str]) -> Iterator[Row]:
    step = "0"
    for line in text:
        if found := _CONSOLE.match(line):
            step = found[1]
            pairs = _CONSOLE_FIELD.findall(found[3])
            yield {"step": step, "total": found[2], **{_full(name): value for name, value in pairs}}
        elif judged := _JUDGED.match(line):
            yield {"step": step, "val loss": judged[1]}


def _full(name: str) -> str:
    return {"loss": "train loss", "norm": "grad norm"}.get(name, name)


def _modded(text: Iterable[str]) -> Iterator[Row]:
    for line in text:
        found = _MODDED.match(line)
        if found and "loss:" in found[3]:
            fields = [pair for pair in _MODDED_FIELD.findall(found[3]) if not pair[1].endswith("ms")]
            yield {"step": found[1], "total": found[2], **dict(fields)}


def _nano(text: Iterable[str]) -> Iterator[Row]:
    for line in text:
        if found := _NANO_STEP.match(line):
            yield {"step": found[1], "train loss": found[2], "val loss": found[3]}
        elif found := _NANO_ITER.match(line):
            yield {"step": found[1], "loss": found[2]}


def _format(name: str, words: bytes, anchors: tuple[re.Pattern[str], ...], parse: Parse) -> Format:
    def fits(source: Source) -> bool:
        # The anchors may stand below a whole script; looking for plain words first is many times as fast.
        if is_binary(source) or words not in source.read():
            return False
        text = whole_text(source)
        return any(anchor.search(text) for anchor in anchors)

    def tables(source: Source) -> tuple[Table, ...]:
        said = list(parse(lines(source)))
        totals = [float(row.pop("total")) for row in said if "total" in row]
        if not said:
            raise FormatError(f"{source.name} holds no reading: no whole line of {name}.")
        return (rows.table(said, facts={"total": totals[-1]} if totals else {}),)

    return Format(name, fits, tables)


LLMC = _format("llm.c main.log", b"s:", (_MAIN,), _main)
LLMC_CONSOLE = _format("llm.c console", b"loss ", (_CONSOLE,), _console)
MODDED = _format("modded-nanogpt text", b"step:", (_MODDED,), _modded)
NANOGPT = _format("nanoGPT text", b"loss ", (_NANO_STEP, _NANO_ITER), _nano)
