"""SF101 to SF108: a run that is lost, a run that spiked, a run that swings; and what is none of them."""

import math

import numpy as np
import pytest
from tests.diagnosis.curves import codes, descent, history, only, spiked

import surefoot as sf


def typed(text):
    return sf.History.of(sf.Reading(step, float(word)) for step, word in enumerate(text.split()))


def test_the_exercise_diverges_and_its_first_remedy_is_a_tenth_of_the_rate():
    findings = sf.diagnose(typed("2.5 2.4 2.6 3.1 4.2 nan"))
    assert [one.code for one in findings] == ["SF101", "SF102"]
    for one in findings:
        assert one.severity == "error"
        assert one.remedies[0].edit == sf.Edit("scaled", {"k": 0.1})
    assert "had risen from 2.45 to 4.2" in findings[0].message
    assert "leaves 2.45 at step 2 and ends at 4.2, expected below 3.08" in findings[1].message


def test_a_nan_out_of_calm_is_looked_for_in_the_code_first():
    losses = descent()
    losses[300:] = math.nan
    (finding,) = sf.diagnose(history(losses))
    assert (finding.code, finding.severity, finding.step) == ("SF101", "error", 300)
    assert finding.remedies[0].topic == "data"
    assert finding.evidence["bad"] == 100


def test_one_nan_that_is_over_is_a_warning():
    losses = descent()
    losses[200] = math.inf
    assert only(history(losses), "SF101").severity == "warning"


def test_a_field_that_was_not_logged_is_no_nan():
    losses = descent()
    judged = np.full(400, np.nan)
    losses[::50], judged[::50] = np.nan, 2.5
    assert codes(history(losses, val_loss=judged), least="info") == []


def test_overflowing_gradients_that_a_scaler_skips_are_no_trouble_and_lasting_ones_are():
    norms = np.abs(np.random.default_rng(0).normal(1, 0.1, 400))
    norms[[3, 90, 250]] = math.inf
    mask = {"grad_norm": np.zeros(400, dtype=bool)}
    calm = history(descent(), grad_norm=norms)
    calm = sf.History(calm.columns, blank=mask)
    assert "SF101" not in codes(calm, least="info")
    losses = descent()
    norms[395:], losses[395:] = math.nan, 0.0
    ruined = sf.History({**calm.columns, "loss": losses, "grad_norm": norms}, blank=mask)
    assert {"SF101", "SF501"} & set(codes(ruined))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("noise", [0.003, 0.03, 0.2])
def test_a_calm_run_is_healthy(seed, noise):
    assert codes(history(descent(seed=seed, noise=noise))) == []


@pytest.mark.parametrize("at", [60, 200, 390])
def test_a_loss_that_leaves_and_stays_out_diverged(at):
    losses = descent()
    losses[at:] = np.minimum(losses[at:] * 1.3 ** np.arange(400 - at), 8.0)
    finding = only(history(losses), "SF102")
    assert codes(history(losses))[0] == "SF102"
    assert finding.step <= at + 10
    assert finding.evidence["level"] > finding.evidence["limit"] > finding.evidence["base"]


def test_a_loss_that_climbs_slowly_and_for_good_diverged():
    losses = descent() + np.concatenate([np.zeros(200), np.linspace(0, 6, 200)])
    assert codes(history(losses))[0] == "SF102"


def test_a_drift_within_the_noise_is_no_divergence():
    losses = descent(noise=0.2) + np.concatenate([np.zeros(200), np.linspace(0, 0.3, 200)])
    assert codes(history(losses)) == []


def test_harder_batches_at_the_end_are_no_divergence_where_validation_is_as_good_as_ever():
    losses, judged = descent(), np.full(400, np.nan)
    losses[360:] *= 1.8
    judged[::20] = descent(20, noise=0.01) + 0.2
    assert codes(history(losses, val_loss=judged)) == []
    assert codes(history(losses))[0] == "SF102"


def test_a_run_that_is_lost_is_not_told_of_plateaus_or_of_a_higher_rate():
    losses = descent()
    losses[100:] = 9.0 + 0.01 * np.sin(np.arange(300))
    for finding in sf.diagnose(history(losses)):
        assert finding.code in {"SF102", "SF103"}
        assert all(one.edit is None or one.edit.arguments.get("k", 0) < 1 for one in finding.remedies)


