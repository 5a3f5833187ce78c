import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from surefoot.errors import JournalError
from surefoot.search.finding import find
from surefoot.search.journal import opened
from surefoot.search.sweeping import sweep
from surefoot.search.tuning import tune
from surefoot.trial import Trial

HERE = Path(__file__).parent
TRIAL = Trial(0.1, 0, 10, 10, math.inf, "diverged", points=(0, 1), losses=(1.0, math.nan), start=1.0)


def test_a_trial_comes_back_as_it_was(tmp_path):
    path = tmp_path / "deep" / "j.jsonl"
    opened(path, {"total": 3}).add("a", TRIAL)
    [(key, trial)] = opened(path, {"total": 3}).done.items()
    assert (key, repr(trial)) == ("a", repr(TRIAL))


def test_without_a_path_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    opened(None, {}).add("a", TRIAL)
    assert not list(tmp_path.iterdir())


def test_a_torn_last_line_is_dropped_at_any_byte(tmp_path):
    path = tmp_path / "j.jsonl"
    opened(path, {"total": 3}).add("a", TRIAL)
    whole = path.read_bytes()
    header = whole.index(b"\n") + 1
    for end in (*range(0, header, 9), *range(header, len(whole), 17)):
        path.write_bytes(whole[:end])
        journal = opened(path, {"total": 3})
        assert journal.done == {}
        journal.add("b", TRIAL)
        assert list(opened(path, {"total": 3}).done) == ["b"]
        assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_line_that_another_process_left_torn_does_not_take_the_next_with_it(tmp_path):
    path = tmp_path / "j.jsonl"
    journal = opened(path, {})
    journal.add("a", TRIAL)
    with path.open("ab") as stream:
        stream.write(b'{"key": "b", "tri')
    journal.add("c", TRIAL)
    assert list(opened(path, {}).done) == ["a", "c"]


def test_a_disk_that_is_full_leaves_no_half_line(tmp_path):
    path = tmp_path / "j.jsonl"
    opened(path, {}).add("a", TRIAL)
    before = path.read_bytes()
    script = """
import resource, signal, sys
from pathlib import Path
from surefoot.errors import JournalError
from surefoot.search.journal import opened
from surefoot.trial import Trial
journal = opened(sys.argv[1], {})
size = Path(sys.argv[1]).stat().st_size
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, size + 20))
try:
    journal.add("b", Trial(0.1, 0, 10, 10, 1.0))
except JournalError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True).stdout
    assert "can't be written" in said
    assert path.read_bytes() == before


def test_a_journal_of_another_search(tmp_path, bowls):
    path = tmp_path / "j.jsonl"
    tune(bowls.bowl, total=100, journal=path)
    before = path.read_bytes()
    with pytest.raises(JournalError, match=r"belongs to another search \(total 100 there, 200 here\)"):
        tune(bowls.bowl, total=200, journal=path)
    with pytest.raises(JournalError, match="task 'bowl' there, 'noisy_bowl' here"):
        tune(bowls.noisy_bowl, total=100, journal=path)
    with pytest.raises(JournalError, match="verb 'tune' there, 'find' here"):
        find(bowls.bowl, total=100, budget=0.5, journal=path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["no json\n", "[]\n", '{"format": "something else"}\n', "no end", '{"format": 3'])
def test_what_is_no_journal_is_left_alone(tmp_path, text):
    path = tmp_path / "notes.txt"
    path.write_text(text)
    with pytest.raises(JournalError, match="is no surefoot journal"):
        opened(path, {})
    assert path.read_text() == text


def test_a_path_that_can_not_be_written(tmp_path):
    with pytest.raises(JournalError, match="can't be used"):
        opened(tmp_path, {})


def test_a_line_that_is_no_trial(tmp_path):
    path = tmp_path / "j.jsonl"
    opened(path, {})
    with path.open("a") as stream:
        stream.write('{"key": "a", "trial": {"lr": 1}}\n')
    with pytest.raises(JournalError, match=r"line 2 of .* is no trial"):
        opened(path, {})


def test_a_finished_search_is_answered_without_a_single_update(tmp_path, bowls):
    counts = {"updates": 0}
    task = bowls.counted(bowls.noisy_bowl, counts)
    first = tune(task, total=300, journal=tmp_path / "j")
    spent = counts["updates"]
    again = tune(task, total=300, journal=tmp_path / "j")
    assert counts["updates"] == spent == first.cost_steps
    assert (again.lr, again.low, again.high, again.why, again.curve) == (
        first.lr,
        first.low,
        first.high,
        first.why,
        first.curve,
    )


SCRIPT = """
import sys
sys.path.insert(0, {here!r})
import bowls
from surefoot.search.{module} import {verb}
answer = {verb}(bowls.slow, {arguments}, journal=sys.argv[1])
print([(t.lr, t.loss, t.steps) for t in getattr(answer, "curve", answer).trials], getattr(answer, "lr", None))
"""
SEARCHES = [("tuning", "tune", "total=2000"), ("sweeping", "sweep", "[0.01 * 2**k for k in range(7)], total=300")]


@pytest.mark.parametrize(("module", "verb", "arguments"), SEARCHES)
def test_killed_at_random_and_resumed_gives_the_same_answer(tmp_path, module, verb, arguments):
    script = SCRIPT.format(here=str(HERE), module=module, verb=verb, arguments=arguments)
    command = [sys.executable, "-c", script]
    began = time.monotonic()
    expected = subprocess.run([*command, tmp_path / "whole"], capture_output=True, text=True, check=True).stdout
    took = time.monotonic() - began
    chance = random.Random(verb)
    journal, done = tmp_path / "killed", 0
    for _ in range(4):
        with subprocess.Popen([*command, journal], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            time.sleep(took * chance.uniform(0.4, 0.9))
            os.kill(process.pid, signal.SIGKILL)
        lines = journal.read_bytes().count(b"\n") if journal.exists() else 0
        assert lines >= done, "a finished trial was lost"
        done = lines
    assert subprocess.run([*command, journal], capture_output=True, text=True, check=True).stdout == expected
    assert journal.read_bytes().count(b"\n") == (tmp_path / "whole").read_bytes().count(b"\n"), "a trial was repeated"


def test_the_trials_of_a_sweep_are_in_the_order_asked_for(tmp_path, bowls):
    whole = sweep(bowls.bowl, [0.3, 0.1, 0.2], total=20)
    path = tmp_path / "j"
    sweep(bowls.bowl, [0.3, 0.1, 0.2], total=20, journal=path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[3])
    resumed = sweep(bowls.bowl, [0.3, 0.1, 0.2], total=20, journal=path)
    assert [t.lr for t in resumed.trials] == [t.lr for t in whole.trials] == [0.3, 0.1, 0.2]
