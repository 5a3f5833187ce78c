"""The arithmetic of benchmarks/selection: what is read from the grid, what is counted, what survives a kill."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import surefoot as sf

FOLDER = Path(__file__).parents[2] / "benchmarks" / "selection"
NAMES = (
    "setup", "data", "images", "language", "layers", "rows", "tables", "suite", "grid", "truth", "methods", "table",
    "tuning_free",
)  # fmt: skip


@pytest.fixture
def valley(bench):
    return bench.truth.Truth(np.array([-4.0, -3.0, -2.0, -1.0]), np.array([0.5, 0.0, 0.1, 1.0]))


def test_a_regret_is_linear_in_the_logarithm_and_held_beyond_the_grid(valley):
    assert valley.regret(2**-3.5) == pytest.approx(0.25)
    assert valley.regret(2**-2.5) == pytest.approx(0.05)
    assert (valley.regret(2.0**-9), valley.regret(2.0**5), valley.regret(None)) == (0.5, 1.0, 1.0)
    assert valley.best == 2**-3


def test_a_region_is_judged_by_its_best_rate_and_by_its_width(valley):
    assert valley.meets(2**-3.2, 2**-2.9)
    assert not valley.meets(2**-2.8, 2**-2.0)
    assert valley.share(2**-3.0, 2**-2.0) == pytest.approx(0.5, abs=0.02)
    assert valley.width(0.05) == pytest.approx(0.6, abs=0.05)


def test_the_truth_is_the_mean_over_seeds_and_a_hopeless_rate_needs_one(bench):
    known = {
        ("a", -2.0, 0): (2.0, 1.0), ("a", -2.0, 1): (2.0, 1.2),
        ("a", -1.0, 0): (2.0, 0.2), ("a", -1.0, 1): (2.0, 0.0),
        ("a", 0.0, 0): (2.0, 2.0), ("b", 0.0, 0): (9.0, 0.0),
    }  # fmt: skip
    found = bench.truth.truth("a", known, (0, 1))
    np.testing.assert_allclose(found.regrets, [1.0 / 1.9, 0.0, 1.0])


def test_a_run_of_its_own_is_judged_by_its_loss_and_not_by_its_rate(bench):
    found = bench.truth.truth("a", {("a", -1.0, 0): (3.0, 1.0), ("a", 0.0, 0): (3.0, 2.0)}, (0,))
    answer = bench.methods.Answer("a", "none", 0, 1.0, None, None, 0.0)
    judged = [bench.table.regret(found, replace(answer, loss=loss)) for loss in (None, 1.5, 0.5, 9.0)]
    assert judged == pytest.approx([0.5, 0.25, 0.0, 1.0])


@pytest.mark.parametrize("name", ["lstm", "sparse_words"])
def test_an_optimizer_in_place_of_the_same_one_ends_where_the_grid_does(bench, name):
    [entry] = [replace(entry, total=12) for entry in bench.suite.SUITE if entry.name == name]
    build = {"sgd": torch.optim.SGD, "adagrad": torch.optim.Adagrad}[entry.optimizer]
    same = bench.tuning_free.Contender("same", build, 8.0, lambda entry: entry.recipe(8.0, entry.total))
    _, end = bench.grid.measured(entry, 3.0, 1)
    assert bench.tuning_free.tuning_free(lambda: same, entry, 1).loss == pytest.approx(end, rel=1e-6)


def test_a_run_that_diverges_counts_as_its_start(bench):
    [entry] = [replace(entry, total=12) for entry in bench.suite.SUITE if entry.name == "summed_errors"]
    wild = bench.tuning_free.Contender("wild", torch.optim.SGD, 1e9, lambda entry: sf.constant(1e9, total=entry.total))
    assert bench.tuning_free.tuning_free(lambda: wild, entry, 1).loss == entry.build(1).validate()


def test_updates_and_held_out_batches_are_counted_outside(bench):
    [entry] = [entry for entry in bench.suite.SUITE if entry.name == "tiny_batch"]
    task = bench.methods.Counted(entry)
    readings = list(task(sf.constant(0.01, total=7)))
    assert task.spent == 7
    readings[-1].val_loss()
    readings[-1].judged()
    assert task.spent == pytest.approx(7 + 2 * len(entry.build(0).held) / 3)


def test_the_interval_holds_the_mean_and_narrows_with_equal_tasks(bench):
    low, high = bench.table.interval(np.array([0.0, 0.1, 0.2, 0.3]))
    assert low < 0.15 < high
    assert bench.table.interval(np.full(5, 0.2)) == pytest.approx((0.2, 0.2))


def test_a_grid_goes_on_where_it_was_killed(bench, tmp_path):
    calls, path, entry = [], tmp_path / "grid.jsonl", SimpleNamespace(name="made up")

    def run(_, octave, seed):
        calls.append((octave, seed))
        return 1.0, 1.0 if octave > -2 else abs(octave + 6) / 20

    whole = bench.grid.completed([entry], path=path, run=run)
    first = list(calls)
    assert len(first) == len(set(first)) == len(whole)
    text = path.read_text().splitlines(keepends=True)
    path.write_text("".join(text[:9]) + text[9][:20])
    calls.clear()
    assert bench.grid.completed([entry], path=path, run=run) == whole
    assert calls == first[9:]


def test_every_task_of_the_suite_begins_the_same_under_the_same_seed(bench):
    halves = [entry.half for entry in bench.suite.SUITE]
    assert {half: halves.count(half) for half in set(halves)} == {"tuning": 15, "reporting": 13}
    for entry in bench.suite.SUITE:
        first, again, other = (next(entry.task(sf.constant(0.0, total=1), seed=seed)) for seed in (0, 0, 1))
        assert first.loss == again.loss != other.loss
        assert first.val_loss() > 0
        assert entry.recipe(0.5, entry.total).total == entry.total


def test_lion_moves_every_weight_by_the_rate(bench):
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))
    lion = bench.setup.Lion([weight], lr=0.25, betas=(0.5, 0.75))
    weight.grad = torch.tensor([4.0, -4.0, 0.0])
    lion.step()
    assert weight.tolist() == [0.75, -1.75, 3.0]
    weight.grad = torch.tensor([-1.0, 0.0, 2.0])  # the average is 1, -1, 0: half of it and half of the gradient
    lion.step()
    assert weight.tolist() == [0.75, -1.5, 2.75]


def test_a_failure_is_told_with_its_reason_only_where_it_costs(bench, valley):
    answer = bench.methods.Answer("a", "tune 1", 0, 2.0**-2, None, None, 1.0, "because.")
    [line] = bench.table.failures([answer, replace(answer, lr=2.0**-3)], {"a": valley})
    assert "regret 10.0 %" in line
    assert line.endswith("because.")
