"""The bank of short runs, what is replayed from it, and how constants are chosen by that."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import surefoot as sf
from surefoot.search import belief
from surefoot.search.ranging import rising
from surefoot.search.rungs import probe
from surefoot.search.running import Request, run_trial

FOLDER = Path(__file__).parents[2] / "benchmarks" / "selection"
NAMES = (
    *("setup", "data", "images", "language", "layers", "rows", "tables", "suite", "grid", "truth", "methods", "table"),
    *("bank", "replay", "constants", "choosing", "leave_out"),
)


@pytest.fixture(scope="module")
def whole(bench):
    return bench.bank.bank()


@pytest.fixture(scope="module")
def logistic(bench):
    [entry] = [entry for entry in bench.suite.SUITE if entry.name == "logistic"]
    return entry


def asked(entry, rate, steps, seed=10, schedule=None):
    return Request(entry.task, schedule or probe(rate, steps), rate, steps, seed)


def bowl(schedule, *, seed=0):
    x = 1.0
    for _ in range(schedule.total):
        yield 2.0 * x * x
        x -= schedule(seed * 0 + 1) * 4.0 * x


@pytest.fixture
def made(bench):
    """A task whose bank holds two lengths at two octaves: the losses are 4, 2 and 1, and one run was lost."""
    run = bench.bank.Run
    rows = [
        run("made", "c", 0, 10, -3.0, 4.0, 5.0, 10, 5.0, 4.5),
        run("made", "c", 0, 40, -3.0, 2.0, 5.0, 40, 5.0, 2.5),
        run("made", "c", 0, 10, -2.0, 1.0, 5.0, 10, 5.0, 5.5),
        run("made", "c", 0, 40, -2.0, None, 5.0, 7, 5.0, None),
    ]
    runs = {("made", "c", 0): {n: {r.octave: r for r in rows if r.steps == n} for n in (10, 40)}}
    entry = SimpleNamespace(name="made", task=bowl, recipe=lambda peak, total: sf.cosine(peak, total=total))
    return bench.bank.Bank(runs, {}), entry


def test_what_the_bank_holds_is_answered_exactly_and_is_what_a_real_run_leaves(bench, whole, logistic):
    run = whole.runs["logistic", "c", 10][25][-3.0]
    request = asked(logistic, 2.0**-3, 25)
    trial = bench.replay.Replay(whole, logistic).submit(run_trial, request).result()
    real = run_trial(request)
    assert trial.loss == run.loss
    assert trial.loss == pytest.approx(real.loss, rel=1e-3)
    assert trial.tail == pytest.approx(real.tail, rel=1e-3)
    assert trial.start == pytest.approx(real.start, rel=1e-3)
    told = ("lr", "seed", "steps", "total", "status", "validated")
    assert [getattr(trial, name) for name in told] == [getattr(real, name) for name in told]


def test_between_two_lengths_a_loss_is_linear_in_the_logarithm(bench, made):
    executor = bench.replay.Replay(*made)
    trial = executor.submit(run_trial, asked(made[1], 2.0**-3.1, 20, seed=0)).result()
    assert (trial.loss, trial.tail, trial.lr) == pytest.approx((3.0, 3.5, 2.0**-3))
    assert (trial.steps, trial.total, trial.status, len(executor.far)) == (20, 20, "done", 1)
    near = executor.submit(run_trial, asked(made[1], 2.0**-3.1, 36, seed=0)).result()
    part = math.log(36 / 10) / math.log(4)
    assert near.loss == pytest.approx(4 - 2 * part)
    assert (executor.asked, len(executor.far)) == (2, 1)


def test_a_lost_run_cost_what_it_did_and_one_that_rose_is_stuck(bench, made):
    executor = bench.replay.Replay(*made)
    lost = executor.submit(run_trial, asked(made[1], 2.0**-2, 39, seed=0)).result()
    assert (lost.status, lost.failed, lost.steps, lost.validated) == ("diverged", True, 7, False)
    assert executor.submit(run_trial, asked(made[1], 2.0**-2, 10, seed=0)).result().status == "stuck"


def test_a_seed_that_the_bank_lacks_is_another_one_that_it_has(bench, whole, logistic):
    executor = bench.replay.Replay(whole, logistic)
    losses = {}
    for seed in (10, 11, 12, 13):
        request = asked(logistic, 2.0**-3, 400, seed, logistic.recipe(2.0**-3, 400))
        losses[seed] = executor.submit(run_trial, request).result().loss
    assert len({losses[seed] for seed in (10, 11, 12)}) == 3
    assert losses[13] == losses[10]


def test_a_schedule_that_the_bank_does_not_have_is_refused(bench, made):
    with pytest.raises(LookupError, match="its kinds are"):
        bench.replay.Replay(*made).submit(run_trial, asked(made[1], 0.1, 10, schedule=sf.constant(0.1, total=10)))


def test_a_range_test_that_is_missing_is_run_once_and_kept(bench, made, tmp_path):
    runs, entry = made
    schedule, path = rising(1e-6, 100.0, 30), tmp_path / "tests.jsonl"
    request = Request(bowl, schedule, 100.0, 30, 0, judge_start=True, judge_end=False, keep_all=True)
    calls = []

    def run(request):
        calls.append(request)
        return run_trial(request)

    real = run_trial(request)
    first = bench.replay.Replay(runs, entry, path).submit(run, request).result()
    again = bench.replay.Replay(bench.bank.bank(tmp_path / "none", path), entry, path).submit(run, request).result()
    assert len(calls) == 1
    assert first.losses == again.losses == pytest.approx(real.losses, rel=1e-5)
    assert (first.steps, first.total, first.lr) == (real.steps, 30, 100.0)


def test_a_replayed_search_answers_within_its_budget_and_alike(bench, whole, logistic):
    answers = [bench.replay.replayed(whole, logistic, 10, "tune", 0.5) for _ in range(2)]
    (peak, executor), (again, _) = answers
    assert peak.lr == again.lr
    assert 0 < peak.cost_steps <= 0.5 * logistic.total
    assert 0 <= len(executor.far) < executor.asked
    assert bench.truth.truth("logistic", bench.grid.known()).regret(peak.lr) < 0.3


def test_the_bank_holds_every_task_and_goes_on_where_it_was_killed(bench, logistic, tmp_path):
    held = {tuple(row[:3]) for row in bench.bank.rows(bench.bank.BANK)}
    names = [entry.name for entry in bench.suite.SUITE]
    whole = {(name, kind, seed) for name in names for kind in "cwr" for seed in bench.bank.SEEDS}
    assert held == whole | {(name, "r", seed) for name in names for seed in bench.bank.REPEATS}
    best = math.log2(bench.truth.truth("logistic", bench.grid.known()).best)
    runs = {run.key: run for run in (bench.bank.Run(*row) for row in bench.bank.rows(bench.bank.BANK))}
    wanted = [("logistic", kind, 10, *rest) for kind, *rest in bench.bank.wanted(logistic, best)]
    assert set(wanted) <= set(runs)
    path = tmp_path / "bank.jsonl"
    path.write_text("\n".join(json.dumps(runs[key]) for key in wanted)[:-9])
    again = []

    def run(entry, kind, *rest):
        again.append((entry.name, kind, *rest))
        return runs[again[-1]]

    assert bench.bank.completed(logistic, 10, best, path=path, run=run) == 1
    assert again == wanted[-1:]
    assert [tuple(row) for row in bench.bank.rows(path)] == [runs[key] for key in wanted]
    assert bench.bank.completed(logistic, 10, best, path=path, run=run) == 0


def test_constants_are_put_back_whatever_happens(bench):
    before, widths = belief._COLD, belief._WIDTHS
    knob = bench.constants.Knob("belief", "_COLD", bench.constants.times, (2.0,))
    inside = []
    with pytest.raises(ZeroDivisionError), bench.constants.constants([(knob, 2.0)]):
        _ = inside.append(belief._COLD) or 1 / 0
    assert inside == [tuple(2 * value for value in before)]
    assert belief._COLD is before
    gone = bench.constants.Knob("belief", "_GONE", bench.constants.times, (2.0,))
    with pytest.raises(SystemExit, match="no _GONE any more"), bench.constants.constants([(gone, 2.0)]):
        pass
    every = [(knob, knob.changes[0]) for knob in bench.leave_out.KNOBS]
    with bench.constants.constants([*every, *bench.leave_out.CHOOSING[0][1]]):
        assert before != belief._COLD
        assert (len(belief._WIDTHS), len(belief._DRIFTS)) == (5, 5)
        assert (belief._WIDTHS[0], belief._WIDTHS[-1], belief._DRIFTS[2]) == pytest.approx((*widths[[0, -1]], 0.0))
    assert belief._WIDTHS is widths


def test_a_choice_takes_the_moves_that_help_together_and_is_blind_to_what_is_left_out(bench):
    knob = bench.constants.Knob("belief", "_DRIFT", bench.constants.times, (0.5, 2.0))
    entries = [SimpleNamespace(name=name) for name in "abc"]

    def regret(config, name):
        # All but c want the first knob at its second value, c wants nothing; nobody minds the third.
        return 1 + (config[0] != 2 if name != "c" else 30 * (config[0] == 2)) + 0.5 * (config[1] != 1)

    def fake(about, new):
        shape = (len(bench.choosing.METHODS), 1, 5)
        return [np.full(shape, regret(about.__self__.config, entry.name)) for entry in new]

    tried = bench.choosing.Tried((knob, knob, knob), entries, fake)
    choice = bench.choosing.Choice(tried, (0, 0, 0), ((10, ()),))
    assert choice.chosen(["a", "b"]) == (2, 1, 0)
    assert choice.chosen(["a", "b", "c"]) == (0, 1, 0)
    assert choice.gain(1, 1, ["a"]) == pytest.approx(0.5 / 2.5)
