from __future__ import annotations

import inspect
import json
import subprocess
import sys

import pytest

import surefoot as sf
from surefoot.cli.recipes import RECIPES, options, parameters, recipe_function
from surefoot.cli.run import VERBS
from surefoot.schedule.core import Schedule

# What a recipe needs beside a peak and a total.
OWN = {
    "noam": ["--width", "512", "--warmup", "10", "--total", "100"],
    "staircase": ["--values", "1e-3,1e-4", "--at", "50", "--total", "100"],
    "from_points": ["--points", "[(0, 0), (50, 1e-3), (100, 0)]"],
    "from_function": ["--peak", "0.1", "--function", "math:cos", "--total", "1"],
    "inverse_sqrt": ["--peak", "0.1", "--total", "100", "--warmup", "10"],
}


def arguments(name):
    return ["plan", name.replace("_", "-"), *OWN.get(name, ["--peak", "0.1", "--total", "100"])]


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_plots_and_its_json_is_the_schedule_of_its_code(line, name):
    shown = line.run(*arguments(name))
    assert shown.returncode == 0, shown.stderr
    assert "Learning rate by update" in shown.stdout
    schedule = Schedule.from_json(line.run(*arguments(name), "--json").stdout)
    code = line.run(*arguments(name), "--python").stdout.splitlines()[-1]
    expression = code.removeprefix("schedule = ").replace("sf.", "", 1).split("(", 1)
    assert eval(f"f({expression[1]}", {"f": recipe_function(name), "sf": sf}) == schedule  # noqa: S307  our own code


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_help_with_its_source_and_options(line, name):
    help_text = line.run("plan", name.replace("_", "-"), "--help").stdout
    assert "--json" in help_text
    for option in options(recipe_function(name)):
        assert option.opts[0] in help_text


@pytest.mark.parametrize("name", RECIPES)
def test_every_parameter_of_a_recipe_is_an_option(name):
    recipe = recipe_function(name)
    named = {option.name for option in options(recipe)}
    own = {p.name for p in inspect.signature(recipe).parameters.values() if p.kind is not p.VAR_KEYWORD}
    assert own - {"clock", "parameters"} <= named
    assert set(parameters(recipe)) <= named


def test_the_table_is_the_schedule(line):
    rows = line.run("plan", "cosine", "--peak", "3e-4", "--total", 1000, "--warmup", 50, "--table").stdout.splitlines()
    schedule = Schedule.from_json(
        line.run("plan", "cosine", "--peak", "3e-4", "--total", 1000, "--warmup", 50, "--json").stdout
    )
    assert rows[0].split() == ["update", "rate"]
    pairs = [row.split() for row in rows[1:]]
    assert [step for step, _ in pairs[:1] + pairs[-1:]] == ["0", "999"]
    assert all(float(rate) == pytest.approx(schedule(int(step)), rel=1e-5) for step, rate in pairs)


def test_epochs_need_a_clock_and_get_one(line):
    done = line.run(
        "plan", "step-decay", "--peak", 0.1, "--total", "90ep", "--at", "30ep,60ep", "--steps-per-epoch", 10, "--json"
    )
    assert Schedule.from_json(done.stdout).starts == (0, 300, 600)


def test_underscores_are_hyphens(line):
    assert line.run("plan", "one_cycle", "--peak", 1, "--total", 10, "--json").returncode == 0


def test_pictures_are_written_and_said(line):
    done = line.run("plan", "wsd", "--peak", 1e-3, "--total", 100, "--svg", "a.svg", "--png", "a.png")
    assert "its folder is made if missing" in " ".join(line.run("plan", "wsd", "--help").stdout.split())
    assert (line.directory / "a.svg").read_text(encoding="utf-8").startswith("<svg")
    assert (line.directory / "a.png").read_bytes().startswith(b"\x89PNG")
    assert done.stderr.count("Wrote ") == 2
    assert done.stdout == ""


def test_an_open_schedule_is_shown_as_far_as_asked(line):
    rows = line.run("plan", "constant", "--peak", 1e-3, "--stop", 40, "--table").stdout.splitlines()
    assert rows[-1].split() == ["39", "0.001"]


def test_a_pipe_that_closes_early_is_no_error():
    program = "from surefoot.cli import main; main(['plan', 'cosine', '--peak', '1', '--total', '100000', '--table'])"
    command = f'{sys.executable} -c "{program}" | head -n 1'
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)  # noqa: S602  a pipe is what is tested
    assert done.stdout.split() == ["update", "rate"]
    assert done.stderr == ""


def test_a_reader_that_is_gone_ends_it_quietly(line):
    process = line.start("plan", "cosine", "--peak", 1, "--total", 1000)
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 141
    assert errors == ""


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_a_terminal_without_unicode_gets_ascii(line, encoding):
    done = line.process("plan", "cosine", "--peak", 1, "--total", 100, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii() is (encoding == "ascii")


def test_the_version_is_said(line):
    assert line.run("--version").stdout == f"surefoot {sf.__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["plan"]])
def test_help_is_no_error(line, arguments):
    done = line.run(*arguments)
    assert done.returncode == 0
    assert "Usage: surefoot" in done.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example_and_json(line, verb):
    done = line.run(verb, "--help")
    assert done.returncode == 0
    assert f"  surefoot {verb} " in done.stdout
    assert "--json" in done.stdout


LIST = "import sys, json; json.dump(sorted(sys.modules), sys.stderr)"


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--version"], {"numpy", "rich", "torch"}),
        (["plan", "--help"], {"numpy", "rich", "torch", "matplotlib", "surefoot.search.tuning"}),
        (["tune", "--help"], {"numpy", "rich", "torch", "matplotlib", "surefoot.search.tuning"}),
        (["diagnose", "--help"], {"numpy", "rich", "torch", "matplotlib"}),
        (["explain", "--help"], {"numpy", "rich", "torch", "matplotlib"}),
        (["explain", "SF101"], {"torch", "matplotlib"}),
        (["plan", "cosine", "--peak", "1", "--total", "9"], {"torch", "matplotlib", "surefoot.search.tuning"}),
        (["tune", "quadratic", "--budget", "0.25"], {"torch", "matplotlib"}),
    ],
)
def test_a_verb_imports_no_more_than_it_needs(line, arguments, absent):
    program = (
        f"import atexit\natexit.register(lambda: exec({LIST!r}))\nfrom surefoot.cli import main\nmain({arguments!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=line.directory
    )
    assert absent & set(json.loads(done.stderr.splitlines()[-1])) == set()


def test_two_ways_to_print_are_refused_since_a_reader_expects_one(line):
    done = line.run("plan", "cosine", "--peak", "0.1", "--total", 10, "--json", "--python")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--json and --python all print to standard output" in done.stderr
