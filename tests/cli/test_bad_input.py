from __future__ import annotations

import pytest

BAD = [
    (["tun", "digits"], "did you mean 'tune'"),
    (["tune", "quadratik", "--total", 100], "'quadratic'"),
    (["tune", "gone.py:task", "--total", 100], "gone.py"),
    (["tune", "mine.py:tsk", "--total", 100], "did you mean 'task'"),
    (["tune", "mine.py", "--total", 100], "mine.py:task"),
    (["tune", "mine.py:task"], "--total"),
    (["tune", "mine.py:task", "--totl", 100], "--total"),
    (["tune", "mine.py:task", "--total", 0], "total=0"),
    (["tune", "mine.py:task", "--total", -5], "total=-5"),
    (["tune", "mine.py:task", "--total", "many"], "many"),
    (["tune", "mine.py:task", "--total", 100, "--budget", -1], "budget=-1"),
    (["tune", "mine.py:task", "--total", 100, "--budget", "nan"], "budget=nan"),
    (["tune", "mine.py:task", "--total", 100, "--low", 1, "--high", 0.1], "low=1.0"),
    (["tune", "mine.py:task", "--total", 100, "--recipe", "cosin"], "did you mean 'cosine'"),
    (["tune", "mine.py:task", "--total", 100, "--recipe", "noam"], "needs more than a peak"),
    (["tune", "mine.py:task", "--total", 100, "--recipe", "wsd", "--extendable"], "pass one of them"),
    (["tune", "mine.py:task", "--total", 100, "--knob", "width"], "name=value"),
    (["tune", "mine.py:task", "--total", 100, "--knob", "width=3"], "'width'"),
    (["tune", "mine.py:task", "--total", 100, "--out", "mine.py/x"], "cannot be written"),
    (["tune", "mine.py:broken", "--total", 100], "no data"),
    (["tune", "mine.py:nothing", "--total", 100], "yields nothing"),
    (["tune", "mine.py:early", "--total", 100], "ended after 1 updates"),
    (["tune", "mine.py:leaves", "--total", 100], "leaves raised SystemExit (7) at update 1"),
    (["tune", "mine.py:nan", "--total", 100], "nan at its first update"),
    (["sweep", "mine.py:task", "--total", 100], "--lrs"),
    (["sweep", "mine.py:task", "--total", 100, "--lrs", "a,b"], "'a,b'"),
    (["sweep", "mine.py:task", "--total", 100, "--lrs", "-1"], "must be a finite rate > 0"),
    (["sweep", "mine.py:task", "--total", 100, "--low", 1, "--high", 0.1], "0 < low < high"),
    (["plan", "cosin", "--peak", 1], "did you mean 'cosine'"),
    (["plan", "cosine", "--peak", "3e-4"], "--total"),
    (["plan", "cosine", "--peak", -1, "--total", 100], "peak=-1"),
    (["plan", "cosine", "--peak", "nan", "--total", 100], "peak='nan'"),
    (["plan", "cosine", "--peak", 1, "--total", 100, "--floor", 2], "floor=2"),
    (["plan", "cosine", "--peak", 1, "--total", 100, "--warmup", "3parsecs"], "3parsecs"),
    (["plan", "cosine", "--peak", 1, "--total", "9ep"], "steps_per_epoch"),
    (["plan", "cosine", "--peak", 1, "--total", 100, "--warmup", 200], "200"),
    (["plan", "step-decay", "--peak", 1, "--total", 100, "--at", "60,30"], "60"),
    (["plan", "wsd", "--peak", 1, "--total", 100, "--shape", "sqrt"], "1-sqrt"),
    (["plan", "cosine", "--peak", 1, "--total", 100, "--svg", "mine.py/a.svg"], "cannot be written"),
    (["plan", "cosine", "--peak", 1, "--total", 100, "--png", "a.gif"], "must end in"),
    (["plan", "constant", "--peak", 1, "--table", "--stop", -3], "stop=-3"),
]


@pytest.mark.parametrize(
    ("arguments", "said"), BAD, ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else ""
)
def test_bad_input_is_one_sentence_and_exit_code_two(line, arguments, said):
    before = sorted(line.directory.rglob("*"))
    done = line.run(*arguments)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    told = [text for text in done.stderr.splitlines() if text.startswith("surefoot: ")]
    assert len(told) == 1
    assert done.stdout == ""
    left = {file.name for file in set(line.directory.rglob("*")) - set(before)}
    assert left & {"result.json", "report.html", "a.svg", "a.gif"} == set()


@pytest.mark.parametrize("name", ["broken", "nothing", "early", "leaves"])
def test_a_task_that_fails_before_its_first_trial_leaves_no_journal(line, name):
    before = set(line.directory.iterdir())
    assert line.run("tune", f"mine.py:{name}", "--total", 100).returncode == 2
    assert line.run("tune", f"mine.py:{name}", "--total", 100, "--out", "new/deep").returncode == 2
    left = set(line.directory.iterdir()) - before
    assert {path.name for path in left} <= {"__pycache__"}


def test_a_folder_that_was_there_stays(line):
    out = line.directory / "mine"
    out.mkdir()
    assert line.run("tune", "mine.py:broken", "--total", 100, "--out", "mine").returncode == 2
    assert list(out.iterdir()) == []


def test_trials_that_were_finished_before_an_error_stay(line):
    sweep = ("sweep", "mine.py:picky", "--total", 50, "--lrs", "1e-3,0.9", "--out", "mine")
    assert line.run(*sweep).returncode == 2
    assert (line.directory / "mine" / "journal.jsonl").read_bytes().count(b"\n") == 2
