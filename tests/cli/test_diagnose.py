from __future__ import annotations

import io
import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import surefoot as sf

TYPED = "2.5 2.4 2.6 3.1 4.2 nan\n"
PLAN = sf.cosine(3e-3, total=400, warmup=10)


def say(monkeypatch, text):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text.encode())))


def losses(kind, rows=300):
    values = 2 + 2 * np.exp(-np.arange(rows) / 40) + np.random.default_rng(0).normal(0, 0.01, rows)
    if kind == "diverging":
        values[220:] += np.linspace(0, 6, rows - 220)
    return values


def written(path, kind="diverging", name="loss"):
    rows = [{"step": k, name: float(v), "lr": PLAN(k)} for k, v in enumerate(losses(kind))]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def bad(line):
    return written(line.directory / "bad.jsonl")


@pytest.fixture
def good(line):
    return written(line.directory / "good.jsonl", "healthy")


def test_the_exercise_of_the_sources(line, monkeypatch):
    say(monkeypatch, TYPED)
    done = line.run("diagnose", "-")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0] == "diverging to NaN: the rate is too high"
    assert "lowest 2.4 at step 1, 4.2 at step 4 (1.75x the lowest), not finite from step 5 on" in done.stdout
    first = next(text for text in lines if text.strip().startswith("1. "))
    assert first.strip() == "1. Lower the peak learning rate by 10x."


def test_the_exercise_as_json(line, monkeypatch):
    say(monkeypatch, TYPED)
    row = json.loads(line.run("diagnose", "-", "--json").stdout)
    assert row["healthy"] is False
    assert row["verdict"] == "diverging to NaN: the rate is too high"
    first = row["findings"][0]
    assert first["severity"] == "error"
    assert first["remedies"][0] | {"rank": 1, "edit": {"op": "scaled", "arguments": {"k": 0.1}}} == first["remedies"][0]


def test_a_log_is_shown_with_what_was_understood_and_the_edited_plan(line, bad):
    done = line.run("diagnose", bad.name)
    assert done.returncode == 1
    assert done.stderr == ""
    for words in ("bad.jsonl, 300 rows", "Loss by update", "SF102", "seen: base", "Signs", "not measured", "because"):
        assert words in done.stdout
    assert "the plan then: warmup 10 steps to 3e-4" in done.stdout
    assert "Do not only adjust the rate" in done.stdout


def test_json_is_the_contract_and_strict(line, bad):
    done = line.run("diagnose", bad.name, "--json")
    row = json.loads(done.stdout, parse_constant=lambda name: pytest.fail(name))
    assert {"verdict", "healthy", "findings", "signs", "source", "understood", "notes"} <= set(row)
    for one in row["findings"]:
        assert {"code", "name", "severity", "step", "message", "remedies"} <= set(one)
    assert row["findings"][0]["code"] == "SF102"
    assert row["name"] == row["findings"][0]["name"]
    assert done.returncode == 1


def test_a_healthy_run_is_said_to_be_healthy(line, good):
    done = line.run("diagnose", good.name, "--strict")
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("healthy")
    assert json.loads(line.run("diagnose", good.name, "--json").stdout)["healthy"] is True


def test_warnings_count_where_it_is_strict(line):
    values = losses("healthy")
    rows = [{"step": k, "loss": 2 * v, "val_loss": 3.0 + 0.01 * k} for k, v in enumerate(values)]
    path = line.directory / "over.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert json.loads(line.run("diagnose", path.name, "--json").stdout)["verdict"] == "overfitting"
    assert line.run("diagnose", path.name).returncode == 0
    assert line.run("diagnose", path.name, "--strict").returncode == 1


def test_notes_are_counted_and_shown_when_asked_for(line):
    (line.directory / "short.csv").write_text("step,loss\n0,3.0\n100,2.5\n200,2.2\n", encoding="utf-8")
    short, long = (line.run("diagnose", "short.csv", *more).stdout for more in ((), ("--all",)))
    assert short.startswith("healthy: as far as so few rows can show")
    assert "1 note not shown: --all shows it." in short
    assert "SF503 sparse rows, info" not in short
    assert "SF503 sparse rows, info" in long
    assert "not shown" not in long


def test_a_field_is_named_by_hand(line):
    path = written(line.directory / "odd.jsonl", name="criterion")
    assert line.run("diagnose", path.name).returncode == 2
    done = line.run("diagnose", path.name, "--map", "loss=criterion", "--json")
    assert json.loads(done.stdout)["name"] == "divergence"


def test_the_report_is_written_and_said(line, bad):
    done = line.run("diagnose", bad.name, "--html", "new/report.html", "--json")
    assert json.loads(done.stdout)
    assert done.stderr == "Wrote new/report.html\n"
    assert "Diverging" in (line.directory / "new" / "report.html").read_text(encoding="utf-8")


def test_a_schedule_that_is_given_is_edited(line, bad):
    path = line.directory / "plan.json"
    path.write_text(sf.wsd(1e-2, total=1000, warmup=50).to_json(), encoding="utf-8")
    out = line.run("diagnose", bad.name, "--schedule", path.name).stdout
    assert "the plan then: warmup 50 steps to 0.001, hold 750" in out
    path.write_text(json.dumps({"verb": "tune", "schedule": json.loads(PLAN.to_json())}), encoding="utf-8")
    assert "warmup 10 steps to 3e-4" in line.run("diagnose", bad.name, "--schedule", path.name).stdout


