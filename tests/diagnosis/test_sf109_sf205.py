import numpy as np
import pytest

import surefoot as sf
from surefoot.diagnosis.detectors import sf109_gradient_precursor, sf205_batch_too_noisy

PRECURSOR, NOISY = sf109_gradient_precursor.DETECTOR, sf205_batch_too_noisy.DETECTOR


def found(detector, history):
    return detector.finding(detector.update(detector.init(), history))


def run(norm, loss=None, **facts):
    t = np.arange(len(norm))
    loss = 2.0 + np.exp(-t / 50) + 0.02 * np.random.default_rng(1).standard_normal(len(t)) if loss is None else loss
    return sf.History({"step": t, "loss": loss, "grad_norm": norm}, origin=sf.Origin("", facts=facts))


def norms(count=200):
    return 1.0 + 0.2 * np.abs(np.random.default_rng(0).standard_normal(count))


def test_norms_that_rise_at_the_end_raise_attention():
    norm = norms()
    norm[-4:] = 8.0, 20.0, 60.0, 200.0
    finding = found(PRECURSOR, run(norm))
    assert (finding.severity, finding.step) == ("warning", 196)
    norm[-1] = 7.0
    assert found(PRECURSOR, run(norm)).severity == "info"


def test_norms_that_rose_ahead_of_a_spike_are_told():
    norm, loss = norms(), run(norms())["loss"].copy()
    norm[147:150] = 6.0, 15.0, 145.0
    loss[150:156] = 6.0
    finding = found(PRECURSOR, run(norm, loss))
    assert (finding.severity, finding.step) == ("info", 147)


def test_the_spike_of_a_large_run_was_announced_by_its_norms():
    norm = np.array([0.242, 0.947, 2.39, 15.886, 145.12, 960.35, 353.2, 379.3, 650.2, 0.267, 0.205])
    loss = np.array([2.199, 2.220, 2.595, 2.242, 2.345, 5.098, 3.492, 3.213, 2.805, 2.216, 2.236])
    assert found(PRECURSOR, run(norm, loss)).step == 3


@pytest.mark.parametrize("at", [30, 100, 199])
def test_a_single_norm_without_an_effect_is_normal(at):
    norm = norms()
    norm[at] = 100.0
    assert found(PRECURSOR, run(norm)) is None


def test_norms_that_grow_slowly_or_were_not_recorded_say_nothing():
    assert found(PRECURSOR, run(norms() * np.linspace(1, 20, 200))) is None
    assert found(PRECURSOR, run(np.zeros(200))) is None


def test_a_batch_far_below_the_noise_scale_is_noisy():
    history = sf.History(
        {"step": range(40), "loss": np.ones(40), "noise_scale": np.full(40, 4096.0), "batch": [32] * 40}
    )
    finding = found(NOISY, history)
    assert finding.severity == "info"
    assert finding.evidence["progress"] == pytest.approx(1 / (1 + 4096 / 32))


@pytest.mark.parametrize(("scale", "batch"), [(4096.0, 2048.0), (100.0, 32.0), (0.0, 1.0), (4096.0, None)])
def test_a_batch_near_the_noise_scale_or_an_unknown_one_is_no_fault(scale, batch):
    columns = {"step": range(40), "loss": np.ones(40), "noise_scale": np.full(40, scale)}
    facts = {} if batch is None else {"batch": batch}
    assert found(NOISY, sf.History(columns, origin=sf.Origin("", facts=facts))) is None
