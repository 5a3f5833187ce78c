"""MLflow's SQLite store: metrics as points, parameters as facts, one run a Table."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from surefoot.errors import FormatError
from surefoot.history.formats.cells import number
from surefoot.history.formats.points import Points, chosen, table
from surefoot.history.formats.settings import facts
from surefoot.history.formats.sqlite import columns, is_database, opened, rows
from surefoot.history.formats.table import Format, Source, Table

_METRICS = ("run_uuid", "key", "value", "timestamp", "step", "is_nan")
_LARGEST = 1.7976931348623157e308


def fits(source: Source) -> bool:
    """Return whether ``source`` is an SQLite database with MLflow's table of metrics."""
    if not is_database(source):
        return False
    try:
        with opened(source) as database:
            return set(_METRICS[:4]) <= set(columns(database, "metrics"))
    except FormatError:
        return False


def tables(source: Source) -> tuple[Table, ...]:
    """Return the runs of an MLflow database in the order of their first metric; FormatError if it is broken or empty.

    MLflow writes NaN as 0 with a mark, and infinities as the largest float64; both are turned back.
    """
    with opened(source) as database:
        wanted = tuple(name for name in _METRICS if name in columns(database, "metrics"))
        found = rows(database, "metrics", wanted)
        names, settings = _names(database), _settings(database)
    if not found:
        raise FormatError(f"{source.name} is an MLflow database without any metric: log one, or name another file.")
    together = _points(dict(zip(wanted, zip(*found, strict=True), strict=True)))
    runs = [(run, replace(points, facts=facts(settings.get(run, {})))) for run, points in together]
    return tuple(table(points, names.get(run, run)) for run, points in runs)


FORMAT = Format("MLflow database", fits, tables)


def _points(found: Mapping[str, tuple[Any, ...]]) -> list[tuple[str, Points]]:
    """Return each run's points in the order of their times."""
    runs, which_run = _coded(found["run_uuid"])
    tags, which = _coded(found["key"])
    time, value = _numbers(found["timestamp"]) / 1e3, _numbers(found["value"])
    value = np.where(np.abs(value) >= _LARGEST, np.copysign(np.inf, value), value)
    if "is_nan" in found:
        value[np.array([bool(mark) for mark in found["is_nan"]])] = np.nan
    step = _numbers(found["step"]) if "step" in found else np.zeros(len(value))
    whole = np.nan_to_num(step, nan=0.0, posinf=0.0, neginf=0.0).clip(-(2.0**62), 2.0**62).astype(np.int64)
    order = np.lexsort((time, which_run))
    together = chosen(Points(tags, which, whole, value, time), order)
    ends = np.cumsum(np.bincount(which_run, minlength=len(runs)))
    parts = [
        _own(chosen(together, np.arange(end - n, end))) for end, n in zip(ends, np.bincount(which_run), strict=True)
    ]
    return sorted(zip(runs, parts, strict=True), key=lambda run: float(run[1].time[0]))


def _own(points: Points) -> Points:
    """Return ``points`` with the tags that they use."""
    used, which = np.unique(points.which, return_inverse=True)
    return replace(points, tags=tuple(points.tags[k] for k in used), which=which)


def _coded(values: tuple[Any, ...]) -> tuple[tuple[str, ...], np.ndarray[Any, np.dtype[np.int64]]]:
    names: dict[str, int] = {}
    return_codes = np.array([names.setdefault(str(value), len(names)) for value in values], dtype=np.int64)
    return tuple(names), return_codes


def _numbers(values: tuple[Any, ...]) -> np.ndarray[Any, np.dtype[np.float64]]:
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        found = [number(value) for value in values]
    return np.array([value if isinstance(value, float) else math.nan for value in found])


def _names(database: sqlite3.Connection) -> dict[str, str]:
    if not {"run_uuid", "name"} <= set(columns(database, "runs")):
        return {}
    return {str(run): str(name) for run, name in rows(database, "runs", ("run_uuid", "name")) if name}


def _settings(database: sqlite3.Connection) -> dict[str, dict[str, Any]]:
    settings: dict[str, dict[str, Any]] = {}
    if {"run_uuid", "key", "value"} <= set(columns(database, "params")):
        for run, key, value in rows(database, "params", ("run_uuid", "key", "value")):
            settings.setdefault(str(run), {})[str(key)] = value
    return settings
