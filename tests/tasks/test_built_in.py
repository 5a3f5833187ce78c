"""Laws that every built-in task obeys, over one table of them all."""

from __future__ import annotations

import inspect
import math
import pickle
import random
import subprocess
import sys

import numpy as np
import pytest
import torch

from surefoot.history.reading import Reading
from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import hold, ramp
from surefoot.tasks import BUILT_IN, resolve

# A rate at which each task learns, the updates after which it clearly has, and knobs that make it quick.
SENSIBLE = {
    "digits": (3e-3, 60, {}),
    "digits_cnn": (1e-2, 40, {}),
    "mnist1d": (0.1, 60, {}),
    "tabular": (1e-2, 200, {}),
    "finetune": (3e-3, 40, {}),
    "finetune_lora": (1e-2, 60, {}),
    "charlm": (1e-2, 30, {"width": 32, "batch": 8}),
    "muon": (0.05, 30, {"width": 32, "batch": 8}),
    "quadratic": (0.05, 50, {}),
    "noisy_quadratic": (0.3, 100, {}),
    "rosenbrock": (1e-4, 200, {}),
    "valley": (0.015, 200, {}),
}
# torch has Muon from 2.9 on.
NAMES = sorted(name for name in BUILT_IN if name != "muon" or hasattr(torch.optim, "Muon"))


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def readings(name, *, rate=None, steps=3, seed=0):
    sensible, _, knobs = SENSIBLE[name]
    schedule = Schedule(sensible if rate is None else rate, (hold(steps),))
    return list(resolve(name)(schedule, seed=seed, **knobs))


def losses(name, **options):
    return [reading.loss for reading in readings(name, **options)]


def test_the_table_names_every_task():
    assert set(SENSIBLE) == set(BUILT_IN)


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_at_a_sensible_rate(name):
    rate, steps, knobs = SENSIBLE[name]
    warm = steps // 5
    schedule = Schedule(rate, (ramp(0, 1, warm), ramp(1, 0, steps - warm)))
    before = None
    for reading in resolve(name)(schedule, seed=0, **knobs):
        # The first update of a warmup has rate 0: the loss after it is that at initialisation.
        before = reading.val_loss() if before is None else before
    assert reading.val_loss() < 0.8 * before


@pytest.mark.parametrize("name", NAMES)
def test_it_yields_one_reading_an_update_with_the_rate_that_was_applied(name):
    schedule = Schedule(SENSIBLE[name][0], (ramp(0.1, 1, 4),))
    found = list(resolve(name)(schedule, seed=0, **SENSIBLE[name][2]))
    assert all(type(reading) is Reading and type(reading.loss) is float for reading in found)
    assert [reading.step for reading in found] == [0, 1, 2, 3]
    assert [reading.lr for reading in found] == schedule.array().tolist()


@pytest.mark.parametrize("name", NAMES)
def test_an_open_plan_runs_until_it_is_closed(name):
    stream = resolve(name)(Schedule(SENSIBLE[name][0], (hold(None),)), **SENSIBLE[name][2])
    assert [next(stream).step for _ in range(3)] == [0, 1, 2]
    stream.close()
    assert next(stream, None) is None


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides_the_run(name):
    first = losses(name)
    assert losses(name) == first
    assert losses(name, seed=1) != first


@pytest.mark.parametrize("name", NAMES)
def test_two_runs_do_not_touch_one_another(name):
    alone = losses(name, steps=4)
    schedule = Schedule(SENSIBLE[name][0], (hold(4),))
    streams = [resolve(name)(schedule, seed=seed, **SENSIBLE[name][2]) for seed in (0, 1)]
    together = [[reading.loss for reading in pair] for pair in zip(*streams, strict=True)]
    assert [pair[0] for pair in together] == alone


@pytest.mark.parametrize("name", NAMES)
def test_validating_changes_nothing(name):
    schedule = Schedule(SENSIBLE[name][0], (hold(4),))
    judged = [r.judged() for r in resolve(name)(schedule, seed=0, **SENSIBLE[name][2])]
    assert [reading.loss for reading in judged] == losses(name, steps=4)
    assert all(math.isfinite(reading.val_loss) for reading in judged)


@pytest.mark.parametrize("name", NAMES)
def test_the_callers_generators_stay_where_they_were(name):
    def states():
        return pickle.dumps((random.getstate(), np.random.get_state(), torch.get_rng_state().tolist()))  # noqa: NPY002  the global state

    before = states()
    stream = resolve(name)(Schedule(SENSIBLE[name][0], (hold(3),)), seed=5, **SENSIBLE[name][2])
    next(stream).judged()
    assert states() == before
    next(stream)
    stream.close()
    assert states() == before


@pytest.mark.parametrize("name", NAMES)
def test_a_run_does_not_depend_on_the_callers_generators(name):
    torch.manual_seed(1)
    first = losses(name)
    torch.manual_seed(2)
    assert losses(name) == first


@pytest.mark.parametrize(
    "name", ["digits", "charlm", "mnist1d", "quadratic", "noisy_quadratic", "rosenbrock", "valley"]
)
def test_a_huge_rate_breaks_it_and_nothing_hides_that(name):
    start, *_, end = readings(name, rate=1e4, steps=30)
    assert not end.loss <= 2 * start.loss


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_generator_function_with_a_seed_that_a_worker_can_import(name):
    task = resolve(name)
    assert inspect.isgeneratorfunction(task)
    assert "seed" in inspect.signature(task).parameters
    assert pickle.loads(pickle.dumps(task)) is task  # noqa: S301  made on this line
    assert BUILT_IN[name].total > 0
    assert BUILT_IN[name].default_lr > 0
    assert BUILT_IN[name].summary


def test_neither_the_names_nor_the_analytic_tasks_import_torch():
    code = (
        "import sys; from surefoot.tasks import BUILT_IN, resolve; "
        "[resolve(n) for n, b in BUILT_IN.items() if not b.needs]; "
        "print([m for m in ('torch', 'sklearn', 'mnist1d', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
