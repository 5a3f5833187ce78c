from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import surefoot as sf
from surefoot import rules
from surefoot.curve import Curve, Peak
from surefoot.errors import ArgumentError

RATES = np.geomspace(1e-7, 10.0, 100)
ALL = (rules.steepest, rules.steepest_by_rate, rules.valley, rules.slide, rules.minimum_tenth, rules.smith)


def curve(losses, lrs=RATES):
    return Curve((), float(losses[0]) if len(losses) else math.nan, tuple(lrs[: len(losses)]), tuple(losses))


@st.composite
def ranged(draw):
    """Falls, noise, a blow-up or none: what a range test of 100 updates looks like, sometimes ended early."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    fall, blow = draw(st.floats(-5, 0)), draw(st.floats(-1, 3))
    octaves = np.log10(RATES)
    losses = 3.0 - 2.0 / (1 + np.exp(-3 * (octaves - fall))) + np.exp(np.minimum(4 * (octaves - blow), 5.0))
    return (losses + draw(st.sampled_from([0.0, 0.01, 0.3])) * rng.standard_normal(100))[: draw(st.integers(60, 100))]


def agrees(said, twin, prepared):
    """Return whether a rule says what its twin does, or nothing exactly where the loss never fell."""
    if said is None:
        return min(prepared) >= prepared[0] - 1e-12 * abs(prepared[0])
    return said == pytest.approx(twin, rel=1e-12)


@given(ranged())
def test_fastai_s_rules_are_those_of_fastai(twins, losses):
    means, lrs = twins.fastai(losses.tolist(), RATES.tolist())
    found = curve(losses)
    if len(means) < 20:
        return
    assert agrees(rules.valley(found), twins.valley(means.tolist(), lrs), means)
    assert agrees(rules.slide(found), twins.slide(means, lrs), means)
    assert agrees(rules.minimum_tenth(found), twins.minimum(means.tolist(), lrs), means)
    assert agrees(
        rules.steepest(found, prepare=rules.FASTAI, forward=True), twins.steep(means.tolist(), lrs.tolist()), means
    )


@given(ranged())
def test_the_steepest_point_is_that_of_torch_lr_finder(twins, losses):
    means = twins.followed(losses.tolist())
    kept = means[: twins.stopped(means, 5.0)][10:-5]
    if len(kept) < 35:
        return
    assert agrees(rules.steepest(curve(losses)), twins.torch_lr_finder(losses.tolist(), RATES.tolist()), kept)


@given(st.lists(st.integers(0, 6), min_size=3, max_size=40))
def test_the_longest_valley_is_found_as_by_trying_all_pairs(twins, losses):
    found = rules.valley(curve(losses), prepare=rules.RAW)
    assert agrees(found, twins.valley(losses, RATES), losses)


@pytest.mark.parametrize("rule", ALL)
@pytest.mark.parametrize("losses", [[], [1.0], [1.0] * 50, list(range(1, 60)), [math.nan] * 9, [1.0, math.inf, 0.5]])
def test_a_test_in_which_nothing_falls_has_no_answer(rule, losses):
    assert rule(curve(losses)) is None
    assert rules.edge_range(curve(losses)) is None


@pytest.mark.parametrize("rule", [*ALL, rules.edge_range, rules.suggestions])
def test_what_is_no_curve_is_refused(rule):
    with pytest.raises(ArgumentError, match="must be a Curve or a Peak"):
        rule(3)


def shaped(offset=0.0, noise=0.0, fall=1e-4, blow=1.0):
    rng = np.random.default_rng(0)
    losses = 2.0 - np.clip(np.log10(RATES / fall), 0, 2) / 2 + np.where(blow < RATES, (RATES / blow) ** 2, 0.0)
    return curve(losses + offset + noise * rng.standard_normal(100))


@pytest.mark.parametrize("noise", [0.0, 0.02])
@pytest.mark.parametrize("offset", [-10.0, 0.0, 10.0])
def test_smith_reads_where_the_loss_starts_to_fall_and_where_it_rises(noise, offset):
    low, high = rules.smith(shaped(offset, noise))
    assert 1e-4 < low < 1e-3
    assert 0.2 < high < 2.0


@pytest.mark.parametrize("offset", [-10.0, 0.0, 10.0])
def test_the_edge_range_is_a_share_of_the_blow_up(offset):
    low, high = rules.edge_range(shaped(offset))
    assert low == pytest.approx(0.3 * high)
    assert 1.0 < high < 3.0
    assert rules.edge_range(shaped(offset), low=0.1, high=0.5) == pytest.approx((0.1 * high, 0.5 * high))
    with pytest.raises(ArgumentError, match="low=1 and high=1"):
        rules.edge_range(shaped(), low=1, high=1)


def test_a_loss_that_is_not_finite_is_the_edge():
    losses = np.array(shaped(blow=1e9).test_losses)
    losses[80:] = math.nan
    assert rules.edge_range(curve(losses))[1] == RATES[80]


def test_no_blow_up_is_no_edge():
    assert rules.edge_range(shaped(blow=1e9)) is None


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30), st.floats(0, 0.95))
def test_the_corrected_mean_is_a_weighted_one(losses, weight):
    weights = [weight ** (len(losses) - 1 - k) for k in range(len(losses))]
    means = rules.Preparation(weight).smoothed(np.array(losses))
    assert means[-1] == pytest.approx(np.average(losses, weights=weights), abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"weight": 1.0}, r"weight=1.0 must be in \[0, 1\)"),
        ({"weight": 0.5, "head": -1}, "head=-1 and tail=5 must be >= 0"),
        ({"weight": 0.5, "stop": 1.0}, "stop=1.0 must be above 1"),
    ],
)
def test_bad_preparations_are_named(arguments, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        rules.Preparation(**arguments)


def test_every_rule_speaks_of_the_peak_s_own_test():
    found = shaped()
    peak = Peak(1e-2, None, None, None, "find", 0.5, 1, "", curve=found)
    said = {one.rule: one.rates for one in sf.rules.suggestions(peak)}
    assert said["valley"] == (rules.valley(found),)
    assert said["smith"] == rules.smith(found)
    assert list(said) == [
        "steepest", "steepest by rate", "valley", "slide", "minimum/10", "smith", "0.3-1 x edge",
    ]  # fmt: skip
