from __future__ import annotations

import json
import signal
import time

import pytest

TUNE = ("tune", "mine.py:task", "--total", 400, "--out", "out")
PATIENCE = 30.0


def trials(line):
    try:
        return (line.directory / "out" / "journal.jsonl").read_bytes().count(b"\n") - 1
    except FileNotFoundError:
        return -1


def stopped(line, sign, after, *arguments):
    """Start the search slowly, send ``sign`` once ``after`` trials are finished, and return its end."""
    process = line.start(*arguments, PAUSE="0.02")
    end = time.monotonic() + PATIENCE
    while trials(line) < after:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "the search made no progress"
        time.sleep(0.02)
    process.send_signal(sign)
    said, errors = process.communicate(timeout=PATIENCE)
    return process.returncode, said, errors


@pytest.fixture
def whole(line):
    assert line.process(*TUNE, "--out", "whole").returncode == 0
    return json.loads((line.directory / "whole" / "result.json").read_text(encoding="utf-8"))


def test_control_c_writes_the_best_answer_so_far(line):
    code, said, errors = stopped(line, signal.SIGINT, 4, *TUNE, "--json")
    assert code == 130
    assert "Traceback" not in errors
    assert "Interrupted: this is the best answer so far" in errors
    found = json.loads(said)
    assert found == json.loads((line.directory / "out" / "result.json").read_text(encoding="utf-8"))
    assert found["interrupted"]
    assert 0 < found["peak"] < 2 / 30.0
    assert (line.directory / "out" / "report.html").read_text(encoding="utf-8").endswith("</html>\n")


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_the_same_command_goes_on_where_it_was_stopped_and_answers_the_same(line, whole, sign):
    stopped(line, sign, 2, *TUNE)
    before = trials(line)
    again = line.process(*TUNE, "--json")
    assert again.returncode == 0
    assert f"Resumed: {before} finished trials were taken" in again.stderr
    found = json.loads(again.stdout)
    for name in ("peak", "low", "high", "edge", "confidence", "why", "cost_steps", "schedule", "advice"):
        assert found[name] == whole[name]


def test_after_a_kill_nothing_half_written_is_left(line):
    code, _, _ = stopped(line, signal.SIGKILL, 2, *TUNE)
    assert code == -signal.SIGKILL
    assert [file.name for file in (line.directory / "out").iterdir()] == ["journal.jsonl"]


def test_control_c_before_the_first_trial_is_no_traceback(line):
    code, said, errors = stopped(line, signal.SIGINT, 0, *TUNE)
    assert code == 130
    assert "Traceback" not in errors
    assert "No answer" in said or "surefoot: interrupted." in errors


def test_control_c_does_not_wait_for_the_workers(line):
    sweep = ("sweep", "mine.py:task", "--total", 2000, "--lrs", "1e-3,1e-2", "--workers", 1, "--out", "out")
    code, _, errors = stopped(line, signal.SIGINT, 0, *sweep)
    assert code == 130
    assert "Traceback" not in errors


def test_control_c_keeps_what_the_workers_have_finished(line):
    sweep = ("sweep", "mine.py:task", "--total", 20, "--low", 1e-3, "--high", 1e-2, "--points", 30)
    code, said, errors = stopped(line, signal.SIGINT, 4, *sweep, "--workers", 2, "--out", "out", "--json")
    assert code == 130
    assert "Traceback" not in errors
    found = json.loads(said)
    assert found["interrupted"]
    assert 4 <= len(found["trials"]) <= trials(line) < 30


def test_an_interrupt_that_the_task_loses_is_not_lost(line):
    code, said, errors = stopped(line, signal.SIGINT, 1, "tune", "mine.py:deaf", "--total", 4000, "--out", "out")
    assert code == 130
    assert "Traceback" not in errors
    assert "result.json" in said
