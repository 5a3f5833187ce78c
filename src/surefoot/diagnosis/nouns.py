"""Finding, Remedy, Edit: what a detector says, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from surefoot.errors import ArgumentError

Severity = Literal["info", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error")
Value = float | int | str | bool | None


@dataclass(frozen=True)
class Edit:
    """A change of a schedule as data: the operation ``op`` and its ``arguments`` (see ``edits.applied``).

    >>> Edit("scaled", {"k": 0.1}).text()
    'scaled(k=0.1)'
    """

    op: str
    arguments: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "arguments", MappingProxyType(dict(self.arguments)))

    def text(self) -> str:
        """Return the edit as it would be called."""
        return f"{self.op}({', '.join(f'{name}={value!r}' for name, value in self.arguments.items())})"

    def row(self) -> dict[str, Any]:
        """Return the edit as plain data."""
        return {"op": self.op, "arguments": dict(self.arguments)}


@dataclass(frozen=True)
class Remedy:
    """Something to try: its ``rank`` (1 is tried first), one imperative ``text``, and ``why`` it should help.

    ``edit`` is the change of the schedule, None where the remedy is none (clip, batch, data); ``topic`` names what is
    turned ("rate", "warmup", "clip", "precision", "data", ...), so that a ledger can tell what was tried already.
    """

    rank: int
    text: str
    why: str
    edit: Edit | None = None
    topic: str = ""

    def row(self) -> dict[str, Any]:
        """Return the remedy as plain data."""
        edit = None if self.edit is None else self.edit.row()
        return {"rank": self.rank, "text": self.text, "why": self.why, "edit": edit, "topic": self.topic}

    def __str__(self) -> str:
        return f"{self.rank}. {self.text} ({self.why})"


@dataclass(frozen=True)
class Finding:
    """One trouble that was seen in a run, or one thing that a log cannot show.

    ``code`` and ``name`` are the detector's; ``step`` is where it begins (None for the run as a whole); ``severity`` is
    "info", "warning" or "error"; ``confidence`` lies in [0, 1]; ``message`` is one sentence with the number that was
    seen beside the number expected; ``evidence`` holds those numbers by name; ``remedies`` are ranked.
    Raises ArgumentError for a severity or a confidence that is none.

    >>> print(Finding("SF101", "non-finite", 40, "error", 1.0, "The loss is NaN from step 40 on."))
    SF101 non-finite, error at step 40: The loss is NaN from step 40 on.
    """

    code: str
    name: str
    step: int | None
    severity: Severity
    confidence: float
    message: str
    evidence: Mapping[str, Value] = field(default_factory=dict)
    remedies: tuple[Remedy, ...] = ()

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ArgumentError(f"severity={self.severity!r} must be one of {', '.join(SEVERITIES)}.")
        if not 0.0 <= self.confidence <= 1.0:
            raise ArgumentError(f"confidence={self.confidence!r} must lie in [0, 1].")
        object.__setattr__(self, "evidence", MappingProxyType(dict(self.evidence)))

    def row(self) -> dict[str, Any]:
        """Return the finding as plain data, the form of ``--json``."""
        named = {"code": self.code, "name": self.name, "severity": self.severity, "step": self.step}
        rest = {"confidence": self.confidence, "message": self.message, "evidence": dict(self.evidence)}
        return {**named, **rest, "remedies": [remedy.row() for remedy in self.remedies]}

    def __str__(self) -> str:
        where = "" if self.step is None else f" at step {self.step:,}"
        head = f"{self.code} {self.name}, {self.severity}{where}: {self.message}"
        return "\n".join([head, *(f"  {remedy}" for remedy in self.remedies)])
