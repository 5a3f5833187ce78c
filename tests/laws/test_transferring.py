"""transfer: each quantity by its law, multiplied, with the disagreement in sight."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as some

import surefoot as sf
from surefoot.laws.factor import Factor
from surefoot.laws.known import LAWS
from surefoot.laws.picture import transfer_chart
from surefoot.laws.sources import MARKS

S = sf.Scale
sizes = some.floats(0.05, 20)


def said(factor, name):
    return next(one for one in (*factor.parts, *factor.others) if one.law == name)


def test_the_example_of_the_issue_multiplies_batch_and_horizon():
    factor = sf.transfer(S(batch=256, tokens=1e10, lr=3e-4), S(batch=2048, tokens=1e11), optimizer="adamw")
    assert factor.lr == pytest.approx(math.sqrt(8) * 10**-0.32)
    assert factor.peak == pytest.approx(3e-4 * factor.lr)
    assert (factor.beta1, factor.beta2, factor.eps) == pytest.approx((0.2, 0.992, 8**-0.5))
    assert factor.low < factor.lr < factor.high


def test_the_horizon_shows_both_signs_and_says_why():
    factor = sf.transfer(S(tokens=1e10), S(tokens=1e11), optimizer="adamw")
    assert said(factor, "bjorck").lr == pytest.approx(10**-0.32)
    assert said(factor, "step-law").lr == pytest.approx(10**0.307)
    (sentence,) = factor.disagreement
    assert "even in direction" in sentence
    assert "step-law" in sentence
    assert "decay to a fixed 1e-5" in sentence


@pytest.mark.parametrize(
    ("a", "b", "optimizer", "law", "lr"),
    [
        (S(batch=64), S(batch=256), "sgd", "linear", 4.0),
        (S(batch=64), S(batch=256), "sgd", "sqrt-sgd", 2.0),
        (S(batch=64), S(batch=256), "adam", "adam-sde", 2.0),
        (S(batch=64), S(batch=256), "adam", "one-third-batch", 4**0.76),
        (S(batch=32, noise_scale=256), S(batch=1024), "sgd", "noise-scale", 7.2),
        (S(batch=32, noise_scale=256), S(batch=1024), "adam", "noise-scale-adam", math.sqrt(7.2)),
        (S(batch=4, noise_scale=16), S(batch=256), "adam", "surge", 0.4706 / 0.8),
        (S(tokens=1e9), S(tokens=1e11), "adam", "convex", 0.1),
        (S(tokens=1e9), S(tokens=1e11), "sgd", "one-third", 100**-0.333),
        (S(tokens=1e9, batch=8), S(tokens=1e11, batch=32), "adamw", "steps", 0.2),
        (S(params=1e8), S(params=1e9), "adamw", "bjorck-size", 10**-0.23),
        (S(params=1e8), S(params=1e9), "adamw", "porian", 10**-0.36),
        (S(params=1e8), S(params=1e9), "adamw", "kaplan", 3.48 / 6.69),
        (S(params=1.3e9), S(params=13e9), "adamw", "gpt-3", 0.5),
        (S(params=1e9, tokens=1e11), S(params=1e8, tokens=2e9), "adamw", "step-law", 2.537 / 1.632),
        (S(params=1e8, tokens=1e9), S(params=1e9, tokens=1e10), "adamw", "deepseek", 100**-0.125),
        (S(params=1e8), S(params=1e9), "muon", "moonlight", 10**-0.057),
        (S(width=64), S(width=256), "adamw", "mup", 1.0),
        (S(width=64), S(width=256), "adamw", "inverse-width", 0.25),
        (S(width=64), S(width=256), "sgd", "inverse-root-width", 0.5),
        (S(depth=6), S(depth=24), "adamw", "completep", 1.0),
        (S(kind="pretraining"), S(kind="fine-tuning"), "adamw", "kind", 10**-1.5),
        (S(optimizer="adam"), S(optimizer="sgd"), None, "optimizer", 100.0),
        (S(momentum=0.0), S(momentum=0.9), "sgd", "effective-rate", 0.1),
        (S(momentum=0.0), S(momentum=0.9), "sgd", "stability-edge", 1.9),
        (S(momentum=0.9), S(momentum=0.9, optimizer="nesterov"), "sgd", "stability-edge", 1 / 2.8),
        (S(beta1=0.9), S(beta1=0.95), "adamw", "averaged-momentum", 1.0),
        (S(beta1=0.9), S(beta1=0.95), "adamw", "stability-edge", 78 / 38),
    ],
)
def test_a_law_that_is_named_is_taken(a, b, optimizer, law, lr):
    factor = sf.transfer(a, b, optimizer=optimizer, law=law)
    assert factor.lr == pytest.approx(lr, rel=2e-3)
    assert factor.law == law
    assert factor.source
    assert factor.formula
    assert factor.confidence in MARKS


def test_a_measured_noise_scale_is_used_and_named():
    near = sf.transfer(S(batch=8, noise_scale=1e5), S(batch=32), optimizer="sgd")
    far = sf.transfer(S(batch=1e6, noise_scale=1e3), S(batch=4e6), optimizer="sgd")
    assert near.law == far.law == "noise-scale"
    assert near.lr == pytest.approx(4, rel=1e-3)
    assert far.lr == pytest.approx(1, rel=1e-2)
    assert "above the measured noise scale" in said(far, "linear").outside


def test_the_unit_of_the_noise_scale_is_converted():
    one = sf.transfer(S(batch=8, noise_scale=100), S(batch=32), optimizer="adam")
    scale = S(batch=8, sequence=50, noise_scale="5000tok")
    assert sf.transfer(scale, S(batch=32), optimizer="adam").lr == pytest.approx(one.lr)


def test_where_a_law_stops_holding_is_computed_and_said():
    beyond = sf.transfer(S(batch=256), S(batch=65536), optimizer="sgd")
    assert "above 8192" in beyond.outside
    assert any("outside its range" in note for note in beyond.notes)
    adam = sf.transfer(S(batch=8), S(batch=128), optimizer="adamw")
    assert adam.law == "sqrt"
    assert "must be below 1" in said(adam, "adam-sde").outside
    assert said(adam, "adam-sde").beta1 is None
    large = sf.transfer(S(params=1e9), S(params=2e10), optimizer="adamw")
    assert any("Kaplan's line is zero" in text for text in large.silent)
    assert any("2606.29158" in note for note in large.notes)


def test_mup_comes_with_its_groups():
    factor = sf.transfer(S(width=64, depth=4), S(width=256, depth=8), optimizer="adamw")
    groups = dict(factor.groups)
    assert groups["hidden"].lr == 0.25
    assert groups["hidden"].eps == pytest.approx(1 / 4 / 2)
    assert groups["embedding"].lr == 1.0
    assert dict(sf.transfer(S(width=64), S(width=256), optimizer="sgd").groups)["vector"].lr == 4.0


def test_the_timescale_of_adamw_is_kept():
    a, b = S(batch=256, tokens=1e10, lr=3e-4, weight_decay=0.1), S(batch=2048, tokens=1e11)
    new = sf.transfer(a, b, optimizer="adamw").settings

    def tau(scale):
        return scale.batch / (scale.lr * scale.weight_decay * scale.tokens)

    assert tau(new) == pytest.approx(tau(replace(a)))
    assert sf.transfer(a, b, optimizer="adam").weight_decay is None


def test_a_new_kind_of_training_leaves_its_shorter_run_to_the_habit():
    a, b = S(kind="pretraining", tokens=1e12, batch=1024, lr=3e-4), S(kind="fine-tuning", tokens=1e8, batch=32)
    factor = sf.transfer(a, b, optimizer="adamw")
    assert [part.law for part in factor.parts] == ["kind"]
    assert (factor.low, factor.high) == pytest.approx((0.01, 0.1))
    assert factor.confidence == "folklore"
    assert any("shorter run" in note for note in factor.notes)
    lora = sf.transfer(S(kind="fine-tuning"), S(kind="lora"), optimizer="adamw")
    assert lora.lr == pytest.approx(10)


def test_momentum_says_that_the_edge_is_another_thing():
    factor = sf.transfer(S(momentum=0.0, lr=1.0), S(momentum=0.9), optimizer="sgd")
    assert factor.peak == pytest.approx(0.1)
    assert "from 2 to 3.8" in factor.why
    assert said(factor, "stability-edge").lr == pytest.approx(1.9)
    assert (factor.low, factor.high) == pytest.approx((0.1, 0.1))


class Fitted:
    """A law of the user's own, as ``fit_law`` gives it."""

    def __init__(self, covers=None):
        if covers is not None:
            self.covers = frozenset(covers)

    def factor(self, from_scale, to_scale):
        return Factor(lr=to_scale.batch / from_scale.batch * 0.5, law="mine", confidence="fit", source="own sweeps")


