from __future__ import annotations

import json
import re
import sys

import pytest
import torch

import surefoot as sf
from surefoot.cli.result import FORMAT
from surefoot.schedule.core import Schedule

TUNE = ("tune", "mine.py:task", "--total", 400, "--out", "out")


def result(line, out="out"):
    return json.loads((line.directory / out / "result.json").read_text(encoding="utf-8"))


def test_tune_answers_plans_and_writes_everything(line):
    done = line.process(*TUNE)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    found = result(line)
    assert found["format"] == FORMAT
    assert 0 < found["low"] <= found["peak"] <= found["high"] < 2 / 30.0
    assert found["peak"] == found["lr"]
    assert found["cost_steps"] <= 200
    assert found["cost"]["runs"] == found["cost_steps"] / 400
    schedule = Schedule.from_json(json.dumps(found["schedule"]))
    assert schedule.peak == found["peak"]
    assert schedule.total == 400
    assert eval(found["python"], {"sf": sf}) == schedule  # noqa: S307  our own code
    assert {trial["status"] for trial in found["trials"]} <= {"done", "diverged", "stuck"}
    assert set(found["versions"]) == {"surefoot", "python", "numpy"}
    for word in (
        "Peak learning rate",
        "good range",
        "confidence",
        "The plan",
        "Clip",
        "out/report.html",
        "out/result.json",
    ):
        assert word in done.stdout
    assert sorted(file.name for file in (line.directory / "out").iterdir()) == [
        "journal.jsonl",
        "report.html",
        "result.json",
    ]


def test_json_leaves_standard_output_to_the_result_and_progress_to_standard_error(line):
    done = line.process(*TUNE, "--json")
    assert json.loads(done.stdout) == result(line)
    assert "1 probe" in done.stderr


def test_the_same_command_resumes_and_answers_the_same(line):
    line.run(*TUNE)
    first = result(line)
    again = line.run(*TUNE)
    assert re.search(r"Resumed: \d+ finished trials were taken from out.journal\.jsonl\.", again.stderr)
    changed = {"cost", "versions"}
    assert {k: v for k, v in result(line).items() if k not in changed} == {
        k: v for k, v in first.items() if k not in changed
    }


def test_another_search_never_writes_over_a_named_directory(line):
    line.run(*TUNE)
    before = (line.directory / "out" / "result.json").read_bytes()
    other = line.run("tune", "mine.py:task", "--total", 300, "--out", "out")
    assert other.returncode == 2
    assert "another search" in other.stderr
    assert len(other.stderr.strip().splitlines()) == 1
    assert (line.directory / "out" / "result.json").read_bytes() == before


def test_without_out_another_search_takes_another_directory(line):
    line.run("tune", "mine.py:task", "--total", 300)
    line.run("tune", "mine.py:task", "--total", 320)
    line.run("tune", "mine.py:task", "--total", 300)
    names = sorted(file.name for file in (line.directory / "surefoot-out").iterdir())
    assert names == ["mine-task", "mine-task-2"]


def test_two_recipes_are_two_searches(line):
    line.run(*TUNE, "--recipe", "linear")
    other = line.run(*TUNE, "--recipe", "cosine")
    assert "belongs to another search" in other.stderr


def test_a_recipe_that_was_asked_for_is_the_plan(line):
    line.run(*TUNE, "--recipe", "one-cycle")
    found = result(line)
    schedule = Schedule.from_json(json.dumps(found["schedule"]))
    assert schedule.array().max() == pytest.approx(found["peak"])
    assert schedule(0) == pytest.approx(0.04 * found["peak"])
    assert "as asked" in found["advice"]["reason"]


def test_a_run_that_may_be_extended_gets_a_hold(line):
    line.run(*TUNE, "--extendable")
    schedule = Schedule.from_json(json.dumps(result(line)["schedule"]))
    assert [phase.shape for phase in schedule.phases] == ["linear", "constant", "1-sqrt"]


def test_a_knob_reaches_the_task(line):
    line.run("tune", "mine.py:task", "--total", 400, "--out", "flat", "--knob", "curvature=3")
    line.run(*TUNE)
    assert result(line, "flat")["peak"] > result(line)["peak"]


