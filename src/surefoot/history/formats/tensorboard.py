"""TensorBoard event files, and folders of them: one run a folder, read without TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from surefoot.errors import FormatError
from surefoot.history.formats.events import points
from surefoot.history.formats.points import Points, joined, table
from surefoot.history.formats.table import Format, Source, Table

_MARK = b"brain.Event:"
_MOST = 10_000
_HPARAMS = "_hparams_/session_start_info"
_JUDGES = ("validation", "valid", "val", "eval", "test")


@dataclass(frozen=True)
class _Stream:
    """The scalars of one folder, ``name`` relative to the folder that is read."""

    name: str
    points: Points


def fits(source: Source) -> bool:
    """Return whether ``source`` begins as an event file does, or is a folder that holds one."""
    if source.path is None or not source.path.is_dir():
        return _MARK in source.head[:64]
    return next(_files(source.path), None) is not None


def tables(source: Source) -> tuple[Table, ...]:
    """Return the runs of ``source`` in the order in which they began; FormatError if there is no scalar in it.

    In a folder each folder with event files is a run; those of one folder follow each other in time. What
    ``SummaryWriter.add_scalars`` and Keras split into folders is joined again, the folder's name added to the tags;
    the folder that ``add_hparams`` makes beside a run is none.
    """
    if source.path is None or not source.path.is_dir():
        streams = [_Stream("", points(source.read()))]
    else:
        streams = list(_streams(source.path))
    runs = [(name, joined(parts, by_time=len(parts) > 1)) for name, parts in _runs(streams).items()]
    full = sorted((run for run in runs if len(run[1].step)), key=lambda run: float(run[1].time[0]))
    if not full:
        notes = [note for _, run in runs for note in run.notes]
        raise FormatError(
            f"{source.name} holds no scalar in its TensorBoard events: {' '.join(notes) or 'none logged.'}"
        )
    return tuple(table(run, name) for name, run in full)


FORMAT = Format("TensorBoard events", fits, tables)


def _files(folder: Path) -> Iterator[Path]:
    """Yield the event files below ``folder``, the folders in the order of their names."""
    seen = 0
    for place, inner, names in os.walk(folder):
        inner.sort()
        for name in sorted(names):
            seen += 1
            if seen > _MOST:
                return
            path = Path(place) / name
            if "tfevents" in name and _begins_well(path):
                yield path


def _begins_well(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return _MARK in file.read(64)
    except OSError:
        return False


def _streams(folder: Path) -> Iterator[_Stream]:
    found: dict[str, list[Points]] = {}
    for path in _files(folder):
        name = path.parent.relative_to(folder).as_posix()
        try:
            found.setdefault("" if name == "." else name, []).append(points(path.read_bytes()))
        except OSError as error:
            raise FormatError(f"{path.name} in {folder.name} cannot be read ({error.strerror}).") from error
    for name, parts in found.items():
        yield _Stream(name, joined(sorted(parts, key=_begin)))


def _begin(part: Points) -> float:
    return float(part.time[0]) if len(part.time) else 0.0


def _runs(streams: list[_Stream]) -> dict[str, list[Points]]:
    """Return the points of each run: a stream of its own, or several that were one run."""
    names = {stream.name for stream in streams}
    runs: dict[str, list[Points]] = {}
    for stream in streams:
        above, _, last = stream.name.rpartition("/")
        own = stream.points
        under = bool(stream.name) and above in names
        split = _split(last, own) if under else None
        if under and _HPARAMS in own.ignored:
            continue
        if split:
            runs.setdefault(above, []).append(replace(own, tags=(split,)))
        elif last in ("train", *_JUDGES) and stream.name and _pair(above, last, names):
            tags = tuple(f"{last}/{tag}" for tag in own.tags)
            runs.setdefault(above, []).append(replace(own, tags=tags))
        else:
            runs.setdefault(stream.name, []).append(own)
    return runs


def _split(last: str, own: Points) -> str | None:
    """Return the column of a folder that add_scalars made: it is named tag_name, and holds that tag only."""
    if len(own.tags) != 1:
        return None
    begin = own.tags[0].replace("/", "_") + "_"
    return f"{own.tags[0]}/{last.removeprefix(begin)}" if last.startswith(begin) else None


def _pair(above: str, last: str, names: set[str]) -> bool:
    """Return whether the training and the judging half of one run stand beside or above this folder."""
    beside = {f"{above}/{name}".lstrip("/") for name in ("train", *_JUDGES) if name != last}
    return bool(beside & names) or (last in _JUDGES and above in names)
