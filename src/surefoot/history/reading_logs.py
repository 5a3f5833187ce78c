"""Reading a log: from a path to histories, whatever wrote it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import IO, Any

import numpy as np

from surefoot.errors import ArgumentError, FormatError
from surefoot.history.clocks import clocked
from surefoot.history.columns import Column, History, Mask
from surefoot.history.folders import within
from surefoot.history.formats.known import FORMATS
from surefoot.history.formats.table import Format, Source, Table
from surefoot.history.names import listed
from surefoot.history.opening import opened
from surefoot.history.origin import Origin
from surefoot.history.roles import Roles, assign
from surefoot.history.runs import Rows, split

Path = str | os.PathLike[str] | IO[Any]
_STUB = 0.1


def read(path: Path, *, map: Mapping[str, str] | None = None, run: int | str | None = None) -> History:  # noqa: A002  the command line's --map
    r"""Return the history in the log ``path``, whatever wrote it; ``history.origin`` says how it was understood.

    ``path`` is a file, a folder, "-" for standard input, or an open file. ``map`` names fields by hand, as in
    ``{"loss": "train/loss"}``. Of several runs the last is returned, unless it is a stub (less than a tenth of the
    longest; then the longest): ``run`` picks another by its index or name, ``read_runs`` returns all.
    FormatError, in one sentence, for a log that cannot be understood; ArgumentError for what is not there.

    >>> import io
    >>> history = read(io.BytesIO(b"epoch,loss,val_loss\n0,2.5,2.6\n1,2.1,2.4\n"))
    >>> history, history.origin.format
    (History(2 rows: step, loss, val_loss, epoch), 'Keras CSVLogger')
    """
    runs = read_runs(path, map=map)
    if run is not None:
        return _picked(runs, run)
    longest = max(range(len(runs)), key=lambda k: len(runs[k]))
    chosen = len(runs) - 1 if len(runs[-1]) >= _STUB * len(runs[longest]) else longest
    if len(runs) == 1:
        return runs[0]
    note = f"Run {chosen} of 0 to {len(runs) - 1} was read, the last that is no stub: name another with run."
    origin = runs[chosen].origin
    return replace(runs[chosen], origin=replace(origin, notes=(*origin.notes, note)))


def read_runs(path: Path, *, map: Mapping[str, str] | None = None) -> tuple[History, ...]:  # noqa: A002  as read
    """Return every run in the log ``path`` in its order: those of a file with several, or of one that was appended to.

    Arguments and errors are those of ``read``.
    """
    source = within(opened(path))
    kind, tables = _tables(source)
    found: list[History] = []
    refused: list[FormatError] = []
    for table in tables:
        try:
            found += _histories(source, kind.name, table, map)
        except FormatError as error:
            refused.append(error)
    if not found:
        raise refused[0] if refused else FormatError(f"{source.name} holds no reading.")
    return tuple(found)


def _tables(source: Source) -> tuple[Format, tuple[Table, ...]]:
    if not source.head and not (source.path and source.path.is_dir()):
        raise FormatError(f"{source.name} holds no reading: it is empty.")
    for kind in FORMATS:
        if kind.fits(source):
            return kind, kind.tables(source)
    raise FormatError(f"{source.name} is no log that surefoot knows: give a log of readings, or a table with a header.")


def _picked(runs: tuple[History, ...], run: int | str) -> History:
    names = [history.origin.facts.get("run", "") for history in runs]
    if run in names:
        return runs[names.index(str(run))]
    if isinstance(run, int) and not isinstance(run, bool) and -len(runs) <= run < len(runs):
        return runs[run]
    there = f" ({listed(map(str, names))})" if any(names) else ""
    raise ArgumentError(f"run={run!r} is not in this log: it has {len(runs)}{there}, from 0 to {len(runs) - 1}.")


def _histories(source: Source, kind: str, table: Table, given: Mapping[str, str] | None) -> list[History]:
    roles = assign(table, given)
    rows = _rows(source, table, roles)
    runs = split(clocked(rows))
    named = {column: " + ".join(fields) for column, fields in roles.taken.items()}
    histories = []
    for part in runs:
        facts = {**table.facts, **part.facts, **({"run": table.run} if table.run else {})}
        origin = Origin(kind, named, roles.ignored, (*table.notes, *roles.notes, *part.notes), facts)
        histories.append(_history(part, str(source.path or source.name), origin))
    return histories


def _rows(source: Source, table: Table, roles: Roles) -> Rows:
    if "loss" not in roles.taken and "val_loss" not in roles.taken:
        there = listed(table.columns)
        raise FormatError(f"{source.name} has no field whose name tells a loss: it has {there}; name it with map.")
    length = len(next(iter(table.columns.values())))
    nothing = np.ones(length, dtype=bool)
    columns = {name: _sum(table, fields) for name, fields in roles.taken.items()}
    blank = {name: _blank(table, fields) for name, fields in roles.taken.items()}
    if "loss" not in columns:
        return Rows({"loss": np.full(length, np.nan), **columns}, {"loss": nothing, **blank}).with_note(
            "The log has no training loss: only its validation loss was read."
        )
    return Rows(columns, blank)


def _sum(table: Table, fields: tuple[str, ...]) -> Column:
    if len(fields) == 1:
        return table.columns[fields[0]]
    with np.errstate(invalid="ignore", over="ignore"):  # parts may be infinite, which the sum then says
        total: Column = np.sum([table.columns[name] for name in fields], axis=0)
    return total


def _blank(table: Table, fields: tuple[str, ...]) -> Mask:
    masks = [table.blank.get(name) for name in fields]
    said = [mask for mask in masks if mask is not None]
    return np.any(said, axis=0) if said else np.zeros(len(table.columns[fields[0]]), dtype=bool)


def _history(rows: Rows, source: str, origin: Origin) -> History:
    first = ["step", "loss", *(name for name in ("val_loss", "lr", "grad_norm") if name in rows.columns)]
    names = [*first, *(name for name in rows.columns if name not in first)]
    spoken = [name for name in names if name in {"step", "loss"} or not rows.blank[name].all()]
    # Without a mask a NaN would count as not said.
    masked = [name for name in spoken if rows.blank[name].any() or np.isnan(rows.columns[name]).any()]
    blank = {name: rows.blank[name] for name in masked}
    return History({name: rows.columns[name] for name in spoken}, source, origin, blank)