def test_a_fitted_law_is_taken_for_what_it_covers():
    a, b = S(batch=8, tokens=1e9), S(batch=32, tokens=1e10)
    whole = sf.transfer(a, b, optimizer="adamw", law=Fitted())
    assert (whole.lr, whole.law, whole.confidence) == (2.0, "mine", "fit")
    assert {one.law for one in whole.others} >= {"adam-sde", "bjorck", "step-law"}
    assert not any("sf.fit_law" in note for note in whole.notes)
    half = sf.transfer(a, b, optimizer="adamw", law=Fitted({"batch"}))
    assert half.lr == pytest.approx(2.0 * 10**-0.32)


@given(sizes, sizes, sizes)
def test_going_there_in_two_steps_is_going_there(k, d, n):
    a = S(batch=100, tokens=1e10, params=1e8)
    b = S(batch=100 * k, tokens=1e10 * d, params=1e8 * n)
    c = S(batch=700, tokens=7e10, params=9e8)
    once = sf.transfer(a, c, optimizer="adamw").lr
    assume(b not in (a, c))
    twice = sf.transfer(a, b, optimizer="adamw").lr * sf.transfer(b, c, optimizer="adamw").lr
    assert twice == pytest.approx(once)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "lion", "muon"])
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_every_law_answers_for_its_optimizers_and_no_other(law, optimizer):
    a = S(batch=64, tokens=1e9, params=2e8, width=64, depth=2, sequence=128, noise_scale=500, momentum=0.5, kind="lora")
    b = replace(a, batch=128, tokens=2e9, params=4e8, width=128, depth=4, momentum=0.9, kind="fine-tuning")
    a = replace(a, optimizer=optimizer, beta1=0.8)
    b = replace(b, optimizer=optimizer, beta1=0.9)
    if {"adamw": "adam"}.get(optimizer, optimizer) not in law.families:
        with pytest.raises(sf.ArgumentError, match=f"law='{law.name}' is for .*, not for {optimizer}"):
            law.factor(a, b)
        return
    found = law.factor(a, b)
    assert found.lr is None or (math.isfinite(found.lr) and found.lr > 0)
    assert found.why.endswith(".")
    assert json.loads(found.to_json())["law"] == law.name


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
def test_without_what_it_needs_a_law_says_so_in_one_sentence(law):
    optimizer = law.families[0]
    bare = S(optimizer=optimizer) if law.name != "optimizer" else S()
    with pytest.raises(sf.ArgumentError, match=f"law='{law.name}': .*(missing|do not differ)"):
        law.factor(bare, bare)


