"""Scales: units that are checked, and what is refused."""

from __future__ import annotations

import pytest

import surefoot as sf
from surefoot.laws.changes import changes
from surefoot.laws.scale import WHAT, amount, horizon, kind_of, updates
from surefoot.laws.spelling import scale_of

POSITIVE = [name for name in WHAT if name not in {"momentum", "beta1", "beta2", "weight_decay", "warmup"}]


@pytest.mark.parametrize("bad", [0, -1, float("nan"), float("inf"), True, [1]])
@pytest.mark.parametrize("name", POSITIVE)
def test_an_amount_is_above_zero(name, bad):
    with pytest.raises(sf.ArgumentError, match=f"{name}=.* must be a finite number > 0: "):
        sf.Scale(**{name: bad})


@pytest.mark.parametrize("bad", [1.0, -0.1, float("nan"), "0.9"])
@pytest.mark.parametrize("name", ["momentum", "beta1", "beta2"])
def test_a_decay_is_from_0_to_below_1(name, bad):
    with pytest.raises(sf.ArgumentError, match=rf"{name}=.* must be in \[0, 1\)"):
        sf.Scale(**{name: bad})


def test_no_weight_decay_and_no_warmup_are_amounts():
    scale = sf.Scale(weight_decay=0, warmup=0)
    assert (scale.weight_decay, scale.warmup) == (0.0, 0.0)
    with pytest.raises(sf.ArgumentError, match="warmup=-1"):
        sf.Scale(warmup=-1)


def test_a_batch_counts_samples_or_tokens():
    assert sf.Scale(batch=sf.tokens(524288)) == sf.Scale(batch="524288tok")
    assert sf.Scale(batch=256) == sf.Scale(batch="256smp") == sf.Scale(batch="256seq")
    with pytest.raises(sf.ArgumentError, match=r"batch='3ep' must be above 0 and in samples \(smp, seq\) or tokens"):
        sf.Scale(batch="3ep")
    with pytest.raises(sf.ArgumentError, match="batch='0tok'"):
        sf.Scale(batch="0tok")


def test_units_are_converted_by_the_sequence_or_refused():
    assert amount(256.0, "tok", sf.Scale(sequence=1024), "batch") == 262144
    assert amount(sf.tokens(4096), "smp", sf.Scale(sequence=1024), "batch") == 4
    with pytest.raises(sf.ArgumentError, match="give sequence, the tokens a sample"):
        amount(256.0, "tok", sf.Scale(), "batch")
    with pytest.raises(sf.ArgumentError, match="batch is missing"):
        amount(None, "tok", sf.Scale(), "batch")


def test_the_length_of_a_run_is_what_is_known_of_it():
    assert horizon(sf.Scale(steps=100)) == (100, "st")
    assert horizon(sf.Scale(batch="1000tok", steps=100)) == (1e5, "tok")
    assert updates(sf.Scale(samples=1000, batch=10)) == 100
    with pytest.raises(sf.ArgumentError, match="steps is missing"):
        updates(sf.Scale(batch=8))


@pytest.mark.parametrize("more", [{"tokens": 2e6}, {"samples": 2000}])
def test_a_run_that_contradicts_itself_is_refused(more):
    with pytest.raises(sf.ArgumentError, match="is not steps x batch"):
        sf.Scale(batch=10, sequence=1000, steps=100, **more)
    sf.Scale(batch=10, sequence=1000, steps=100, tokens=1e6, samples=1000)


def test_kinds_and_optimizers_are_known_or_refused():
    assert sf.Scale(kind="full fine-tuning").kind == kind_of("fine_tuning") == "fine-tuning"
    with pytest.raises(sf.ArgumentError, match="kind='distilling' must be one of pretraining"):
        sf.Scale(kind="distilling")
    with pytest.raises(sf.ArgumentError, match="optimizer='prodigy'"):
        sf.Scale(optimizer="prodigy")


@pytest.mark.parametrize("name", ["batch", "params", "width", "depth", "momentum", "tokens", "vocabulary"])
def test_a_quantity_that_only_one_scale_gives_is_refused(name):
    value = 0.9 if name == "momentum" else 64
    with pytest.raises(sf.ArgumentError, match=f"{name}.* is missing in to_scale, while from_scale has"):
        changes(sf.Scale(**{name: value}), sf.Scale())
    with pytest.raises(sf.ArgumentError, match=f"{name}.* is missing in from_scale"):
        changes(sf.Scale(), sf.Scale(**{name: value}))


def test_runs_in_different_units_do_not_compare():
    with pytest.raises(sf.ArgumentError, match="must be given in one unit"):
        changes(sf.Scale(tokens=1e9), sf.Scale(samples=1e9))


def test_text_reads_as_a_scale():
    found = scale_of("batch=0.5Mtok, tokens=10B,params=124M, lr=3e-4,kind=LoRA,noise_scale=2e3tok")
    assert found == sf.Scale(batch="500000tok", tokens=1e10, params=124e6, lr=3e-4, kind="lora", noise_scale="2000tok")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds nothing"),
        ("batch", "'batch' must be name=value"),
        ("batch=", "must be name=value"),
        ("batsh=3", r"'batsh' is unknown \(did you mean 'batch'"),
        ("batch=3,batch=4", "'batch' is given twice"),
        ("tokens=5tok", "tokens='5tok' must be a number"),
        ("batch=many", "batch='many' must be a number"),
        ("tokens=-5", "tokens=-5.0 must be a finite number > 0"),
        ("lr=1.2.3", "lr='1.2.3' must be a number"),
        ("width=inf", "width='inf' must be a number"),
    ],
)
def test_text_that_is_no_scale_is_refused(text, said):
    with pytest.raises(sf.ArgumentError, match=said):
        scale_of(text)
