"""With --json, standard output is the answer and nothing that a task says."""

from __future__ import annotations

import json

import pytest

CHATTY = """
import os

print("the file talks")


def task(schedule):
    print("the task talks", flush=True)
    os.system("echo its child talks")
    x = 1.0
    for step in range(schedule.total):
        yield x * x
        x -= schedule(step) * x
"""


@pytest.mark.parametrize("workers", [(), ("--workers", 1)], ids=["here", "in a worker"])
def test_what_a_task_prints_stays_out_of_the_json(line, workers):
    (line.directory / "talk.py").write_text(CHATTY, encoding="utf-8")
    asked = ("sweep", "talk.py:task", "--total", 8, "--lrs", "0.1,0.5", "--json", "--out", "here", *workers)
    done = line.process(*asked)
    assert done.stdout == (line.directory / "here" / "result.json").read_text(encoding="utf-8")
    assert json.loads(done.stdout)["task"] == "talk.py:task"
    for voice in ("the file talks", "the task talks", "its child talks"):
        assert voice in done.stderr


def test_a_misspelt_task_is_named_before_its_missing_total(line):
    done = line.run("tune", "digitz")
    assert done.returncode == 2
    assert "Did you mean 'digits'?" in done.stderr
