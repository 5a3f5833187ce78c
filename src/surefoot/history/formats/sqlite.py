"""SQLite databases of trackers, opened so that nothing is written beside them and nothing in them can hang."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from surefoot.errors import FormatError
from surefoot.history.formats.table import Source

MARK = b"SQLite format 3\0"
_SECONDS = 60.0
_EVERY = 100_000
_ROWS, _SIZE = 5_000_000, 1 << 30
_LONGEST = 1 << 20
_BROKEN = (sqlite3.Error, OverflowError, UnicodeError, MemoryError)


def is_database(source: Source) -> bool:
    """Return whether ``source`` begins as an SQLite database does."""
    return source.head.startswith(MARK)


@contextmanager
def opened(source: Source) -> Iterator[sqlite3.Connection]:
    """Open a copy of the database in ``source``, with the writes that still wait in its log beside it.

    FormatError for a broken database, and for one that needs more than a minute.
    """
    try:
        with _copy(source) as database:
            stop = time.monotonic() + _SECONDS
            database.set_progress_handler(lambda: time.monotonic() > stop, _EVERY)
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
            database.text_factory = lambda raw: raw.decode(errors="replace")
            database.execute("PRAGMA trusted_schema = OFF")
            database.execute("PRAGMA cell_size_check = ON")
            yield database
    except _BROKEN as error:
        raise FormatError(f"{source.name} is a broken SQLite database ({error}): copy it again.") from error


def columns(database: sqlite3.Connection, name: str) -> tuple[str, ...]:
    """Return the columns of the table ``name``; none if it is not there, or is a view."""
    kinds = database.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)).fetchall()
    if len(kinds) != 1 or "virtual" in str(kinds[0][0]).lower().split():
        return ()
    return tuple(str(row[1]) for row in database.execute(f'PRAGMA table_info("{name}")'))


def rows(database: sqlite3.Connection, name: str, wanted: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """Return the ``wanted`` columns of the table ``name`` in the order in which its rows were written.

    sqlite3.DataError beyond 5 million rows or 1 GB of text: broken pages can claim more than the file holds.
    """
    listed = ", ".join(f'"{column}"' for column in wanted)
    # The names are those of this library, never those of the file.
    cursor = database.execute(f'SELECT {listed} FROM "{name}"')  # noqa: S608  see above
    found: list[tuple[Any, ...]] = []
    size = 0
    while block := cursor.fetchmany(1_000):
        found += block
        size += sum(len(cell) for row in block for cell in row if isinstance(cell, (str, bytes)))
        if len(found) > _ROWS or size > _SIZE:
            raise sqlite3.DataError(f"more than {_ROWS:,} rows or 1 GB in {name}")
    return found


@contextmanager
def _copy(source: Source) -> Iterator[sqlite3.Connection]:
    log = source.path.with_name(f"{source.path.name}-wal") if source.path else None
    if source.path is None or log is None or not log.is_file() or not log.stat().st_size:
        with closing(sqlite3.connect(":memory:")) as database:
            data = source.read()
            # A database in memory has no write-ahead log: bytes 18 and 19 say that this one needs none.
            database.deserialize(data[:18] + b"\1\1" + data[20:])
            yield database
        return
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "copy.db"
        place.write_bytes(source.read())
        shutil.copyfile(log, place.with_name("copy.db-wal"))
        with closing(sqlite3.connect(place)) as database:
            yield database
