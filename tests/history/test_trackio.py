"""trackio's database in its older and newer form, written with SQL and read back."""

import json
import math
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from surefoot.errors import FormatError
from surefoot.history.formats import trackio
from surefoot.history.formats.table import Source
from surefoot.history.opening import opened


def older(path, rows):
    with closing(sqlite3.connect(path)) as made:
        made.execute(
            "CREATE TABLE metrics (id INTEGER PRIMARY KEY, timestamp TEXT, run_name TEXT, step INTEGER, metrics TEXT)"
        )
        made.executemany("INSERT INTO metrics (run_name, step, metrics) VALUES (?, ?, ?)", rows)
        made.commit()
    return opened(path)


def newer(path, rows, configs):
    with closing(sqlite3.connect(path)) as made:
        made.execute(
            "CREATE TABLE metrics (id INTEGER PRIMARY KEY, run_id TEXT, run_name TEXT, step INTEGER, metrics BLOB)"
        )
        made.execute("CREATE TABLE configs (run_id TEXT, run_name TEXT, config BLOB)")
        made.executemany("INSERT INTO metrics (run_id, run_name, step, metrics) VALUES (?, ?, ?, ?)", rows)
        made.executemany("INSERT INTO configs VALUES (?, ?, ?)", configs)
        made.commit()
    return opened(path)


def test_rows_of_json_become_a_table_a_run(tmp_path):
    rows = [("a", 0, '{"loss": 2.0}'), ("b", 0, '{"loss": 5.0}'), ("a", 1, '{"loss": "NaN", "deep": {"lr": 0.5}}')]
    first, second = trackio.tables(older(tmp_path / "p.db", rows))
    np.testing.assert_array_equal(first.columns["loss"], [2.0, math.nan])
    assert (first.run, first.columns["step"].tolist(), list(first.blank)) == ("a", [0, 1], ["deep/lr"])
    assert (second.run, second.columns["loss"].tolist()) == ("b", [5])


def test_runs_of_one_name_are_told_apart_and_their_configurations_are_facts(tmp_path):
    rows = [("1", "toy", 0, b'{"loss":1.0}'), ("2", "toy", 0, b'{"loss":2.0}')]
    source = newer(tmp_path / "p.db", rows, [("2", "toy", json.dumps({"lr": 0.1, "batch_size": 8}).encode())])
    first, second = trackio.tables(source)
    assert (first.run, second.run, first.facts) == ("toy", "toy", {})
    assert second.facts == {"peak": 0.1, "batch": 8.0}


def test_rows_that_are_no_objects_are_left_out_and_counted(tmp_path):
    rows = [("a", 0, "[1]"), ("a", 1, "{"), ("a", 2, None), ("a", 3, "[" * 100_000), ("a", 4, '{"loss": 1}')]
    (found,) = trackio.tables(older(tmp_path / "p.db", rows))
    assert found.columns["step"].tolist() == [4]
    assert found.notes == ("4 rows are no JSON objects and left out.",)


def test_another_database_is_refused_with_what_to_do(tmp_path):
    with closing(sqlite3.connect(tmp_path / "p.db")) as made:
        made.execute("CREATE TABLE metrics (a, b)")
    with pytest.raises(FormatError, match="neither MLflow's nor trackio's"):
        trackio.tables(opened(tmp_path / "p.db"))


def test_a_database_without_rows_says_so(tmp_path):
    with pytest.raises(FormatError, match="without any metric"):
        trackio.tables(older(tmp_path / "p.db", []))


def test_mutants_are_read_or_refused(tmp_path):
    rng = np.random.default_rng(0)
    older(tmp_path / "p.db", [("a", k, json.dumps({"loss": 1.0 / (k + 1), "lr": 0.5})) for k in range(200)])
    whole = (tmp_path / "p.db").read_bytes()
    for _ in range(200):
        data = bytearray(whole[: rng.integers(len(whole) + 1)] if rng.random() < 0.3 else whole)
        for place in rng.integers(len(data), size=rng.integers(1, 30)) if data else ():
            data[place] = rng.integers(256)
        try:
            found = trackio.tables(Source("p.db", bytes(data[:100]), None, lambda data=bytes(data): data))
        except FormatError:
            continue
        assert all(len({len(column) for column in table.columns.values()}) == 1 for table in found)
