"""The arithmetic of benchmarks/optimizers: regrets, what they are judged by, ratios, and how runs are done."""

from __future__ import annotations

import importlib
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

FOLDER = Path(__file__).parents[2] / "benchmarks"
NAMES = ("report", "training", "entrants", "sizes", "speed", "contenders", "setup", "grid", "methods", "table", "truth")


@pytest.fixture(scope="module")
def bench():
    before = set(sys.modules)
    kept = {name: sys.modules.pop(name) for name in NAMES if name in sys.modules}
    folders = [str(FOLDER / "optimizers"), str(FOLDER / "selection")]
    sys.path[:0] = folders
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in NAMES})
    finally:
        for folder in folders:
            sys.path.remove(folder)
        for name in set(sys.modules) - before:
            if str(FOLDER) in str(getattr(sys.modules[name], "__file__", "")):
                del sys.modules[name]
        sys.modules.update(kept)


@pytest.mark.parametrize(
    ("end", "expected"),
    [(0.5, 0.0), (1.0, 0.25), (2.5, 1.0), (9.0, 1.0), (math.inf, 1.0), (math.nan, 1.0), (0.3, -0.1)],
)
def test_regret_is_the_share_of_the_fall_that_is_missing(bench, end, expected):
    assert bench.report.regret(end, 2.5, 0.5) == pytest.approx(expected)


def test_the_best_of_a_grid_is_a_mean_over_the_seeds_of_rates_that_have_them_all(bench):
    grid = {("a", 0.0, 0): (2.0, 1.0), ("a", 0.0, 1): (3.0, 0.5), ("a", 1.0, 0): (2.0, 0.1), ("b", 0.0, 0): (9.0, 0.0)}
    assert bench.report.best_of(grid, "a") == (2.5, 0.75)


def test_the_rows_of_the_built_in_tasks_are_read_from_their_table(bench):
    text = (
        "| task | updates | optimizer | ms/update | loss at init | best rate | best loss | edge | default | loss |\n"
        "| finetune | 600 | adamw | 0.91 | 1.81 | 0.0028 | 0.0353 | none | 0.001 | 0.043 | 0.4 % |\n"
        "| quadratic | 500 | sgd | 0.01 | 29.3 | 0.12 | 0.0105 | 0.25 | 0.01 | 0.223 | 0.7 % |\n"
    )
    assert bench.report.built_in_rows(text) == {"finetune": (1.81, 0.0353, 0.043)}
    assert set(bench.report.built_in_rows((FOLDER / "results" / "tasks.md").read_text())) == set(bench.report.BUILT_INS)


def test_the_model_of_the_speed_table_has_the_size_it_says(bench):
    shapes = bench.sizes.language_model()
    assert len(shapes) == 148
    assert sum(torch.Size(shape).numel() for shape in shapes) == 30_553_344


def test_a_cell_says_the_median_the_processors_and_the_quartiles(bench):
    assert bench.speed.cell(([1.0, 2.0, 3.0], [4.0, 5.0, 9.0], 0.1)) == "2.00 (5.00) [1.00, 3.00]"


@pytest.mark.parametrize("name", ["Schedule-Free AdamW", "Prodigy, cosine", "MoMo-Adam 1e-2", "schedulefree AdamW"])
def test_every_kind_of_method_trains_a_task_of_the_suite_from_the_same_start(bench, name):
    x = torch.linspace(-1, 1, 64)[:, None]

    def build(seed):
        torch.manual_seed(seed)
        model = torch.nn.Linear(1, 1)
        sgd = torch.optim.SGD(model.parameters(), 0.1)
        drawn = bench.setup.drawn(x, 3 * x, 16)
        return bench.setup.Setup(model, sgd, drawn, torch.nn.functional.mse_loss, ((x, 3 * x),))

    entry = bench.setup.Entry("line", build, 60, "sgd", "tuning", "a line")
    method = next(one for one in bench.entrants.METHODS if one.name == name)
    start, end = bench.training.suite_run(entry, method, 3)
    assert start == build(3).validate()
    assert end < start
