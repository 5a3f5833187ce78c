from __future__ import annotations

import math

import numpy as np
import pytest

from surefoot.curve import Curve
from surefoot.diagnosis.coupling import coupling
from surefoot.diagnosis.headline import _HEADS, headline
from surefoot.diagnosis.known import DETECTORS
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.remedies import BUG, DIVERGED, HIGHER, ranked
from surefoot.diagnosis.signs import NOT_MEASURED, signs
from surefoot.diagnosis.verdict import verdict
from surefoot.history.columns import History
from surefoot.trial import Trial


def finding(code="SF102", name="divergence", severity="error", step=40, remedies=DIVERGED):
    return Finding(code, name, step, severity, 0.9, "Loss 9, expected below 3.", {}, ranked(remedies))


def history(**columns):
    return History({"step": np.arange(9), "loss": np.ones(9), **columns})


def test_the_verdict_is_what_the_first_finding_says():
    found = verdict((finding(), finding("SF301", "overfitting", "warning")))
    assert (found.name, found.healthy) == ("divergence", False)
    assert found.text == found.headline == "diverging: the rate is too high"
    assert found.row()["name"] == "divergence"


def test_notes_alone_are_healthy():
    found = verdict((finding("SF104", "spike", "info"),))
    assert (found.text, found.healthy) == ("healthy", True)
    assert found.headline.startswith("healthy")
    assert found.signs["stability"] == "stable, with a note: SF104 spike at step 40"


def test_a_log_of_few_rows_is_healthy_only_as_far_as_they_show():
    assert "few rows" in headline((finding("SF503", "sparse rows", "info"),))


def test_a_verdict_cannot_be_changed():
    with pytest.raises(TypeError):
        verdict(()).signs["stability"] = "fine"


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda one: one.code)
def test_every_detector_has_a_headline_of_its_own(detector):
    assert detector.code in _HEADS
    assert headline([finding(detector.code, detector.name, "warning", remedies=())])


def test_the_cause_is_what_the_first_remedy_is_for():
    assert headline([finding(remedies=(BUG, *DIVERGED))]).endswith("rule out a bug or bad data before the rate")
    assert headline([finding("SF201", "too slow", remedies=(HIGHER,))]) == "too slow: the rate is too low"
    assert headline([finding("SF101", "non-finite")]) == "diverging to NaN: the rate is too high"
    assert headline([finding("SF101", "non-finite", remedies=(BUG,))]).startswith("NaN")
    assert headline([finding("SF301", "overfitting")]) == "overfitting"
    assert headline([finding("SF103", "collapse")]) == "collapsed: the rate was too high, not too low"


def test_signs_that_nobody_measured_say_so():
    assert signs(()) == {"stability": "stable", "effective step size": NOT_MEASURED, "sensitivity": NOT_MEASURED}
    assert signs((), history()) == signs(())
    assert signs((), history(update_ratio=np.full(9, math.nan))) == signs(())


@pytest.mark.parametrize(("ratio", "word"), [(3e-2, "large"), (1e-3, "usual"), (3e-5, "small")])
def test_the_effective_step_size_is_the_logged_update_over_weight(ratio, word):
    said = signs((), history(update_ratio=np.full(9, ratio)))["effective step size"]
    assert said.startswith(f"update over weight {ratio:.2g}, {word}")


def test_the_end_of_the_run_speaks_for_it():
    column = np.array([1.0] * 6 + [1e-3] * 3)
    assert "0.001" in signs((), history(update_ratio=column))["effective step size"]


def test_headroom_speaks_for_step_size_and_sensitivity_where_nothing_else_does():
    low, high = (signs((), history(headroom=np.full(9, value))) for value in (0.5, 3.0))
    assert "too large" in low["effective step size"]
    assert "within the edge" in high["effective step size"]
    assert "3x before a step raises the loss" in high["sensitivity"]


def test_an_effective_rate_is_only_said():
    assert signs((), history(effective_lr=np.full(9, 0.02)))["effective step size"] == "effective rate 0.02"


def curve(losses, start=3.0, low=-3.0, high=-1.0):
    rates = np.logspace(low, high, len(losses))
    trials = tuple(
        Trial(float(lr), 0, 9, 9, loss, "done" if math.isfinite(loss) else "diverged")
        for lr, loss in zip(rates, losses, strict=True)
    )
    return Curve(trials, start)


@pytest.mark.parametrize("found", [Curve(), curve([1.0]), curve([1.0, 2.0], math.nan), curve([math.inf, math.inf])])
def test_a_sweep_that_shows_nothing_has_no_sensitivity(found):
    assert signs((), None, found)["sensitivity"].startswith(NOT_MEASURED)


def test_a_sweep_gives_the_sensitivity_in_loss_and_as_a_share_of_the_gain():
    assert (
        signs((), None, curve([1.0, 2.0]))["sensitivity"]
        == "0.5 in loss, 25% of what training gains, over 3e-4 to 3e-1"
    )
    far = curve([1.0, 2.0], low=-7.0, high=-5.0)
    assert signs((), None, far)["sensitivity"].endswith("over the rates that were run")


def test_a_cut_of_the_rate_says_what_else_it_changes():
    decay, batch = coupling(0.1, 1e-3, {"weight_decay": 0.1, "batch": 256.0, "optimizer": "AdamW"})
    assert "10,000 updates now and over 100,000 then" in decay
    assert "weight decay of 1 keeps" in decay
    assert "(now 256)" in batch
    assert "10 times as large" in batch
    assert "100 times" in batch


@pytest.mark.parametrize(("peak", "optimizer", "told"), [(0.1, "SGD", False), (1.0, "", False), (1.0, "AdamW", True)])
def test_numbers_are_those_of_adamw_or_none(peak, optimizer, told):
    facts = {"weight_decay": 0.1, **({"optimizer": optimizer} if optimizer else {})}
    assert ("updates now" in coupling(0.1, peak, facts)[0]) is told


def test_without_facts_the_coupling_is_said_in_proportions():
    decay, batch = coupling(0.5)
    assert "2 times as many" in decay
    assert "weight decay times 2" in decay
    assert "now" not in batch
    assert "3 times fewer" in coupling(3.0)[0]
    assert "adds noise" in coupling(3.0)[1]