def test_what_was_tried_is_not_advised_again(line, bad):
    tried = ("--tried", "rate=1e-3@200", "--tried", "lower-rate@400")
    row = json.loads(line.run("diagnose", bad.name, "--json", *tried).stdout)
    topics = [one["topic"] for one in row["findings"][0]["remedies"]]
    assert topics[:3] == ["initialisation", "data", "precision"]
    assert "lower rates only delayed it" in row["headline"]


@pytest.mark.parametrize("whole", [True, False])
def test_a_sweep_gives_the_sensitivity(line, good, whole):
    curve = sf.Curve((sf.Trial(1e-3, 0, 9, 9, 1.0), sf.Trial(1e-2, 0, 9, 9, 2.0)), start_loss=3.0)
    data = json.loads(curve.to_json())
    if not whole:
        trials = [{k: v for k, v in one.items() if k not in {"losses", "points"}} for one in data["trials"]]
        data = {"verb": "sweep", "trials": trials, "start_loss": 3.0, "range_test": {"lrs": [], "losses": []}}
    (line.directory / "result.json").write_text(json.dumps(data), encoding="utf-8")
    row = json.loads(line.run("diagnose", good.name, "--curve", "result.json", "--json").stdout)
    assert row["signs"]["sensitivity"].startswith("0.5 in loss, 25%")


def two_runs(line):
    path = line.directory / "two.jsonl"
    parts = [[{"step": k, "loss": float(v)} for k, v in enumerate(losses(kind))] for kind in ("diverging", "healthy")]
    path.write_text("".join(json.dumps(row) + "\n" for part in parts for row in part), encoding="utf-8")
    return path


def test_every_run_of_a_file_can_be_asked_for(line):
    path = two_runs(line)
    assert line.run("diagnose", path.name).returncode == 0
    assert line.run("diagnose", path.name, "--run", 0).returncode == 1
    done = line.run("diagnose", path.name, "--run", "all")
    assert done.returncode == 1
    told = done.stdout.splitlines()
    assert [text.split()[2] for text in told[1:3]] == ["divergence", "healthy"]
    row = json.loads(line.run("diagnose", path.name, "--run", "all", "--json").stdout)
    assert [one["healthy"] for one in row["runs"]] == [False, True]
    assert (row["name"], row["healthy"]) == ("divergence", False)


BAD = [
    (["gone.csv"], "gone.csv"),
    (["bad.jsonl", "--map", "loss"], "COLUMN=FIELD"),
    (["bad.jsonl", "--map", "loss=nothing"], "nothing"),
    (["bad.jsonl", "--run", "7"], "run=7"),
    (["bad.jsonl", "--run", "fast"], "run='fast'"),
    (["bad.jsonl", "--tried", "rate=fast"], "tried='rate=fast'"),
    (["bad.jsonl", "--schedule", "gone.json"], "schedule='gone.json'"),
    (["bad.jsonl", "--schedule", "mine.py"], "schedule"),
    (["bad.jsonl", "--curve", "mine.py"], "curve"),
    (["bad.jsonl", "--curve", "bad.jsonl"], "curve='bad.jsonl' holds no curve"),
    (["bad.jsonl", "--curve", "odd.json"], "holds no curve"),
    (["bad.jsonl", "--schedule", "odd.json"], "schedule='odd.json' holds no schedule"),
    (["bad.jsonl", "--html", "mine.py/r.html"], "cannot be written"),
    (["empty.csv"], "empty.csv"),
    (["binary.bin"], "binary.bin"),
    ([], "LOG"),
    (["bad.jsonl", "--jsn"], "--jsn"),
]


@pytest.mark.parametrize(
    ("arguments", "said"), BAD, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_bad_input_is_one_sentence_and_exit_code_two(line, bad, arguments, said):
    assert bad.exists()
    (line.directory / "empty.csv").write_bytes(b"")
    odd = {"range_test": {}, "trials": [{"lr": "x"}, 3], "start_loss": [], "schedule": {"phases": 3}}
    (line.directory / "odd.json").write_text(json.dumps(odd), encoding="utf-8")
    (line.directory / "binary.bin").write_bytes(bytes(range(256)) * 9)
    done = line.run("diagnose", *arguments)
    assert done.returncode == 2, done.stdout
    assert said in done.stderr
    assert len([text for text in done.stderr.splitlines() if text.startswith("surefoot: ")]) == 1
    assert done.stdout == ""


def test_a_terminal_without_unicode_gets_ascii(line, bad):
    done = line.process("diagnose", bad.name, PYTHONIOENCODING="ascii")
    assert done.returncode == 1, done.stderr
    assert done.stdout.isascii()


def test_neither_the_terminal_nor_the_page_needs_torch_or_matplotlib(line, bad):
    program = (
        "import atexit, sys\n"
        "atexit.register(lambda: print(sorted({'torch', 'matplotlib'} & set(sys.modules)), file=sys.stderr))\n"
        f"from surefoot.cli import main\nmain(['diagnose', {bad.name!r}, '--html', 'r.html'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=line.directory, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "[]"
