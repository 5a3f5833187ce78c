"""Corpus A: logs of real runs in the formats of their frameworks, labelled by one person from a plot and the numbers.

A folder with an index.jsonl (``file``, ``label``, and where known ``cause`` and ``evidence``) and the files it names.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from labels import Labelled

import surefoot as sf


def logs(folder: Path) -> Iterator[Labelled]:
    """Yield the labelled logs of ``folder``; one that cannot be read is an empty history, which counts as missed."""
    for line in (folder / "index.jsonl").read_text().splitlines():
        entry = json.loads(line)
        name, said = entry["file"], entry.get("evidence", "")
        try:
            history = sf.read(folder / name)
        except sf.SurefootError as error:
            history, said = sf.History.of(()), f"not read: {error}"
        yield Labelled(name, history, entry["label"], entry.get("cause") or "", said)