@pytest.mark.parametrize(
    ("a", "b", "more", "said_"),
    [
        (S(batch=8), S(batch=8), {}, "do not differ"),
        (S(batch=8), S(batch=16), {"optimizer": None}, "optimizer=None: name it"),
        (S(batch=8), S(batch=16), {"optimizer": "prodigy"}, "optimizer='prodigy' has no laws"),
        (S(batch=8), S(batch=16, lr=1.0), {}, "to_scale.lr=1.0 is for transfer to say"),
        (S(batch=8), S(batch=16), {"law": "cube"}, "law='cube' is unknown: use one of linear"),
        (S(batch=8), S(batch=16), {"law": "bjorck"}, "covers horizon, of which nothing changes"),
        (S(batch=8), S(batch=16), {"law": "linear"}, "is for sgd, not for adamw"),
        (S(batch=8), S(batch=16), {"law": 3}, "law=3 must be the name of a law"),
        (S(batch=8), S(batch=16), {"optimizer": "muon"}, "no law covers it for muon"),
        (S(batch=8), S(batch=16), {"law": "surge"}, "law='surge': noise_scale is missing"),
        (S(batch=8), S(), {}, "batch is missing in to_scale"),
    ],
)
def test_what_cannot_be_answered_is_refused(a, b, more, said_):
    with pytest.raises(sf.ArgumentError, match=said_):
        sf.transfer(a, b, **{"optimizer": "adamw", **more})


def test_a_factor_reads_as_text_and_as_json():
    factor = sf.transfer(S(batch="1000tok", lr=1e-3), S(batch="4000tok"), optimizer="adamw")
    assert "lr x 2 = 0.002" in str(factor)
    row = json.loads(factor.to_json())
    assert (row["lr"], row["peak"], row["settings"]["batch"]) == (2.0, 0.002, "4000tok")
    assert {one["law"] for one in row["others"]} >= {"sqrt", "half-life"}


def test_the_picture_draws_every_law_to_where_it_holds():
    a, b = S(batch=256, lr=3e-4, noise_scale=700), S(batch=2048)
    chart = transfer_chart(a, b, optimizer="adamw")
    lines = {one.label.split()[0]: one for one in chart.series}
    assert chart.series[0].label.startswith("noise-scale-adam")
    assert chart.series[0].y[-1] == pytest.approx(3e-4 * sf.transfer(a, b, optimizer="adamw").lr)
    assert math.isnan(lines["sqrt"].y[-1])
    assert all(
        y == pytest.approx(3e-4 * math.sqrt(x / 256))
        for x, y in zip(lines["sqrt"].x, lines["sqrt"].y, strict=True)
        if x <= 690
    )


def test_the_picture_is_against_what_changes_most_or_what_is_asked_for():
    a, b = S(batch=8, tokens=1e9, width=64), S(batch="16smp", tokens=1e11, width=128)
    assert transfer_chart(a, b, optimizer="adamw").x.label == "tokens of the run"
    assert transfer_chart(a, b, optimizer="adamw", quantity="width", law="mup").x.label == "width"
    with pytest.raises(sf.ArgumentError, match="quantity='depth' must be one that changes"):
        transfer_chart(a, b, optimizer="adamw", quantity="depth")
