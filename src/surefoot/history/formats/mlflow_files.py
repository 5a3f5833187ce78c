"""MLflow's folder of files: a run is a folder, a metric a file of lines ``timestamp value step``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from surefoot.errors import FormatError
from surefoot.history.formats.points import Points, joined, table
from surefoot.history.formats.settings import facts
from surefoot.history.formats.table import Format, Source, Table

_LEVELS = ("", "*", "*/*", "mlruns/*/*")
_MOST, _SMALL = 5_000, 1 << 16


def fits(source: Source) -> bool:
    """Return whether ``source`` is a folder of runs, or of experiments, or a run, as MLflow writes them."""
    return source.path is not None and source.path.is_dir() and next(_runs(source.path), None) is not None


def tables(source: Source) -> tuple[Table, ...]:
    """Return the runs of the folder in the order of their first metric; FormatError if there is no metric in it."""
    try:
        found = [(run, _points(run)) for run in _runs(source.path or Path())]
    except OSError as error:
        raise FormatError(f"{source.name} holds a file that cannot be read ({error.strerror}).") from error
    full = sorted(((run, part) for run, part in found if len(part.step)), key=lambda pair: float(pair[1].time[0]))
    if not full:
        raise FormatError(f"{source.name} is an MLflow folder without any metric: log one, or name another folder.")
    return tuple(table(part, _small(run / "tags" / "mlflow.runName") or run.name) for run, part in full)


FORMAT = Format("MLflow folder", fits, tables)


def _runs(folder: Path) -> Iterator[Path]:
    for level in _LEVELS:
        for place in sorted(folder.glob(level)) if level else [folder]:
            if (place / "meta.yaml").is_file() and (place / "metrics").is_dir():
                yield place


def _points(run: Path) -> Points:
    """Return the points of a run in the order of their times, and its parameters as facts."""
    parts = [_metric(path, path.relative_to(run / "metrics").as_posix()) for path in _files(run / "metrics")]
    settings = {path.name: _small(path) for path in _files(run / "params")}
    together = joined(parts, by_time=True) if parts else _none()
    return replace(together, facts=facts(settings))


def _files(folder: Path) -> Iterator[Path]:
    found = (Path(place) / name for place, _, names in os.walk(folder) for name in names)
    yield from sorted(path for path, _ in zip(found, range(_MOST), strict=False) if path.is_file())


def _metric(path: Path, tag: str) -> Points:
    lines = path.read_bytes().splitlines()
    whole = [numbers for line in lines if (numbers := _line(line)) is not None]
    left = len([line for line in lines if line.strip()]) - len(whole)
    notes = (f"{left} lines of {tag} are no 'timestamp value step' and left out.",) if left else ()
    if not whole:
        return replace(_none(), notes=notes)
    time, value, step = zip(*whole, strict=True)
    which = np.zeros(len(whole), dtype=np.int64)
    return Points((tag,), which, np.array(step, np.int64), np.array(value), np.array(time) / 1e3, notes)


def _line(line: bytes) -> tuple[float, float, int] | None:
    words = line.split()
    try:
        step = int(words[2][:20]) if len(words) > 2 else 0
        return (float(words[0]), float(words[1]), step) if abs(step) < 1 << 62 else None
    except (ValueError, IndexError):
        return None


def _none() -> Points:
    return Points((), np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0))


def _small(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip() if path.stat().st_size <= _SMALL else ""
    except OSError:
        return ""
