"""MLflow's stores, written with SQL and as lines, and read back."""

import gzip
import math
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from surefoot.errors import FormatError
from surefoot.history.formats import mlflow, mlflow_files
from surefoot.history.formats.table import Source
from surefoot.history.opening import opened

SCHEMA = """
CREATE TABLE runs (run_uuid TEXT PRIMARY KEY, name TEXT, start_time BIGINT);
CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);
CREATE TABLE metrics (key TEXT, value DOUBLE, timestamp BIGINT, run_uuid TEXT, step BIGINT, is_nan BOOLEAN);
"""


def database(path, rows, params=(), runs=()):
    with closing(sqlite3.connect(path)) as made:
        made.executescript(SCHEMA)
        made.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", rows)
        made.executemany("INSERT INTO params VALUES (?, ?, ?)", params)
        made.executemany("INSERT INTO runs VALUES (?, ?, 0)", runs)
        made.commit()
    return path


def lists(found):
    return {name: column.tolist() for name, column in found.columns.items()}


def test_metrics_become_columns_and_parameters_facts(tmp_path):
    rows = [("loss", 2.0 - k, 1000 + k, "r", k, 0) for k in range(3)] + [("lr", 0.5, 1003, "r", 2, 0)]
    path = database(
        tmp_path / "mlflow.db", rows, [("learning_rate", "3e-4", "r"), ("optim", "SGD", "r")], [("r", "toy")]
    )
    (found,) = mlflow.tables(opened(path))
    assert mlflow.fits(opened(path))
    np.testing.assert_equal(lists(found), {"step": [0, 1, 2], "loss": [2, 1, 0], "lr": [math.nan, math.nan, 0.5]})
    assert (found.run, found.facts) == ("toy", {"peak": 3e-4, "optimizer": "sgd"})


def test_nan_and_infinity_are_turned_back(tmp_path):
    rows = [("loss", 0.0, 1, "r", 1, 1), ("loss", 1.7976931348623157e308, 2, "r", 2, 0), ("loss", -1.5, 3, "r", 3, 0)]
    (found,) = mlflow.tables(opened(database(tmp_path / "m.db", rows)))
    np.testing.assert_array_equal(found.columns["loss"], [math.nan, math.inf, -1.5])
    assert "loss" not in found.blank


def test_runs_follow_each_other_in_time_and_each_has_its_own_tags(tmp_path):
    rows = [("loss", 1.0, 50, "late", 1, 0), ("loss", 3.0, 10, "early", 2, 0), ("acc", 0.5, 51, "late", 1, 0)]
    rows += [("loss", 4.0, 9, "early", 1, 0)]
    early, late = mlflow.tables(opened(database(tmp_path / "m.db", rows)))
    assert (early.run, lists(early)) == ("early", {"step": [1, 2], "loss": [4, 3]})
    assert (late.run, lists(late)) == ("late", {"step": [1], "loss": [1], "acc": [0.5]})


def test_a_database_in_use_is_read_with_its_last_writes_and_left_as_it_is(tmp_path):
    path = database(tmp_path / "m.db", [("loss", 1.0, 1, "r", 1, 0)])
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("INSERT INTO metrics VALUES ('loss', 2.0, 2, 'r', 2, 0)")
        writer.commit()
        before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
        (found,) = mlflow.tables(opened(path))
        assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    assert found.columns["loss"].tolist() == [1, 2]


def test_a_closed_database_gets_no_files_beside_it(tmp_path):
    path = database(tmp_path / "m.db", [("loss", 1.0, 1, "r", 1, 0)])
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
    mlflow.tables(opened(path))
    assert [file.name for file in tmp_path.iterdir()] == ["m.db"]


def test_a_packed_database_is_read(tmp_path):
    path = database(tmp_path / "m.db", [("loss", 1.0, 1, "r", 1, 0)])
    (tmp_path / "m.db.gz").write_bytes(gzip.compress(path.read_bytes()))
    (found,) = mlflow.tables(opened(tmp_path / "m.db.gz"))
    assert found.columns["loss"].tolist() == [1]


