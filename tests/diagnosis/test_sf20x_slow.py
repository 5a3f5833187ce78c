"""SF201 to SF206: a run that crawls, one that stopped, one that never began; and what only looks like them."""

import math

import numpy as np
import pytest
from tests.diagnosis.curves import codes, descent, history, only

import surefoot as sf


def crawl(count=300, *, start=2.3, end=2.0, noise=0.005, seed=0):
    return np.linspace(start, end, count) + noise * np.random.default_rng(seed).standard_normal(count)


def test_a_straight_line_down_is_too_slow_and_its_first_remedy_is_a_higher_rate():
    finding = only(history(crawl()), "SF201")
    assert codes(history(crawl())) == ["SF201"]
    assert finding.remedies[0].edit == sf.Edit("scaled", {"k": 3.0})
    assert finding.evidence["half"] == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("floor", [0.1, 1.0, 5.0])
@pytest.mark.parametrize("power", [0.3, 0.5, 1.0])
def test_a_descent_that_slows_down_by_itself_is_healthy(power, floor):
    assert codes(history(descent(floor=floor, power=power))) == []


def test_fine_tuning_that_gains_little_and_early_is_healthy():
    losses = 1.15 + 0.25 * np.exp(-np.arange(200) / 15) - 0.05 * np.arange(200) / 200
    assert codes(history(losses + 0.03 * np.random.default_rng(0).standard_normal(200))) == []


def test_a_loss_that_rose_first_is_never_called_too_slow():
    losses = crawl() + np.where(np.arange(300) < 40, 0.3 * np.sin(np.arange(300) / 13), 0)
    assert "SF201" not in codes(history(losses))


def test_flat_at_a_high_level_is_a_plateau():
    losses = np.concatenate([np.linspace(6.9, 6.0, 30), np.full(270, 6.0)])
    losses += 0.01 * np.random.default_rng(1).standard_normal(300)
    finding = only(history(losses), "SF202")
    assert codes(history(losses)) == ["SF202"]
    assert finding.remedies[0].topic == "find"
    assert finding.step < 60


def test_flat_at_its_floor_is_converged():
    losses = 0.3 + 3.0 * np.exp(-np.arange(300) / 10) + 0.003 * np.random.default_rng(1).standard_normal(300)
    assert codes(history(losses)) == []


def test_flat_far_below_the_start_is_a_plateau_where_the_metric_is_at_its_worst():
    losses = 5.7 + 28.0 * np.exp(-np.arange(300) / 5) + 0.01 * np.random.default_rng(1).standard_normal(300)
    assert codes(history(losses)) == []
    assert codes(history(losses, val_wer=np.full(300, 0.999))) == ["SF202"]
    assert codes(history(losses, val_accuracy=np.linspace(0.5, 0.72, 300))) == []


def test_a_loss_that_never_moved_is_not_training():
    losses = math.log(10) + 0.01 * np.random.default_rng(2).standard_normal(100)
    finding = only(history(losses), "SF206")
    assert codes(history(losses)) == ["SF206"]
    assert finding.remedies[0].topic == "bug"


def test_a_flat_piece_of_a_log_that_begins_in_mid_run_says_nothing():
    losses = 2.5 + 0.01 * np.random.default_rng(2).standard_normal(100)
    steps = np.arange(50_000.0, 50_100.0)
    assert codes(sf.History({"step": steps, "loss": losses})) == []


def test_a_rate_that_was_gone_while_the_loss_still_fell_decayed_too_early():
    rates = np.concatenate([sf.cosine(1e-3, total=200).array(), np.zeros(200)])
    losses = np.concatenate([np.linspace(6, 3, 200), np.full(200, 3.0)])
    losses += 0.01 * np.random.default_rng(0).standard_normal(400)
    finding = only(history(losses, lr=rates), "SF203")
    assert finding.remedies[0].edit == sf.Edit("stretch", {"total": 400})
    whole = history(np.linspace(6, 3, 400), lr=sf.cosine(1e-3, total=400).array())
    assert "SF203" not in codes(whole, least="info")


def test_a_long_warmup_of_a_calm_run_is_noted():
    plan = sf.cosine(1e-3, total=400, warmup=200)
    assert only(history(descent(), lr=plan.array()), "SF204").severity == "info"
    assert "SF204" not in codes(history(descent(), lr=sf.cosine(1e-3, total=400, warmup=20).array()), least="info")


def test_a_run_that_its_decay_slows_down_is_judged_by_the_sum_of_its_rates():
    plan = sf.cosine(1e-5, total=300)
    losses = 2.3 - 0.6 * np.cumsum(plan.array()) / plan.array().sum()
    losses += 0.005 * np.random.default_rng(0).standard_normal(300)
    assert codes(history(losses, lr=plan.array())) == ["SF201"]


def test_few_rows_that_agree_closely_are_not_training():
    assert codes(history(np.full(15, 2.303) + 1e-4 * np.sin(np.arange(15)))) == ["SF206"]
    assert codes(history(np.full(6, 2.303)), least="warning") == []


def test_fine_tuning_whose_evaluations_improve_is_training():
    losses, judged = 2.05 + 0.11 * np.random.default_rng(0).standard_normal(100), np.full(100, np.nan)
    judged[::20] = [2.16, 2.14, 2.13, 2.12, 2.11]
    assert codes(history(losses, val_loss=judged)) == []


def test_a_run_that_has_only_begun_is_not_told_to_raise_its_rate():
    assert codes(history(crawl(100))) == []
    assert codes(history(crawl(100), every=10)) == ["SF201"]
    assert codes(history(crawl(), facts={"total": 2000})) == []
    assert codes(history(crawl(), facts={"total": 300})) == ["SF201"]
    climbing = np.linspace(0, 1e-3, 300)
    assert "SF201" not in codes(history(crawl(), lr=climbing), least="info")