def test_pinned_at_the_entropy_of_the_labels_after_an_excursion_is_a_collapse():
    rng = np.random.default_rng(0)
    losses = math.log(10) + 1e-3 * rng.standard_normal(200)
    losses[0] = 2.7
    finding = only(history(losses), "SF103")
    assert "ln 10 = 2.303 is chance" in finding.message
    assert finding.evidence["classes"] == 10


def test_learning_that_was_lost_is_a_collapse():
    losses = np.concatenate([np.linspace(2.3, 1.9, 20), math.log(10) + 1e-3 * np.sin(np.arange(180))])
    assert codes(history(losses))[0] == "SF103"


def test_long_above_the_own_start_is_a_collapse_although_it_falls_with_the_rate():
    losses = np.concatenate([np.linspace(6.9, 7.2, 40), np.linspace(7.2, 7.05, 260), np.linspace(7.05, 6.6, 60)])
    losses += 0.02 * np.random.default_rng(0).standard_normal(360)
    assert codes(history(losses)) == ["SF103"]


def test_an_accuracy_that_never_leaves_chance_under_a_huge_rate_is_a_collapse():
    rng = np.random.default_rng(0)
    losses, accuracy = 90 * np.exp(-np.arange(120) / 40) + rng.uniform(2.4, 4, 120), rng.normal(0.1, 0.001, 120)
    assert codes(history(losses, val_accuracy=accuracy, lr=np.full(120, 40.0)))[0] == "SF103"


def test_a_loss_that_is_usual_for_some_number_of_classes_is_no_collapse():
    # A language model near 2.89 = ln 18, falling still.
    losses = np.linspace(3.8, 2.85, 300) ** 1.0
    losses[150:] = np.linspace(2.93, 2.87, 150)
    assert "SF103" not in codes(history(losses))


def test_a_spike_that_heals_is_one_warning_and_nothing_to_do():
    finding = only(history(spiked(descent(), 200)), "SF104")
    assert codes(history(spiked(descent(), 200))) == ["SF104"]
    assert finding.remedies[0].topic == "none"
    assert abs(finding.step - 200) <= 1
    assert "is back after" in finding.message


def test_three_spikes_are_a_pattern():
    losses = spiked(spiked(spiked(descent(), 100), 200), 300)
    assert codes(history(losses)) == ["SF105"]


def test_the_first_descent_may_be_bumpy():
    assert codes(history(spiked(descent(), 8, rows=4))) == []


def test_batches_of_two_kinds_do_not_spike():
    rng = np.random.default_rng(0)
    losses = descent() * np.where(rng.random(400) < 0.4, 1.8, 1.0)
    assert codes(history(losses)) == []


def test_a_high_batch_that_validation_did_not_notice_is_no_spike():
    losses, judged = descent(), np.full(400, np.nan)
    losses[203:206] += 6.0
    judged[::2] = descent(200, noise=0.01) + 0.1
    assert codes(history(losses, val_loss=judged)) == []
    judged[204:208:2] += 3.0
    assert codes(history(losses, val_loss=judged)) == ["SF104"]


def test_overshooting_from_side_to_side_oscillates():
    losses = 1.0 + 0.3 * (-1.0) ** np.arange(200)
    assert codes(history(losses)) == ["SF106"]


def test_swings_that_grow_while_nothing_is_gained_oscillate():
    rng = np.random.default_rng(0)
    swings = 0.02 * np.exp(np.clip(np.arange(400) - 150, 0, None) / 60) * rng.standard_normal(400)
    assert codes(history(descent(power=1.5, noise=0.0) + swings)) == ["SF106"]


def test_noise_does_not_oscillate():
    for seed in range(5):
        assert codes(history(descent(noise=0.4, seed=seed))) == []


def test_trouble_at_the_end_of_the_warmup_is_named_and_answered_with_a_longer_one():
    plan = sf.cosine(1e-3, total=400, warmup=60)
    losses = spiked(descent(), 70)
    finding = only(history(losses, lr=plan.array()), "SF107")
    edit = finding.remedies[0].edit
    assert edit.op == "warmup"
    assert 110 <= edit.arguments["steps"] <= 120
    assert "SF107" not in codes(history(losses), least="info")
    assert "SF107" not in codes(history(spiked(descent(), 250), lr=plan.array()), least="info")


