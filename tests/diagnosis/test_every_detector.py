"""The laws that every detector obeys."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.diagnosis import made_runs as runs

import surefoot as sf
from surefoot.diagnosis.diagnosing import begun, fed, judged
from surefoot.diagnosis.edits import applied
from surefoot.diagnosis.known import DETECTORS, DOCS
from surefoot.live import Watch

HEADINGS = ["What it sees", "Formula", "Why it matters", "Example", "What to try", "False alarms", "Source"]
ROOM = Path(sf.__file__).parent / "diagnosis" / "detectors"
one_detector = pytest.mark.parametrize("detector", DETECTORS, ids=lambda detector: detector.code)


def in_pieces(history, cuts):
    progress = begun()
    for piece in runs.pieces(history, cuts):
        progress = fed(progress, piece)
    return judged(progress)


def at_once(history):
    return judged(fed(begun(), history))


def plain(findings):
    return [finding.row() for finding in findings]


@settings(max_examples=150)
@given(runs.histories(), st.lists(st.integers(0, 150), max_size=6))
def test_any_chunking_gives_the_same_findings(history, cuts):
    assert plain(in_pieces(history, cuts)) == plain(at_once(history))


@settings(max_examples=6)
@given(st.sampled_from(["falls", "spikes", "diverges", "nan"]), st.lists(st.integers(0, 20_000), max_size=8))
def test_the_chunks_of_a_long_run_make_no_difference(loss, cuts):
    history = runs.run(20_000, 3, loss=loss, extras=("grad_norm", "val_loss"), facts=("total",))
    assert plain(in_pieces(history, cuts)) == plain(at_once(history))


@settings(max_examples=20)
@given(runs.histories(largest=60).filter(lambda history: np.isfinite(history["step"]).all()))
def test_a_live_run_has_the_findings_of_a_finished_one(history):
    watch = Watch()
    readings = list(history)
    for reading in readings:
        watch.add(reading)
    assert plain(watch.findings) == plain(sf.diagnose(sf.History.of(readings)))


@one_detector
def test_nothing_is_found_before_the_first_row(detector):
    assert detector.finding(detector.init()) is None
    nothing = sf.History({"step": [], "loss": []})
    assert detector.finding(detector.update(detector.init(), nothing)) is None


@one_detector
def test_an_update_leaves_the_state_before_it_as_it_was(detector):
    history = runs.run(100, loss="spikes", extras=runs.EXTRAS, facts=runs.FACTS)
    half = detector.update(detector.init(), history.rows(0, 50))
    before = detector.finding(half)
    detector.update(half, history.rows(50))
    assert detector.finding(half) == before


@settings(max_examples=150)
@given(runs.histories())
def test_findings_of_odd_runs_are_whole_and_plain(history):
    for finding in sf.diagnose(history):
        row = json.loads(json.dumps(finding.row(), allow_nan=False))
        assert row["code"] == finding.code
        assert finding.step is None or finding.step >= 0
        assert finding.message.endswith(".")
        assert "nan" not in finding.message.replace("NaN", "").lower().split()
        assert [remedy.rank for remedy in finding.remedies] == list(range(1, len(finding.remedies) + 1))
        assert all(remedy.text and remedy.why and remedy.topic for remedy in finding.remedies)
        assert len({remedy.text for remedy in finding.remedies}) == len(finding.remedies)


@settings(max_examples=50)
@given(runs.histories())
def test_the_edits_of_remedies_fit_an_ordinary_schedule(history):
    known = history["step"][np.isfinite(history["step"])]
    plan = sf.wsd(1e-3, total=1000 + int(known.max(initial=0)), warmup=50)
    for finding in sf.diagnose(history):
        for remedy in finding.remedies:
            assert remedy.edit is None or isinstance(applied(remedy.edit, plan), sf.Schedule)


ODD = {
    "one row": {"step": [0], "loss": [1.0]},
    "one NaN": {"step": [0], "loss": [np.nan]},
    "all NaN": {"step": np.arange(300), "loss": np.full(300, np.nan)},
    "no steps": {"step": np.full(50, np.nan), "loss": np.ones(50)},
    "one step": {"step": np.zeros(50), "loss": np.linspace(2, 1, 50)},
    "infinite": {"step": np.arange(50), "loss": np.full(50, np.inf)},
    "vast steps": {"step": np.arange(50) * 1e15, "loss": np.linspace(2, 1, 50)},
    "vast losses": {"step": np.arange(50), "loss": np.linspace(1.7, 1, 50) * 1e308},
    "tiny losses": {"step": np.arange(50), "loss": np.linspace(2, 1, 50) * 1e-300},
    "both signs": {"step": np.arange(50), "loss": np.sin(np.arange(50))},
    "validation only": {"step": np.arange(9), "loss": np.full(9, np.nan), "val_loss": np.linspace(2, 1, 9)},
    "negative rates": {"step": np.arange(50), "loss": np.linspace(2, 1, 50), "lr": -np.ones(50)},
    "infinite rates": {"step": np.arange(50), "loss": np.linspace(2, 1, 50), "lr": np.full(50, np.inf)},
    "steps before 0": {"step": np.arange(50) - 25, "loss": np.linspace(2, 1, 50)},
}


@pytest.mark.parametrize("columns", ODD.values(), ids=ODD)
@pytest.mark.filterwarnings("error")
def test_an_odd_history_is_judged_without_an_error(columns):
    history = sf.History(columns)
    json.dumps(plain(sf.diagnose(history)), allow_nan=False)
    assert plain(in_pieces(history, range(0, len(history), 7))) == plain(at_once(history))


def test_codes_rise_and_each_has_a_name_of_its_own():
    codes = [detector.code for detector in DETECTORS]
    assert codes == sorted(set(codes))
    assert len({detector.name for detector in DETECTORS}) == len(codes)


def test_every_detector_in_the_room_is_on_the_list():
    files = {path.stem[:5].upper() for path in ROOM.glob("sf*.py")}
    assert files == {detector.code for detector in DETECTORS}


@one_detector
def test_a_finding_bears_the_code_and_the_name_of_its_detector(detector):
    for seed, loss in enumerate(runs.LOSSES):
        history = runs.run(200, seed, loss=loss, extras=runs.EXTRAS, facts=runs.FACTS)
        found = detector.finding(detector.update(detector.init(), history))
        assert found is None or (found.code, found.name) == (detector.code, detector.name)


@one_detector
def test_a_detector_is_explained_under_the_fixed_headings(detector):
    lines = DOCS[detector.code].splitlines()
    assert lines[0].startswith(f"{detector.code} {detector.name}: ")
    assert [line for line in lines[1:] if line and not line.startswith(" ")] == HEADINGS
