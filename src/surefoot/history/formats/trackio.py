"""trackio's SQLite store: a row of metrics as JSON a step, one run a Table."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from surefoot.errors import FormatError
from surefoot.history.formats.rows import table
from surefoot.history.formats.settings import facts
from surefoot.history.formats.sqlite import columns, is_database, opened, rows
from surefoot.history.formats.table import Format, Source, Table


def tables(source: Source) -> tuple[Table, ...]:
    """Return the runs of a trackio database in their order; FormatError for any other SQLite database."""
    with opened(source) as database:
        found = set(columns(database, "metrics"))
        if not {"run_name", "step", "metrics"} <= found:
            raise FormatError(f"{source.name} is an SQLite database, but neither MLflow's nor trackio's: export a CSV.")
        run = "run_id" if "run_id" in found else "run_name"
        logged = rows(database, "metrics", (run, "run_name", "step", "metrics"))
        settings = _settings(database, run)
    runs: dict[str, list[dict[str, Any]]] = {}
    names: dict[str, str] = {}
    damaged = 0
    for key, name, step, text in logged:
        row = _object(text)
        damaged += row is None
        names[str(key)] = str(name)
        runs.setdefault(str(key), []).extend([] if row is None else [{**row, "step": step}])
    if not any(runs.values()):
        raise FormatError(f"{source.name} is a trackio database without any metric: log one, or name another file.")
    notes = [f"{damaged} rows are no JSON objects and left out."] if damaged else []
    full = {key: rows for key, rows in runs.items() if rows}
    return tuple(table(full[key], run=names[key], facts=facts(settings.get(key, {})), notes=notes) for key in full)


FORMAT = Format("trackio database", is_database, tables)


def _settings(database: sqlite3.Connection, run: str) -> dict[str, dict[str, Any]]:
    if not {run, "config"} <= set(columns(database, "configs")):
        return {}
    return {str(key): _object(text) or {} for key, text in rows(database, "configs", (run, "config"))}


def _object(text: Any) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
