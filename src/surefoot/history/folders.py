"""Folders: which file in a folder is the log."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from surefoot.history.formats.table import Source
from surefoot.history.opening import opened

_FILES = ("trainer_state.json", "metrics.csv", "results.csv", "measurements.csv")
_DEEPER = (("checkpoint-*", "trainer_state.json"), ("version_*", "metrics.csv"))


def within(source: Source) -> Source:
    """Return the log inside a folder that a framework writes its log to; any other source as it is."""
    if source.path is None or source.head or not source.path.is_dir():
        return source
    found = _log(source.path)
    return replace(opened(found), name=f"{source.name}/{found.relative_to(source.path)}") if found else source


def _log(folder: Path) -> Path | None:
    for name in _FILES:
        if (folder / name).is_file():
            return folder / name
    for pattern, name in _DEEPER:
        found = [path / name for path in folder.glob(pattern) if (path / name).is_file()]
        if found:
            return max(found, key=_age)
    return None


def _age(path: Path) -> tuple[int, str]:
    number = path.parent.name.rpartition("-")[2].rpartition("_")[2]
    return (int(number) if number.isdecimal() and len(number) < 16 else -1, str(path))
