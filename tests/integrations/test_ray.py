"""On a real local cluster, one for all these tests: it takes seconds to start."""

import importlib.util
import sys
import time
from pathlib import Path

import pytest
import ray

import surefoot as sf
from surefoot.errors import ArgumentError, TaskError
from surefoot.integrations.ray import RayExecutor

RATES = [0.01, 0.1, 0.3, 1.0]
BOWLS = Path(__file__).parents[1] / "search" / "bowls.py"


@pytest.fixture(scope="module")
def bowls():
    """A module of tasks that the workers can import too."""
    spec = importlib.util.spec_from_file_location("bowls", BOWLS)
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get("bowls")
    sys.modules["bowls"] = module
    sys.path.append(str(BOWLS.parent))
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(BOWLS.parent))
    del sys.modules["bowls"]
    if before is not None:
        sys.modules["bowls"] = before


@pytest.fixture(scope="module")
def cluster(bowls):
    with RayExecutor(workers=2) as executor:
        yield executor
    assert bowls
    assert not ray.is_initialized()


def told(trials):
    return [(t.lr, t.seed, t.loss, t.steps, t.status, t.losses) for t in trials]


def test_a_sweep_is_the_same_on_a_cluster_and_its_journal_too(cluster, bowls, tmp_path):
    here = sf.sweep(bowls.noisy_bowl, RATES, total=60, seeds=2)
    there = sf.sweep(bowls.noisy_bowl, RATES, total=60, seeds=2, executor=cluster, journal=tmp_path / "j")
    assert told(here.trials) == told(there.trials)
    assert (tmp_path / "j").read_bytes().count(b"\n") == 1 + len(RATES) * 2


def test_tune_is_the_same_on_a_cluster(cluster, bowls):
    here, there = (sf.tune(bowls.noisy_bowl, total=300, executor=executor) for executor in (None, cluster))
    assert (here.lr, here.why, here.cost_steps) == (there.lr, there.why, there.cost_steps)


def test_an_error_in_a_task_is_the_sentence_it_would_be_here(cluster, bowls):
    with pytest.raises(TaskError, match=r"^noisy_bowl raised ValueError .* at update 0"):
        sf.sweep(bowls.noisy_bowl, RATES, total=10, knobs={"dim": "many"}, executor=cluster)


def test_a_worker_that_dies_is_one_sentence(cluster, bowls):
    with pytest.raises(TaskError, match="a worker process ended in the middle of ending"):
        sf.sweep(bowls.ending, [0.1], total=10, executor=cluster)


def test_a_task_of_this_very_file_needs_no_import(cluster):
    curve = sf.sweep(lambda schedule: iter([1.0 - schedule.peak] * 10), [0.1, 0.2], total=10, executor=cluster)
    assert [trial.loss for trial in curve.trials] == pytest.approx([0.9, 0.8])


def test_to_cancel_stops_what_runs(cluster, tmp_path):
    def tick(path):
        while True:
            with path.open("a") as stream:
                stream.write(".")
            time.sleep(0.02)

    future = cluster.submit(tick, tmp_path / "ticks")
    while not (tmp_path / "ticks").exists():
        time.sleep(0.02)
    assert future.cancel()
    end = time.monotonic() + 10
    before = -1
    while time.monotonic() < end and before != (size := (tmp_path / "ticks").stat().st_size):
        before = size
        time.sleep(0.3)
    assert before == (tmp_path / "ticks").stat().st_size


def test_ctrl_c_keeps_the_trials_that_ended(cluster, bowls):
    def report(progress):
        if progress.finished is not None:
            raise KeyboardInterrupt

    curve = sf.sweep(bowls.yielding, [0.1, 0.2, 0.3, 0.4, 0.5], total=1000, executor=cluster, progress=report)
    assert curve.interrupted
    assert 1 <= len(curve.trials) <= 2


def test_a_second_executor_shares_the_cluster_and_leaves_it_running(cluster):
    with RayExecutor(num_cpus=2) as second:
        assert second.submit(abs, -3).result() == 3
    assert cluster.submit(abs, -4).result() == 4
    with pytest.raises(RuntimeError, match="after shutdown"):
        second.submit(abs, -3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"num_cpus": -1.0}, "num_cpus=-1.0 must be"),
        ({"num_gpus": float("nan")}, "num_gpus=nan must be"),
        ({"address": "ray://somewhere:1", "workers": 2}, "workers=2 is the size of a local cluster"),
    ],
)
def test_resources_that_can_not_be(arguments, said):
    with pytest.raises(ArgumentError, match=said):
        RayExecutor(**arguments)