def test_no_answer_is_exit_code_one_and_says_why(line):
    done = line.run("tune", "mine.py:hopeless", "--total", 400, "--out", "out")
    assert done.returncode == 1
    assert "No answer" in done.stdout
    assert result(line)["peak"] is None
    assert result(line)["schedule"] is None
    assert "No answer" in (line.directory / "out" / "report.html").read_text(encoding="utf-8")


def test_find_without_a_total_is_a_range_test(line):
    done = line.run("find", "mine.py:task", "--out", "out")
    assert done.returncode == 0
    found = result(line)
    assert found["cost_steps"] <= 100
    assert found["schedule"] is None
    assert found["trials"] == []
    assert len(found["range_test"]["lrs"]) == len(found["range_test"]["losses"]) > 10


def test_find_with_a_total_keeps_to_its_budget(line):
    line.run("find", "mine.py:task", "--total", 400, "--budget", 0.2, "--out", "out")
    assert result(line)["cost_steps"] <= 80


def test_a_built_in_task_knows_its_total(line):
    done = line.run("tune", "quadratic", "--json", "--budget", 0.2)
    assert json.loads(done.stdout)["total"] == 500


def test_bounds_are_kept(line):
    line.run(*TUNE, "--low", "1e-4", "--high", "5e-3")
    rates = [trial["lr"] for trial in result(line)["trials"]]
    assert min(rates) >= 1e-4
    assert max(rates) <= 5e-3 * 1.0001


def test_sweep_runs_the_grid_under_every_seed(line):
    done = line.run("sweep", "mine.py:task", "--total", 60, "--lrs", "1e-3,1e-2,1", "--seeds", 2, "--out", "out")
    assert done.returncode == 0
    found = result(line)
    assert sorted((t["lr"], t["seed"]) for t in found["trials"]) == [
        (lr, s) for lr in (1e-3, 1e-2, 1.0) for s in (0, 1)
    ]
    assert found["peak"] == 1e-2
    assert found["edge"] == 1.0
    assert "Best rate 0.01" in done.stdout


def test_sweep_makes_a_grid_by_equal_ratios(line):
    line.run("sweep", "mine.py:task", "--total", 20, "--low", "1e-3", "--high", "1e-1", "--points", 3, "--out", "out")
    assert [t["lr"] for t in result(line)["trials"]] == pytest.approx([1e-3, 1e-2, 1e-1])


