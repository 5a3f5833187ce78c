import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from surefoot.errors import TaskError
from surefoot.search.finding import find
from surefoot.search.sweeping import sweep
from surefoot.search.tuning import tune

RATES = [0.01, 0.1, 0.3, 1.0]


@pytest.fixture(scope="module")
def pool():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        yield executor


def told(trials):
    return [(t.lr, t.seed, t.loss, t.steps, t.status, t.losses) for t in trials]


@pytest.mark.parametrize("name", ["bowl", "noisy_bowl", "unseeded"])
def test_a_sweep_is_the_same_in_other_processes(pool, bowls, name):
    task = getattr(bowls, name)
    here, there = sweep(task, RATES, total=60, seeds=2), sweep(task, RATES, total=60, seeds=2, executor=pool)
    assert told(here.trials) == told(there.trials)


def test_tune_is_the_same_in_other_processes_and_with_a_journal(pool, bowls, tmp_path):
    here = tune(bowls.noisy_bowl, total=300)
    there = tune(bowls.noisy_bowl, total=300, executor=pool, journal=tmp_path / "j")
    assert (here.lr, here.why, here.cost_steps) == (there.lr, there.why, there.cost_steps)


def test_threads_do_not_mix_their_generators(bowls):
    with ThreadPoolExecutor(3) as executor:
        there = sweep(bowls.yielding, RATES, total=40, executor=executor)
    assert told(there.trials) == told(sweep(bowls.yielding, RATES, total=40).trials)


def test_a_task_that_can_not_be_pickled_is_refused_before_anything_ran(pool, tmp_path):
    with pytest.raises(TaskError, match="top level of a module"):
        sweep(lambda _schedule: iter([1.0]), RATES, total=10, executor=pool, journal=tmp_path / "j")
    assert (tmp_path / "j").read_bytes().count(b"\n") == 1


def test_an_error_in_a_worker_is_the_sentence_it_would_be_here(pool, bowls):
    with pytest.raises(TaskError, match=r"noisy_bowl raised ValueError .* at update 0"):
        sweep(bowls.noisy_bowl, RATES, total=10, knobs={"dim": "many"}, executor=pool)


@pytest.mark.parametrize("at", [1, 30, 90, 160])
def test_ctrl_c_returns_the_best_answer_so_far(bowls, at, tmp_path):
    peak = tune(bowls.interrupting(bowls.bowl, at), total=400, journal=tmp_path / "j")
    assert "interrupted" in peak.why
    assert peak.curve.interrupted
    assert peak.lr is None or peak.lr < 0.5
    assert (tmp_path / "j").read_bytes().count(b"\n") >= 1 + len(peak.curve.trials)


def test_ctrl_c_in_a_sweep_returns_the_trials_that_ended(bowls):
    curve = sweep(bowls.interrupting(bowls.bowl, 50), RATES, total=20)
    assert curve.interrupted
    assert [trial.lr for trial in curve.trials] == RATES[:2]


def test_an_interrupted_search_goes_on_from_its_journal(bowls, tmp_path):
    counts = {"updates": 0}
    task = bowls.counted(bowls.interrupting(bowls.bowl, 150), counts)
    first = tune(task, total=400, journal=tmp_path / "j")
    finished = first.cost_steps
    counts["updates"] = 0
    second = tune(task, total=400, journal=tmp_path / "j")
    assert "interrupted" not in second.why
    assert counts["updates"] == second.cost_steps - finished
    assert second.lr == tune(bowls.bowl, total=400).lr


def test_a_second_ctrl_c_is_not_caught(tmp_path):
    script = """
        import os, signal
        from surefoot.search import finding

        def task(schedule):
            while True:
                yield 1.0
                os.kill(os.getpid(), signal.SIGINT)

        def stubborn(*args, **kwargs):
            os.kill(os.getpid(), signal.SIGINT)

        finding.verdict = stubborn
        finding.find(task, total=100)
    """
    path = tmp_path / "twice.py"
    path.write_text(textwrap.dedent(script))
    ended = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False)
    assert ended.returncode in {-signal.SIGINT, 1}
    assert "KeyboardInterrupt" in ended.stderr


def test_progress_is_told_of_every_finished_trial_and_the_budget(bowls):
    seen = []
    peak = tune(bowls.bowl, total=400, progress=seen.append)
    finished = [progress for progress in seen if progress.finished]
    assert [progress.spent for progress in finished][-1] == peak.cost_steps
    assert [p.finished for p in finished[1:]] == list(peak.curve.trials)
    assert {progress.budget for progress in seen} == {200}
    spent = [progress.spent for progress in seen]
    assert (min(spent) > 0, max(spent) <= 200, spent) == (True, True, sorted(spent))


def test_the_seconds_of_an_earlier_session_count(bowls, tmp_path):
    first = tune(bowls.bowl, total=400, journal=tmp_path / "j")
    again = tune(bowls.bowl, total=400, journal=tmp_path / "j")
    assert again.seconds > sum(trial.seconds for trial in first.curve.trials)


def test_an_error_in_the_callback_is_the_callers(bowls):
    def broken(_progress):
        raise LookupError("the display is gone")

    with pytest.raises(LookupError):
        find(bowls.bowl, total=100, progress=broken)


def test_searching_imports_no_torch():
    code = """
import sys, surefoot.search.tuning, surefoot.search.sweeping, surefoot.search.planning
assert not {"torch", "matplotlib", "sklearn"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent)
