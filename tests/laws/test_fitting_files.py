"""Sweeps in files, and surefoot transfer --fit."""

from __future__ import annotations

import json
import math

import pytest
from click.testing import CliRunner

import surefoot as sf
from surefoot.cli.result import sweep_result
from surefoot.cli.transfer import command
from surefoot.laws.fitting_files import runs_in

WIDTHS = (64, 128, 256, 512)


def loss(lr, width):
    return 2 * math.exp(0.05 * math.log(lr * width) ** 2)


@pytest.fixture
def table(tmp_path):
    rows = [f"{w},{2.0**k},{loss(2.0**k, w)},0,done,x" for w in WIDTHS for k in range(-14, 0)]
    (tmp_path / "t.csv").write_text(
        "\n".join(["width,lr,val_loss,seed,status,host", *rows]) + "\n64,0.9,,0,diverged,\n"
    )
    return str(tmp_path / "t.csv")


@pytest.fixture
def results(tmp_path):
    files = []
    for w in WIDTHS:
        trials = [sf.Trial(2.0**k, 0, 10, 10, loss(2.0**k, w)) for k in range(-14, 0)]
        trials.append(sf.Trial(1.5, 0, 3, 10, math.inf, "diverged"))
        path = tmp_path / f"{w}.json"
        path.write_text(json.dumps(sweep_result("toy", sf.Curve(tuple(trials)), 10, 1.0)))
        files.append(f"width={w}:{path}")
    return files


def test_a_table_and_results_of_sweeps_carry_the_same_law(table, results):
    laws = [sf.fit_law(runs_in([table])), sf.fit_law(runs_in(results))]
    for law in laws:
        assert law.exponents[0].value == pytest.approx(-1.0, abs=1e-6)
        assert law.rate.prefactor() == pytest.approx(1.0, rel=1e-5)


def test_columns_of_the_public_tables_are_understood(tmp_path):
    rows = [f"{n},1e9,{lr},{loss(lr, n)}" for n in WIDTHS for lr in (2.0**k for k in range(-14, 0))]
    (tmp_path / "p.csv").write_text("\n".join(["N,D,lr,smooth loss", *rows]))
    law = sf.fit_law(runs_in([tmp_path / "p.csv"]))
    assert law.rate.names == ("params",)
    assert {name: low for name, low, _ in law.ranges}["horizon"] == 1e9


def test_a_scale_before_a_table_says_what_its_columns_do_not(tmp_path):
    files = []
    for w in WIDTHS:
        path = tmp_path / f"{w}.csv"
        path.write_text("\n".join(["lr,loss", *(f"{2.0**k},{loss(2.0**k, w)}" for k in range(-14, 0))]))
        files.append(f"width={w},optimizer=adamw:{path}")
    law = sf.fit_law(runs_in(files))
    assert law.optimizer == "adamw"
    assert law.rate.slopes[0] == pytest.approx(-1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "text", "match"),
    [
        ("a.csv", "", "holds no rows"),
        ("a.json", "{}", "write batch=64"),
        ("width=8:a.json", "{}", "no result.json"),
        ("width=8:a.json", "no json", "no result.json"),
        ("b.csv", None, "cannot be read"),
    ],
)
def test_what_is_no_sweep_is_refused(tmp_path, monkeypatch, name, text, match):
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / name.rpartition(":")[2]).write_text(text)
    with pytest.raises(sf.SurefootError, match=match):
        runs_in([name])
    with pytest.raises(sf.ArgumentError, match="files is empty"):
        runs_in([])


def run(*arguments):
    return CliRunner().invoke(command, list(arguments), standalone_mode=False, catch_exceptions=False)


def test_transfer_takes_the_fitted_law_and_says_that_it_is_preferred(table):
    asked = ("--fit", table, "--from", "width=64,lr=0.02", "--to", "width=512", "--optimizer", "adamw")
    out = run(*asked).output
    assert out.startswith("lr 0.02 x 0.125 = 2.5e-3")
    assert "preferred to every published law" in out
    assert out.index("->  width") < out.index("Own law") < out.index("The peak rate by width")
    row = json.loads(run(*asked, "--json").output)
    assert [(part["law"], part["confidence"]) for part in row["parts"]] == [("own", "fit")]
    assert "mup" in [other["law"] for other in row["others"]]


def test_without_a_from_the_law_answers_by_itself(table):
    out = run("--fit", table, "--to", "width=2048").output
    assert out.startswith("lr 4.88e-4 (90 %:")
    assert "factor 4 beyond the sweeps" in out
    assert "The best rate by width" in out
    law = sf.FittedLaw.from_json(run("--fit", table, "--json").output)
    assert law.exponents[0].value == pytest.approx(-1.0, abs=1e-6)


def test_two_laws_at_once_and_a_lone_from_are_refused(table):
    with pytest.raises(sf.ArgumentError, match="give one of them"):
        run("--fit", table, "--law", "mup")
    with pytest.raises(sf.ArgumentError, match="--to is missing"):
        run("--fit", table, "--from", "width=64")