def test_workers_find_the_same(line):
    sweep = ("sweep", "mine.py:task", "--total", 30, "--lrs", "1e-3,1e-2")
    here = line.run(*sweep, "--out", "here", "--json")
    there = line.process(*sweep, "--out", "there", "--json", "--workers", 1)
    assert there.returncode == 0, there.stderr
    losses = [[trial["loss"] for trial in json.loads(done.stdout)["trials"]] for done in (here, there)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("executor", ["process", "ray"])
def test_an_executor_finds_the_same(line, executor):
    here = line.run(*TUNE, "--out", "here", "--json")
    there = line.process(*TUNE, "--out", "there", "--json", "--executor", executor, "--workers", 1)
    assert there.returncode == 0, there.stderr
    first, second = (json.loads(done.stdout) for done in (here, there))
    assert [trial["loss"] for trial in first["trials"]] == [trial["loss"] for trial in second["trials"]]
    assert (first["peak"], first["why"]) == (second["peak"], second["why"])


@pytest.mark.parametrize("option", [("--address", "auto"), ("--cpus", 2), ("--gpus", 1)])
def test_what_belongs_to_a_cluster_is_refused_without_one(line, option):
    done = line.run(*TUNE, *option)
    assert done.returncode == 2
    assert f"{option[0]} belongs to a Ray cluster: add --executor ray." in done.stderr
    assert not (line.directory / "out").exists()


def test_without_ray_its_extra_is_named(line, monkeypatch):
    monkeypatch.delitem(sys.modules, "surefoot.integrations.ray", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)
    done = line.run(*TUNE, "--executor", "ray")
    assert done.returncode == 2
    assert 'pip install "surefoot[ray]"' in done.stderr


def test_the_report_names_the_command_that_resumes(line):
    line.run(*TUNE, "--seed", 3)
    text = (line.directory / "out" / "report.html").read_text(encoding="utf-8")
    assert "surefoot tune mine.py:task --total 400 --seed 3 --out out" in text


def test_find_says_what_rules_would_have_said_when_asked(line):
    done = line.run("find", "mine.py:task", "--total", 400, "--out", "out", "--rules")
    assert "What rules say of the range test alone" in done.stdout
    assert re.search(r"valley +\S+ .*x the peak +fastai", done.stdout)
    rules = result(line)["rules"]
    assert list(rules)[:3] == ["steepest", "steepest by rate", "valley"]
    assert all(isinstance(rates, list) for rates in rules.values())
    assert len(rules["valley"]) == 1
    assert "What rules say" not in line.run("find", "mine.py:task", "--total", 400).stdout


WIDE = """
import math

def task(schedule, width=64, muon_lr=1.0):
    for step in range(schedule.total):
        octaves = math.log2(schedule.peak * width / 6.4)
        yield 9.0 if step == 0 else 1 + 0.05 * min(octaves, 6) ** 2 + math.log10(muon_lr) ** 2
"""


@pytest.fixture
def wide(line):
    (line.directory / "wide.py").write_text(WIDE, encoding="utf-8")
    return line


def test_a_sweep_chooses_its_rates(wide):
    done = wide.run("sweep", "wide.py:task", "--total", 4, "--adaptive", "--points", 14, "--out", "out")
    assert done.returncode == 0
    assert "sensitivity" in done.stdout
    found = result(wide)
    assert len(found["trials"]) == 14
    assert 0.07 < found["lr"] < 0.14
    assert found["sensitivity"] > 0


def test_a_sweep_across_scales_is_a_file_that_a_law_is_fitted_on(wide):
    rates = ("--low", 0.005, "--high", 0.64, "--points", 8)
    done = wide.run("sweep", "wide.py:task", "--total", 4, *rates, "--scale", "width=32,64,128,256", "--out", "out")
    assert done.returncode == 0
    assert "The best rate by width" in done.stdout
    found = result(wide)
    assert [one["scale"]["width"] for one in found["scales"]] == [32, 64, 128, 256]
    assert [one["lr"] * one["width"] for one in found["optima"]] == pytest.approx([6.4] * 4, rel=0.05)
    assert "The best rate by width" in (wide.directory / "out" / "report.html").read_text()
    law = wide.run(
        "transfer",
        "--fit",
        "out/result.json",
        "--from",
        "width=256,lr=0.025",
        "--to",
        "width=512",
        "--json",
        *("--optimizer", "sgd"),
    )
    assert law.returncode == 0, law.stderr
    assert 0.011 < json.loads(law.stdout)["peak"] < 0.014


def test_a_sweep_over_two_rates_says_the_best_pair(wide):
    rates = ("--lrs", "0.05,0.1,0.2", "--second", "muon_lr=0.1,1,10")
    done = wide.run("sweep", "wide.py:task", "--total", 4, *rates, "--by", "coordinate", "--out", "out")
    assert done.returncode == 0
    assert "Best pair lr 0.1, muon_lr 1" in done.stdout
    found = result(wide)
    assert found["best"] == {"lr": 0.1, "other": 1.0, "loss": 1.0}
    assert len(found["pairs"]) == found["cost"]["trials"] == 5
    assert "best lr and muon_lr" in (wide.directory / "out" / "report.html").read_text()


def test_the_second_rate_of_a_sweep_may_go_to_the_task_as_a_schedule(line):
    (line.directory / "both.py").write_text(
        "import math\n"
        "def task(schedule, muon=None):\n"
        "    for step in range(schedule.total):\n"
        "        assert math.isclose(muon(step) / muon.peak, schedule(step) / schedule.peak)\n"
        "        yield 9.0 if step == 0 else 1 + math.log2(schedule.peak / 0.1) ** 2 + math.log10(muon.peak) ** 2\n"
    )
    asked = ("sweep", "both.py:task", "--total", 4, "--recipe", "linear", "--lrs", "0.05,0.1", "--second", "muon=0.1,1")
    done = line.run(*asked, "--second-as", "schedule", "--out", "out")
    assert done.returncode == 0, done.stderr
    assert "Best pair lr 0.1, muon 1" in done.stdout
    assert len(result(line)["pairs"]) == 4
    assert "--second-as schedule" in (line.directory / "out" / "report.html").read_text()
    as_number = line.run(*asked, "--out", "numbers")
    assert as_number.returncode == 2
    assert "'float' object is not callable" in as_number.stderr


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--lrs", "0.1", "--second-as", "schedule"), "by and second are for two rates"),
        (("--adaptive", "--lrs", "0.1"), "--adaptive chooses the rates"),
        (("--lrs", "0.1", "--scale", "width"), "'width' must be NAME=VALUES"),
        (("--lrs", "0.1", "--second", "other=1"), "names 'other'"),
        (("--lrs", "0.1", "--by", "grid", "--scale", "depth=1"), "names 'depth'"),
    ],
)
def test_flags_of_a_sweep_that_do_not_fit_are_named(wide, more, sentence):
    done = wide.run("sweep", "wide.py:task", "--total", 4, *more)
    assert done.returncode == 2
    assert sentence in done.stderr