def test_the_bump_after_a_restart_is_noted_and_no_more():
    plan = sf.restarts(1e-3, total=400, cycles=2)
    healed = history(spiked(descent(), 134, height=2.5, rows=20), lr=plan.array())
    assert only(healed, "SF108").severity == "info"
    assert codes(healed) == []
    lost = descent()
    lost[134:] = 8.0
    assert only(history(lost, lr=plan.array()), "SF108").severity == "warning"
    assert codes(history(lost, lr=plan.array()))[0] == "SF102"


def test_a_rise_that_is_little_of_the_level_and_much_of_the_gain_is_a_divergence():
    losses = np.concatenate([np.linspace(4.2, 2.7, 12), np.linspace(2.7, 3.3, 8), np.full(60, 3.3)])
    losses += 0.05 * np.random.default_rng(0).standard_normal(80)
    assert codes(history(losses)) == ["SF102"]


def test_a_spike_between_two_evaluations_is_seen():
    losses, judged = spiked(descent(), 203, rows=8), np.full(400, np.nan)
    judged[::100] = 2.5
    assert codes(history(losses, val_loss=judged)) == ["SF104"]


def test_long_tailed_noise_of_small_batches_does_not_spike():
    rng = np.random.default_rng(0)
    losses = (0.1 + np.exp(-np.arange(1000) / 100)) * np.exp(rng.normal(0, 1.2, 1000))
    assert codes(history(losses)) == []


def test_evaluations_that_never_got_better_than_the_first_are_a_collapse():
    losses, judged = np.full(60, 30.0), np.full(60, np.nan)
    losses += np.random.default_rng(0).standard_normal(60)
    judged[::10] = [2.31, 28.0, 29.0, 30.0, 29.5, 29.9]
    assert codes(history(losses, val_loss=judged))[0] == "SF103"


def test_an_accuracy_near_a_third_is_no_chance_of_three_classes_where_the_loss_is_far_above_it():
    losses = 1.89 + 0.35 * np.exp(-np.arange(60) / 1.5) + 0.002 * np.random.default_rng(0).standard_normal(60)
    assert "SF103" not in codes(history(losses, val_accuracy=np.full(60, 0.33)), least="info")


def test_a_spike_of_a_flat_run_that_came_back_is_no_collapse():
    losses = 2.27 + 0.01 * np.random.default_rng(0).standard_normal(60)
    losses[30:35] = [4.2, 3.1, 2.7, 2.6, 2.4]
    assert "SF103" not in codes(history(losses), least="info")


def test_a_small_rise_that_evaluations_share_is_a_divergence():
    rng = np.random.default_rng(0)
    losses = np.concatenate(
        [descent(200, start=5.0, noise=0.15), np.linspace(2.45, 3.0, 100) + 0.15 * rng.standard_normal(100)]
    )
    judged = np.full(300, np.nan)
    judged[::30] = [4.8, 3.4, 3.0, 2.8, 2.7, 2.6, 2.5, 2.6, 2.85, 3.1]
    assert codes(history(losses)) == []
    assert codes(history(losses, val_loss=judged))[0] == "SF102"


def test_evaluations_that_jump_about_do_not_excuse_a_lost_run():
    rng = np.random.default_rng(0)
    losses = np.concatenate([np.full(40, 2.3), 2.3 * 1.5 ** np.arange(20)]) * np.exp(0.1 * rng.standard_normal(60))
    judged = np.full(60, np.nan)
    judged[10::10] = [2.3, 2.3, 30.0, 4.6, 42.0]
    assert codes(history(losses, val_loss=judged))[0] in {"SF102", "SF103"}


def test_a_spike_is_noticed_by_evaluations_that_fall_by_decades():
    losses = 2.5 * np.exp(-np.arange(150) / 18) * np.exp(0.1 * np.random.default_rng(0).standard_normal(150))
    losses[60:70] += 0.6 * np.exp(-np.arange(10) / 3)
    judged = np.full(150, np.nan)
    judged[4::10] = 2.5 * np.exp(-np.arange(4, 150, 10) / 18)
    assert codes(history(losses, val_loss=judged)) == []
    judged[64] += 0.2
    assert codes(history(losses, val_loss=judged)) == ["SF104"]
