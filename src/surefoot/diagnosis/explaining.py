"""Explaining: what a detector's docstring says, as data: a code, a name, and sections under fixed headings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from surefoot.diagnosis.known import DOCS
from surefoot.errors import ArgumentError

HEADINGS = ("What it sees", "Formula", "Why it matters", "Example", "What to try", "False alarms", "Source")
_INDENT = " " * 4
_FIRST = re.compile(r"(SF\d{3}) ([^:]+): (.+)")
_ITEM = re.compile(r"(\d+\.|-) ")
_CODE = re.compile(r"``(.+?)``")
_KINDS = {
    "SF1": "Stability",
    "SF2": "Too slow",
    "SF3": "Generalisation",
    "SF4": "Schedule and setup",
    "SF5": "Traps of logs",
}


@dataclass(frozen=True)
class Explanation:
    """What there is to know of one finding: ``sections`` are (heading, blocks); a block is a paragraph or an item."""

    code: str
    name: str
    summary: str
    sections: tuple[tuple[str, tuple[str, ...]], ...]

    def row(self) -> dict[str, Any]:
        """Return the explanation as plain data."""
        told = {heading: [bare(block) for block in blocks] for heading, blocks in self.sections}
        return {"code": self.code, "name": self.name, "summary": bare(self.summary), "sections": told}


def explained(doc: str) -> Explanation:
    """Return the explanation in a detector's docstring.

    Raises ArgumentError where the first line or a heading is not as it must be.
    """
    lines = doc.strip().splitlines()
    first = re.match(_FIRST, " ".join(_until_blank(lines)))
    if first is None:
        raise ArgumentError(f"doc={doc[:40]!r} must begin with a code, a name, a colon and a sentence.")
    bodies: dict[str, list[str]] = {}
    for line in lines[len(_until_blank(lines)) :]:
        if line.strip() and not line.startswith(" "):
            bodies[line.strip()] = []
        elif bodies:
            bodies[next(reversed(bodies))].append(line.removeprefix(_INDENT).rstrip())
    if tuple(bodies) != HEADINGS:
        raise ArgumentError(f"{first[1]} has the headings {', '.join(bodies)}: they must be {', '.join(HEADINGS)}.")
    sections = tuple((name, _blocks(body, broken=name == "Formula")) for name, body in bodies.items())
    return Explanation(first[1], first[2], first[3], sections)


def explanations(docs: Mapping[str, str] = DOCS) -> tuple[Explanation, ...]:
    """Return the explanation of every detector, in the order of their codes."""
    return tuple(explained(docs[code]) for code in sorted(docs))


def bare(text: str) -> str:
    """Return ``text`` without the marks of code.

    >>> bare("the column ``lr``")
    'the column lr'
    """
    return _CODE.sub(r"\1", text)


def markdown(found: Iterable[Explanation]) -> str:
    """Return a page of Markdown about ``found``, with a table of contents."""
    told = tuple(found)
    contents = ["| code | name | what it says |", "|---|---|---|"]
    contents += [f"| [{one.code}](#{_anchor(one)}) | {one.name} | {_marked(one.summary)} |" for one in told]
    parts, kind = [], ""
    for one in told:
        if one.code[:3] != kind:
            kind = one.code[:3]
            parts.append(f"## {_KINDS.get(kind, kind)}")
        parts.append(f"### {one.code} {one.name}\n\n{_capital(_marked(one.summary))}")
        parts += [f"**{heading}**\n\n{_joined(blocks)}" for heading, blocks in one.sections]
    return "\n\n".join(["# Findings", _INTRODUCTION, "\n".join(contents), *parts]) + "\n"


_INTRODUCTION = (
    "Every finding that `surefoot diagnose` and `sf.diagnose` can return. This page is made from the detectors "
    "themselves (`make docs`); `surefoot explain CODE` prints one of them."
)


def _until_blank(lines: list[str]) -> list[str]:
    return lines[: next((k for k, line in enumerate(lines) if not line.strip()), len(lines))]


def _blocks(lines: Iterable[str], *, broken: bool) -> tuple[str, ...]:
    """Return wrapped lines joined to paragraphs and items; lines that belong to an item are indented below it."""
    blocks: list[str] = []
    new = True
    for line in lines:
        after_item = bool(blocks) and _ITEM.match(blocks[-1]) is not None and not line.startswith(" ")
        if line and (new or after_item or _ITEM.match(line)):
            blocks.append(line.strip())
        elif line:
            blocks[-1] += f" {line.strip()}"
        # A line of a formula that ends a sentence ends its block; elsewhere lines are only wrapped.
        new = not line or (broken and line.endswith("."))
    return tuple(blocks)


def _joined(blocks: Iterable[str]) -> str:
    text, last = "", ""
    for block in blocks:
        tight = _ITEM.match(block) and _ITEM.match(last)
        text += ("\n" if tight else "\n\n" if text else "") + _marked(block)
        last = block
    return text


def _marked(text: str) -> str:
    pieces = _CODE.split(text)
    plain = [re.sub(r"([*_\\|])", r"\\\1", piece).replace("<", "&lt;") for piece in pieces[::2]]
    code = [f"`{piece}`" for piece in pieces[1::2]]
    return "".join(a + b for a, b in zip(plain, [*code, ""], strict=True))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _anchor(one: Explanation) -> str:
    return re.sub(r"[^a-z0-9 -]", "", f"{one.code} {one.name}".lower()).replace(" ", "-")
