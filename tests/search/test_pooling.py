import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

import surefoot as sf
from surefoot.errors import ArgumentError, TaskError

HERE = Path(__file__).parent
SCRIPT = """
import sys
sys.path.insert(0, {here!r})
import bowls
import surefoot as sf

if __name__ == "__main__":
    with sf.pool(2) as executor:
        curve = sf.sweep(bowls.noted, [0.01 * 1.5**k for k in range(6)], total=150, executor=executor, {journal})
    print([(t.lr, t.loss, t.losses) for t in curve.trials])
"""


@pytest.fixture
def script(tmp_path):
    def written(journal="journal=sys.argv[1]"):
        path = tmp_path / "script.py"
        path.write_text(SCRIPT.format(here=str(HERE), journal=journal), encoding="utf-8")
        return [sys.executable, str(path)]

    return written


def started(command, notes):
    return subprocess.Popen(
        command,
        env={**os.environ, "NOTES": str(notes)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def lines(path):
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def alive(group):
    """Whether any process of the group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def gone(group, patience=20.0):
    end = time.monotonic() + patience
    while alive(group) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(group)


@pytest.mark.parametrize("whole", [False, True], ids=["parent", "group"])
def test_a_pool_killed_at_random_and_resumed_gives_the_same_and_repeats_what_was_in_flight(tmp_path, script, whole):
    command = script()
    expected = started([*command, str(tmp_path / "a")], tmp_path / "calm").communicate()[0]
    journal, notes, chance = tmp_path / "b", tmp_path / "notes", random.Random(whole)
    for k in range(3):
        process = started([*command, str(journal)], notes)
        while len(lines(notes)) < 2 and process.poll() is None:
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 0.6) + 0.5 * (k > 0))
        (os.killpg if whole else os.kill)(process.pid, signal.SIGKILL)
        process.communicate()
    assert started([*command, str(journal)], notes).communicate()[0] == expected
    # Two were in flight: with their parent alone killed they are finished by whoever had them in hand.
    assert len(lines(notes)) - len(set(lines(notes))) <= (2 * 3 if whole else 0)
    assert len(set(lines(notes))) == 6
    assert len(lines(journal)) == 7


def test_workers_whose_parent_was_killed_end_at_once_where_no_journal_keeps_their_trial(tmp_path, script):
    notes = tmp_path / "notes"
    process = started(script(journal=""), notes)
    while len(lines(notes)) < 2:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert gone(process.pid)
    assert len(lines(notes)) == 2


def test_two_sweeps_with_one_journal_share_the_work(tmp_path, script):
    notes, command = tmp_path / "notes", [*script(), str(tmp_path / "j")]
    both = [started(command, notes) for _ in range(2)]
    first, second = (process.communicate()[0] for process in both)
    assert first
    assert first == second
    assert sorted(lines(notes)) == sorted(set(lines(notes)))


def test_the_cores_are_shared_out_unless_the_user_chose(monkeypatch, bowls):
    cores = len(os.sched_getaffinity(0))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        told = sf.sweep(bowls.threads, [0.1], total=10, executor=executor)
    assert told.trials[0].loss == cores
    with sf.pool(2) as executor:
        told = sf.sweep(bowls.threads, [0.1], total=10, executor=executor)
    assert told.trials[0].loss == max(1, cores // 2)
    assert "OMP_NUM_THREADS" not in os.environ
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with sf.pool(1) as executor:
        told = sf.sweep(bowls.threads, [0.1], total=10, executor=executor)
    assert told.trials[0].loss == 7


def test_a_worker_that_is_killed_is_one_sentence_and_what_was_finished_is_kept(tmp_path, bowls):
    with sf.pool(1) as executor:
        sf.sweep(bowls.bowl, [0.1], total=20, executor=executor, journal=tmp_path / "j")
        with pytest.raises(TaskError, match="a worker process ended in the middle of ending"):
            sf.sweep(bowls.ending, [0.1], total=20, executor=executor, journal=tmp_path / "k")
    assert len(lines(tmp_path / "j")) == 2
    assert len(lines(tmp_path / "k")) == 1


def test_progress_is_told_of_trials_that_are_under_way_in_workers(bowls):
    seen = []
    with sf.pool(2) as executor:
        curve = sf.sweep(bowls.yielding, [0.1, 0.2, 0.3], total=800, executor=executor, progress=seen.append)
    flying = [one for one in seen if one.finished is None]
    assert {one.finished for one in seen if one.finished} == set(curve.trials)
    assert len(flying) >= 2
    assert {one.lr for one in flying} <= {0.1, 0.2, 0.3}
    assert all(0 < one.trial_step <= one.trial_total == 800 and one.loss > 0 for one in flying)
    spent = [one.spent for one in seen]
    assert (max(spent), spent) == (2400, sorted(spent))


def test_no_worker_outlives_the_block(bowls):
    with sf.pool(2) as executor:
        sf.sweep(bowls.bowl, [0.1], total=20, executor=executor)
        there = list(executor._processes.values())
    assert len(there) == 2
    deadline = time.monotonic() + 10
    # The pool's own thread may have reaped a worker and not said so yet: then it looks alive for a moment more.
    while any(process.is_alive() for process in there) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(process.is_alive() for process in there)


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2"])
def test_a_number_of_workers_that_can_not_be(workers):
    with pytest.raises(ArgumentError, match=r"workers=.* must be an int >= 1"), sf.pool(workers):
        pass
