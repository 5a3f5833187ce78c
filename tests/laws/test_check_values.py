"""The check values of the published laws, and what each law refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

import surefoot as sf
from surefoot.laws import averaging, batch, critical, horizon, size
from surefoot.laws.known import LAWS, RECOMMENDED, law_named
from surefoot.laws.names import family
from surefoot.laws.sources import MARKS

ratios = some.floats(0.01, 100)


@pytest.mark.parametrize(
    ("found", "value"),
    [
        (batch.sde_beta(0.9, 4), 0.6),
        (batch.sde_beta(0.999, 4), 0.996),
        (batch.half_life_beta(0.95, 1 / 512), 0.99990),
        (batch.noise_rate(128, 256), 0.333),
        (batch.surge_rate(4, 16), 0.8),
        (batch.surge_rate(256, 16), 0.4706),
        (critical.kaplan_critical(4), 2.7e5),
        (critical.kaplan_critical(3), 1.07e6),
        (critical.kaplan_critical(2.5), 2.5e6),
        (critical.kaplan_critical(3 * 0.87) / critical.kaplan_critical(3), 1.94),
        (critical.minicpm_batch(3), 1.28e6),
        (size.kaplan_lr(1e8), 6.69e-4),
        (size.kaplan_lr(1e9), 3.48e-4),
        (size.step_lr(1e9, 1e11), 1.632e-3),
        (size.step_batch(1e11), 1.108e6),
        (size.step_lr(1e8, 2e9), 2.537e-3),
        (size.step_batch(2e9), 1.187e5),
        (size.deepseek_lr(1e18), 1.753e-3),
        (size.deepseek_lr(1e20), 9.860e-4),
        (size.deepseek_lr(1e22), 5.545e-4),
        (size.deepseek_batch(1e18), 2.255e5),
        (size.deepseek_batch(1e22), 4.588e6),
        (size.porian_lr(1e8), 4.878e-3),
        (size.porian_lr(1e9), 2.129e-3),
        (size.porian_batch(1e9), 1.609e6),
        (horizon.power_rate(1024, 1e13), 1.10e-3),
        (averaging.power_lines_tau(20), 0.224),
        (averaging.power_lines_tau(200), 0.066),
    ],
)
def test_a_formula_gives_its_check_value(found, value):
    digits = len(f"{value:.10g}".split("e")[0].replace(".", "").strip("0"))
    assert found == pytest.approx(value, rel=0.6 * 10 ** (1 - max(digits, 2)))


@pytest.mark.parametrize(("params", "lr", "_"), size.GPT3_TABLE)
def test_the_table_of_gpt3_is_met_at_its_models(params, lr, _):
    assert size.gpt3_lr(params) == pytest.approx(lr)


@given(some.floats(1, 1e6), some.floats(1, 1e6))
def test_updates_and_samples_trade_along_a_hyperbola(size_, critical_):
    s, e = batch.updates_needed(size_, critical_), batch.samples_needed(size_, critical_)
    assert (s - 1) * (e - 1) == pytest.approx(1.0)


@given(some.floats(0.1, 1e4), some.floats(1, 1e4), some.floats(0.1, 10), some.floats(1, 1e4))
def test_two_batches_give_the_noise_scale_back(b, step, signal, noise):
    big = b + step
    squares = [signal + noise / size_ for size_ in (b, big)]
    found = critical.noise_scale(*squares, b, big)
    assert found[0] == pytest.approx(signal, rel=1e-5, abs=1e-6 * noise)
    assert found[1] == pytest.approx(noise, rel=1e-3, abs=1e-3)


@given(some.floats(1e-3, 1e6), some.floats(1, 1e5))
def test_small_batches_follow_the_linear_and_the_square_root_rule(noise, k):
    tiny = noise * 1e-9
    k = 1 + k % 100
    assert batch.noise_rate(tiny * k, noise) / batch.noise_rate(tiny, noise) == pytest.approx(k, rel=1e-4)
    assert batch.noise_rate(tiny * k, noise, 0.5) / batch.noise_rate(tiny, noise, 0.5) == pytest.approx(
        math.sqrt(k), rel=1e-4
    )
    assert batch.surge_rate(tiny * k, noise) / batch.surge_rate(tiny, noise) == pytest.approx(math.sqrt(k), rel=1e-4)


def test_the_weights_of_past_updates_and_of_the_start_add_up_to_one():
    lrs = np.linspace(1e-2, 0, 50)
    start = np.prod(1 - lrs * 0.3)
    w, naive = averaging.update_weights(lrs, 0.3), 0.0
    for lr in lrs:
        naive = (1 - lr * 0.3) * naive + lr * 0.3 * 1.0
    assert w.sum() + start == pytest.approx(1.0)
    assert naive == pytest.approx(w.sum())


def test_kaplans_line_is_refused_before_it_turns_negative():
    assert 3.239e-3 - 1.395e-4 * math.log(size.KAPLAN_ZERO) == pytest.approx(0.0, abs=1e-6)
    with pytest.raises(sf.ArgumentError, match=r"params=1.2e\+10 must be at most 1e10"):
        size.kaplan_lr(1.2e10)
    with pytest.raises(sf.ArgumentError, match=r"1.25e8..1.75e11"):
        size.gpt3_lr(1e6)


FORMULAS = [
    (batch.sde_beta, (0.9,)),
    (batch.half_life_beta, (0.9,)),
    (batch.noise_rate, (8,)),
    (batch.surge_rate, (8,)),
    (batch.updates_needed, (8,)),
    (batch.samples_needed, (8,)),
    (critical.kaplan_critical, ()),
    (critical.minicpm_batch, ()),
    (critical.zhang_ratio, ()),
    (size.kaplan_lr, ()),
    (size.step_lr, (1e9,)),
    (size.step_batch, ()),
    (size.deepseek_lr, ()),
    (size.deepseek_batch, ()),
    (size.porian_lr, ()),
    (size.porian_batch, ()),
    (size.gpt3_lr, ()),
    (size.moonlight_lr, ()),
    (horizon.power_rate, (8,)),
    (averaging.timescale, (1e-3,)),
    (averaging.power_lines_tau, ()),
]


@pytest.mark.parametrize("bad", [0, -1.0, float("nan"), float("inf"), None, "1", True])
@pytest.mark.parametrize(("formula", "first"), FORMULAS, ids=lambda one: getattr(one, "__name__", ""))
def test_a_number_that_is_no_amount_is_refused(formula, first, bad):
    with pytest.raises(sf.ArgumentError, match="must be a finite number > 0"):
        formula(*first, bad)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_every_law_says_its_range_source_and_mark(law):
    assert law.range
    assert str(law.source)
    assert law.mark in MARKS


def test_names_are_unique_and_the_recommended_ones_are_laws_for_that_family():
    assert len({law.name for law in LAWS}) == len(LAWS)
    for choice in RECOMMENDED:
        for name in choice.laws:
            assert choice.quantity in law_named(name).covers
            assert choice.family in {*law_named(name).families, ""}


@pytest.mark.parametrize("quantity", ["batch", "horizon", "params", "width", "depth", "kind", "momentum", "optimizer"])
def test_every_quantity_has_a_recommendation_for_adam(quantity):
    assert any(one.quantity == quantity and one.family in {"adam", ""} for one in RECOMMENDED)


def test_optimizers_are_known_by_their_family():
    assert [family(name) for name in ("AdamW", "SGD", "heavy-ball", "fused_adam", "Lion", "muon")] == [
        *("adam", "sgd", "sgd", "adam", "lion", "muon")
    ]
    with pytest.raises(sf.ArgumentError, match="optimizer='prodigy'"):
        family("prodigy")
    with pytest.raises(sf.ArgumentError, match="must be a name"):
        family(None)