def test_tune_chooses_a_second_knob(line):
    (line.directory / "knobbed.py").write_text(
        "def task(schedule, weight_decay=0.0):\n"
        "    x = 1.0\n"
        "    for step in range(schedule.total):\n"
        "        x -= schedule(step) * (4 * x + weight_decay * step)\n"
        "        yield 1 + x * x\n",
        encoding="utf-8",
    )
    asked = ("tune", "knobbed.py:task", "--total", 600, "--second", "weight_decay=0.0,0.5,1.0", "--out", "out")
    done = line.run(*asked)
    assert done.returncode == 0
    found = result(line)
    assert list(found["knobs"]) == ["weight_decay"]
    assert re.search(r"weight_decay +\S", done.stdout)
    assert found["cost_steps"] <= 300
    assert line.run("tune", "mine.py:task", "--total", 600, "--second", "weight_decay").returncode == 2


OBJECTS = """
import torch
import surefoot.torch as st

torch.manual_seed(0)
model = torch.nn.Linear(8, 1, bias=False)
x = torch.randn(64, 8)
batches = list(zip(x.split(16), (x @ torch.ones(8, 1)).split(16)))
task = st.task(model, torch.optim.SGD(model.parameters(), lr=1.0), batches, torch.nn.MSELoss())
"""


@pytest.mark.parametrize("verb", ["find", "tune"])
def test_the_curvature_of_a_task_of_objects_is_named_drawn_and_written(line, verb):
    (line.directory / "objects.py").write_text(OBJECTS, encoding="utf-8")
    plain = line.run(verb, "objects.py:task", "--total", 400, "--out", "plain")
    assert "curvature" not in plain.stdout
    done = line.run(verb, "objects.py:task", "--total", 400, "--curvature", "--out", "out")
    assert done.returncode == 0
    found, without = result(line), result(line, "plain")
    assert without["evidence"] == {}
    assert found["peak"] == without["peak"]
    assert found["cost_steps"] > without["cost_steps"]
    edge = found["evidence"]["curvature_edge"]
    torch.manual_seed(0)
    torch.nn.Linear(8, 1, bias=False)
    x = torch.randn(64, 8)
    assert edge == pytest.approx(2 / torch.linalg.eigvalsh(2 * x.T @ x / 64)[-1].item(), rel=0.06)
    assert f"curvature edge {edge:.3g}" in done.stdout
    page = (line.directory / "out" / "report.html").read_text(encoding="utf-8")
    assert "stable below it at the start" in page
    assert f"curvature edge {edge:.3g}</text>" in page
    assert "--curvature" in page


def test_a_plain_function_has_no_curvature_to_measure(line):
    done = line.run("find", "mine.py:task", "--total", 100, "--curvature")
    assert done.returncode == 2
    assert "--curvature needs to see the model, and task is a function" in done.stderr
