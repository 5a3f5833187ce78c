"""SF301 and SF302: what is learnt and does not carry over."""

import numpy as np
from tests.diagnosis.curves import codes, descent, history, only


def evaluated(rise, *, count=400, every=10, noise=0.01, seed=0):
    """A falling training loss, and a validation loss that turns at 40 % and ends ``rise`` above its minimum."""
    t = np.linspace(0, 1, count)
    judged = np.full(count, np.nan)
    turn = 2.5 + 3 * np.exp(-t / 0.08) + 2.5 * rise * np.clip((t - 0.4) / 0.6, 0, None)
    judged[::every] = (turn + noise * np.random.default_rng(seed).standard_normal(count))[::every]
    return descent(count, floor=0.5) - 0.8 * t, judged


def test_validation_that_rises_while_training_falls_overfits():
    losses, judged = evaluated(0.2)
    finding = only(history(losses, val_loss=judged), "SF301")
    assert codes(history(losses, val_loss=judged)) == ["SF301"]
    assert 0.1 < finding.evidence["rise"] < 0.25
    assert 120 <= finding.step <= 240
    assert [one.topic for one in finding.remedies] == ["weight decay", "rate", "regularisation", "stop"]


def test_a_rise_within_the_noise_of_the_evaluations_is_none():
    losses, judged = evaluated(0.02, noise=0.2)
    assert codes(history(losses, val_loss=judged)) == []


def test_a_loss_that_rises_a_little_while_the_metric_still_improves_is_a_note():
    losses, judged = evaluated(0.1)
    accuracy = np.where(np.isfinite(judged), np.linspace(0.5, 0.8, 400), np.nan)
    assert only(history(losses, val_loss=judged, val_accuracy=accuracy), "SF301").severity == "info"
    assert codes(history(losses, val_loss=judged)) == ["SF301"]
    losses, judged = evaluated(0.4)
    assert codes(history(losses, val_loss=judged, val_accuracy=accuracy)) == ["SF301"]


def test_evaluations_that_jump_up_now_and_then_are_no_sustained_rise():
    losses, judged = evaluated(0.0)
    judged[200::20] *= 1.6
    assert codes(history(losses, val_loss=judged)) == []


def test_validation_that_rises_with_training_is_not_overfitting():
    _, judged = evaluated(0.4)
    rising = descent(floor=0.5) + np.linspace(0, 4, 400)
    assert "SF301" not in codes(history(rising, val_loss=judged), least="info")


def test_a_single_bad_evaluation_is_not_overfitting():
    losses, judged = evaluated(0.0)
    judged[390] = 4.0
    assert codes(history(losses, val_loss=judged)) == []


def test_training_at_nothing_beside_validation_that_rises_is_memorised():
    t = np.arange(400)
    judged = np.where(t % 10 == 0, 2.3 - 0.8 * np.exp(-(((t - 60) / 60) ** 2)), np.nan)
    losses = 2.3 * np.exp(-t / 30) + 1e-4
    assert codes(history(losses, val_loss=judged)) == ["SF302"]
    assert "SF302" not in codes(history(losses, val_loss=np.where(t % 10 == 0, 0.01, np.nan)), least="info")