def test_odd_cells_are_no_error(tmp_path):
    rows = [
        ("loss", "text", "when", "r", "x", "y"),
        ("loss", None, None, None, None, None),
        (b"\xff", 1.0, 1, "r", 2**62, 0),
    ]
    found = mlflow.tables(opened(database(tmp_path / "m.db", rows)))
    assert sum(len(table.columns["step"]) for table in found) == 3


def test_a_database_without_metrics_says_so(tmp_path):
    with pytest.raises(FormatError, match="without any metric"):
        mlflow.tables(opened(database(tmp_path / "m.db", [])))


def test_a_view_that_never_ends_is_not_asked(tmp_path):
    with closing(sqlite3.connect(tmp_path / "m.db")) as made:
        made.executescript(
            "CREATE VIEW metrics AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
            "SELECT 'loss' AS key, x AS value, x AS timestamp, 'r' AS run_uuid, x AS step, 0 AS is_nan FROM n;"
        )
    assert not mlflow.fits(opened(tmp_path / "m.db"))


def test_mutants_are_read_or_refused(tmp_path):
    rng = np.random.default_rng(0)
    rows = [(name, 1.0 / (k + 1), k, "r", k, 0) for k in range(200) for name in ("loss", "lr")]
    whole = database(tmp_path / "m.db", rows, [("lr", "1", "r")], [("r", "toy")]).read_bytes()
    for _ in range(200):
        data = bytearray(whole[: rng.integers(len(whole) + 1)] if rng.random() < 0.3 else whole)
        for place in rng.integers(len(data), size=rng.integers(1, 30)) if data else ():
            data[place] = rng.integers(256)
        try:
            found = mlflow.tables(Source("m.db", bytes(data[:100]), None, lambda data=bytes(data): data))
        except FormatError:
            continue
        assert all(len({len(column) for column in table.columns.values()}) == 1 for table in found)


def store(folder, run, metrics, params=(), name=None):
    place = folder / run
    (place / "metrics").mkdir(parents=True)
    (place / "meta.yaml").write_text("run_id: x\n")
    for tag, text in metrics.items():
        (place / "metrics" / tag).parent.mkdir(parents=True, exist_ok=True)
        (place / "metrics" / tag).write_text(text)
    for sub, pairs in (("params", params), ("tags", [("mlflow.runName", name)] if name else ())):
        (place / sub).mkdir()
        for key, value in pairs:
            (place / sub / key).write_text(value)
    return place


@pytest.mark.parametrize("level", ["mlruns", "mlruns/0", "mlruns/0/a"])
def test_a_folder_is_read_from_any_level(tmp_path, level):
    run = {"train/loss": "1000 2.5 0\n1001 nan 1\n", "lr": "1000 0.1 0\n"}
    store(tmp_path / "mlruns" / "0", "a", run, [("lr", "0.1")], "toy")
    folder = Source("logs", b"", tmp_path / level, lambda: b"")
    assert mlflow_files.fits(folder)
    (found,) = mlflow_files.tables(folder)
    np.testing.assert_equal(lists(found), {"step": [0, 1], "lr": [0.1, math.nan], "train/loss": [2.5, math.nan]})
    assert (found.run, found.facts) == ("toy", {"peak": 0.1})
    assert list(found.blank) == ["lr"]


def test_lines_that_are_no_metric_are_left_out_and_counted(tmp_path):
    store(tmp_path, "a", {"loss": "1 2.5 0\nrubbish\n\xff\x00\n3 1.0 99999999999999999999999\n4 1.0 4\n"})
    (found,) = mlflow_files.tables(Source("logs", b"", tmp_path, lambda: b""))
    assert found.columns["step"].tolist() == [0, 4]
    assert found.notes == ("3 lines of loss are no 'timestamp value step' and left out.",)


def test_a_folder_of_empty_metrics_says_so(tmp_path):
    store(tmp_path, "a", {"loss": ""})
    with pytest.raises(FormatError, match="without any metric"):
        mlflow_files.tables(Source("logs", b"", tmp_path, lambda: b""))
    assert not mlflow_files.fits(Source("logs", b"", tmp_path / "a" / "metrics", lambda: b""))
