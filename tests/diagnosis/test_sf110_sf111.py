"""The two detectors of what monitors measure: quiet on healthy levels, and on the edge of stability."""

import numpy as np
import pytest

import surefoot as sf
from surefoot.diagnosis.detectors import sf110_update_ratio, sf111_headroom

RATIO, ROOM = sf110_update_ratio.DETECTOR, sf111_headroom.DETECTOR


def found(detector, **columns):
    """Judge a falling loss with a rate, whose other columns are measured every 10 steps."""
    rows = []
    for step in range(200):
        measured = {name: float(values[step // 10 % len(values)]) for name, values in columns.items()}
        lr = {"lr": measured.pop("lr", 1e-3)}
        rows.append(sf.Reading(step, 2.0 + np.exp(-step / 50), **lr, **(measured if step % 10 == 0 else {})))
    return detector.finding(detector.update(detector.init(), sf.History.of(rows)))


@pytest.mark.parametrize("ratio", [1e-5, 1e-4, 1e-3, 4e-3, 4e-2, 0.09])
def test_the_ratios_of_healthy_runs_are_no_finding(ratio):
    assert found(RATIO, update_ratio=[ratio]) is None


def test_updates_of_a_tenth_of_the_weights_are_a_warning_that_lowers_the_rate():
    finding = found(RATIO, update_ratio=[0.3])
    assert (finding.code, finding.severity, finding.step) == ("SF110", "warning", 150)
    assert finding.evidence["ratio"] == pytest.approx(0.3)
    assert "0.3 of their size" in finding.message
    assert any(one.edit is not None and one.edit.text() == "scaled(k=0.5)" for one in finding.remedies)


@pytest.mark.parametrize("ratio", [0.0, 1e-8])
def test_updates_of_nothing_at_the_peak_never_advise_a_higher_rate(ratio):
    finding = found(RATIO, update_ratio=[ratio])
    assert finding.severity == "warning"
    scaled = [one.edit.arguments["k"] for one in finding.remedies if one.edit is not None and one.edit.op == "scaled"]
    assert all(k < 1 for k in scaled)


def test_updates_of_nothing_where_the_rate_has_decayed_are_no_finding():
    assert found(RATIO, update_ratio=[0.0], lr=np.linspace(1.0, 0.0, 20)) is None
    assert found(RATIO, update_ratio=[0.0], lr=np.linspace(0.0, 0.0, 20)) is None


def test_one_large_update_or_a_few_readings_are_no_finding():
    assert found(RATIO, update_ratio=[0.5, 1e-3]) is None
    assert found(RATIO, update_ratio=[np.inf]) is None
    few = [sf.Reading(step, 2.0, update_ratio=0.5) for step in range(7)]
    assert RATIO.finding(RATIO.update(RATIO.init(), sf.History.of(few))) is None


@pytest.mark.parametrize("room", [[0.9, 1.1], [1024.0], [0.0, 0.0, 0.4, 0.7, 3.0], [np.nan], [2.0]])
def test_the_edge_of_stability_and_single_low_probes_are_no_finding(room):
    assert found(ROOM, headroom=room) is None


def test_probes_that_all_overshoot_are_a_warning():
    finding = found(ROOM, headroom=[0.2, 0.3, 0.0])
    assert (finding.code, finding.severity, finding.step) == ("SF111", "warning", 150)
    assert 0 < finding.evidence["headroom"] < 0.5
    assert finding.remedies[0].edit.text() == "scaled(k=0.5)"


@pytest.mark.parametrize("sharpness", [[0.3], [0.9, 1.2, 1.6], [1.5], [3.0, 1.0]])
def test_a_sharpness_at_the_threshold_is_no_finding(sharpness):
    assert found(ROOM, sharpness_ratio=sharpness) is None


def test_a_sharpness_far_above_the_threshold_is_a_warning():
    finding = found(ROOM, sharpness_ratio=[2.5, 4.0])
    assert finding.severity == "warning"
    assert "what the optimizer bears" in finding.message
