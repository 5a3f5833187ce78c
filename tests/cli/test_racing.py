"""surefoot tune --include: the race after the search, on the terminal, as data and on the page."""

from __future__ import annotations

import json

import pytest

CODE = """
def task(schedule, seed=0, optimizer="adamw"):
    x, steep = 1.0, {"adamw": 1.0, "dog": 0.5, "schedule-free": 0.2}[optimizer]
    for step in range(schedule.total):
        x -= min(schedule(step), 1.0) * steep * x
        yield x * x + 0.01 * steep
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "train.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_race_is_in_the_answer_the_result_and_the_page(line, folder):
    asked = ("tune", "train.py:task", "--total", "200", "--include", "schedule-free, dog", "--out", "there")
    done = line.run(*asked)
    assert done.returncode == 0
    table = done.stdout[done.stdout.index("Against methods that need no tuning") :]
    assert [row.split()[0] for row in table.splitlines()[2:5]] == ["tuned", "schedule-free", "dog"]
    assert "differences below the spread of a few seeds say nothing" in table
    again = line.run(*asked, "--json")
    result = json.loads(again.stdout)
    assert [entry["name"] for entry in result["race"]["entries"]] == ["tuned schedule", "schedule-free", "dog"]
    assert result["race"]["entries"][0]["cost"] == 200 + result["cost_steps"]
    assert result == json.loads((folder / "there" / "result.json").read_text())
    page = (folder / "there" / "report.html").read_text()
    assert "Against methods that need no tuning" in page
    assert "--include" in page
    assert (folder / "there" / "race.jsonl").read_text().count("\n") == 1 + 3


@pytest.mark.parametrize(
    ("include", "said"),
    [("momo", "asks for the loss"), ("prodigyy", "no method that can be raced"), (",", "names no method")],
)
def test_what_cannot_be_raced_is_said_before_anything_runs(line, folder, include, said):
    done = line.run("tune", "train.py:task", "--total", "200", "--include", include)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (folder / "surefoot-out").exists()


def test_a_task_without_the_knob_is_refused(line):
    done = line.run("tune", "quadratic", "--include", "dog")
    assert done.returncode == 2
    assert "quadratic takes no optimizer" in done.stderr
