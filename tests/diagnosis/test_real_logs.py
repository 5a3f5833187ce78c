"""Real logs with their labels: what diagnose says first of each, told without looking at the label."""

import json
from pathlib import Path

import pytest

import surefoot as sf

ROOT = Path(__file__).parents[1] / "runs"
ENTRIES = {entry["id"]: entry for entry in map(json.loads, (ROOT / "index.jsonl").read_text().splitlines())}
LOST = {"diverged": {"SF102", "SF103"}, "nan": {"SF101"}, "plateau/too-slow": {"SF103"}}
SEEN = LOST | {"spikes_recovered": {"SF104"}, "overfitting": {"SF301"}}
CALLED_OTHERWISE = {
    136: "SF301"
}  # its training is smooth; evaluation loss more than doubles, accuracy falls by a sixth
CANNOT_BE_SEEN = {
    302: "three rows: that the loss never came back is known from the run's diary",
    306: "the log ends while the loss is up: that it came back is known from the run's diary",
}


def first(entry):
    grave = [one for one in sf.diagnose(sf.read(ROOT / entry["file"])) if one.severity != "info"]
    return grave[0] if grave else None


def of(*labels):
    left = CANNOT_BE_SEEN | CALLED_OTHERWISE
    chosen = [e for e in ENTRIES.values() if e["label"] in labels and e["id"] not in left]
    return pytest.mark.parametrize("entry", chosen, ids=lambda entry: f"{entry['id']}-{entry['label']}")


@of("healthy")
def test_a_healthy_run_is_said_to_be_healthy(entry):
    findings = sf.diagnose(sf.read(ROOT / entry["file"]))
    assert sf.verdict(findings).text == "healthy"


@of(*SEEN)
def test_an_unhealthy_run_is_called_what_it_is(entry):
    assert first(entry).code in SEEN[entry["label"]]


@of(*LOST)
def test_a_run_that_is_lost_is_an_error_and_never_told_to_raise_the_rate(entry):
    findings = sf.diagnose(sf.read(ROOT / entry["file"]))
    assert findings[0].severity == "error"
    edits = [remedy.edit for one in findings for remedy in one.remedies if remedy.edit and remedy.edit.op == "scaled"]
    assert edits
    assert all(edit.arguments["k"] < 1 for edit in edits)


def test_a_log_whose_label_speaks_of_its_training_alone_is_called_by_its_evaluations():
    for number, code in CALLED_OTHERWISE.items():
        assert first(ENTRIES[number]).code == code


def test_the_logs_that_cannot_be_judged_from_their_rows_are_still_read():
    for number in CANNOT_BE_SEEN:
        assert len(sf.read(ROOT / ENTRIES[number]["file"])) == ENTRIES[number]["rows"]


def test_the_restart_that_cost_a_run_is_named_beside_its_divergence():
    findings = {one.code: one for one in sf.diagnose(sf.read(ROOT / ENTRIES[12]["file"]))}
    assert findings["SF102"].step == findings["SF108"].step - 100 == 79_900
    assert findings["SF108"].severity == "warning"
