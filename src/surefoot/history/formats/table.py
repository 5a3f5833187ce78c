"""Table and Format: a log as its file wrote it, before anybody asks what a column means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from surefoot.history.columns import Column, Mask
from surefoot.history.origin import Fact


@dataclass(frozen=True)
class Source:
    """What a log is read from: its ``name`` for messages, its first bytes, and all of it on demand.

    ``path`` is the file or folder, None for standard input; ``read`` returns the whole content (of a folder: nothing).
    """

    name: str
    head: bytes
    path: Path | None
    read: Callable[[], bytes]


@dataclass(frozen=True)
class Table:
    """One run: ``columns`` under the file's own names (float64 of shape [rows]), NaN where blank or said to be NaN.

    ``blank`` tells the two apart, by column, True where a row did not say; ``run`` names the run where a file holds
    several; ``facts`` and ``notes`` are those of an Origin; ``ignored`` are the fields that hold no numbers.
    """

    columns: Mapping[str, Column]
    blank: Mapping[str, Mask] = field(default_factory=dict)
    run: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format:
    """A kind of log: its ``name``, whether a source ``fits`` (from content, cheap), and its runs in their order.

    ``tables`` raises FormatError with one clear sentence for a source that fits and is broken.
    """

    name: str
    fits: Callable[[Source], bool]
    tables: Callable[[Source], tuple[Table, ...]]
