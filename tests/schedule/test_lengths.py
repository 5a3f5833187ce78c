"""Lengths: type decides what a number means, and one rule rounds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.errors import ArgumentError, SurefootError
from surefoot.schedule.lengths import Clock, Length, epochs, fraction, parse, samples, tokens


@pytest.mark.parametrize("whole", [500, np.int64(500), np.int32(500), np.uint8(200)])
def test_an_integer_of_any_kind_is_steps(whole):
    found = Clock().steps(whole)
    assert found == int(whole)
    assert type(found) is int


@pytest.mark.parametrize("share", [0.05, np.float64(0.05), np.float32(0.0625)])
def test_a_float_of_any_kind_is_a_fraction(share):
    assert Clock().steps(share, total=1000) == round(float(share) * 1000 + 1e-9)


@given(st.floats(0, 1), st.integers(0, 10**12))
def test_a_fraction_is_rounded_half_up(share, total):
    assert fraction(share, total) == math.floor(share * total + 0.5)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("3ep", epochs(3)), ("2e9tok", tokens(2e9)), ("50_000smp", samples(50_000)), ("500st", Length(500.0, "st")),
        (" 1.5 ep ", epochs(1.5)), (".5ep", epochs(0.5)),
    ],
)  # fmt: skip
def test_text_is_a_number_and_a_unit(text, length):
    assert parse(text) == length


@given(st.floats(0, 1e15), st.sampled_from([epochs, tokens, samples]))
def test_a_length_is_written_so_that_its_unit_is_read_back(amount, unit):
    assert parse(str(unit(amount))).unit == unit(amount).unit


@pytest.mark.parametrize(
    ("length", "sentence"),
    [
        (-1, "warmup=-1 must be a number of steps >= 0"),
        (2000.0, "must lie in [0, 1]; write warmup=2000 for steps"),
        (1.5, "must lie in [0, 1]"),
        (-0.1, "must lie in [0, 1]"),
        (float("nan"), "must lie in [0, 1]"),
        (float("inf"), "must lie in [0, 1]"),
        (True, "is a bool"),
        (None, "is not a length: write steps (500)"),
        ([5], "is not a length"),
        ("500", "write a number and a unit"),
        ("3 days", "write a number and a unit"),
        ("-3ep", "write a number and a unit"),
        ("0x10ep", "write a number and a unit"),
        ("", "write a number and a unit"),
    ],
)
def test_what_is_no_length_is_refused_with_a_sentence(length, sentence):
    with pytest.raises(ArgumentError) as refusal:
        Clock().steps(length, total=1000, name="warmup")
    assert sentence in str(refusal.value)
    assert isinstance(refusal.value, SurefootError)
    assert isinstance(refusal.value, ValueError)


@pytest.mark.parametrize("amount", [-1.0, float("nan"), float("inf")])
def test_an_amount_is_finite_and_not_negative(amount):
    with pytest.raises(ArgumentError, match="must be a finite number >= 0"):
        epochs(amount)


def test_an_unknown_unit_is_refused():
    with pytest.raises(ArgumentError, match="unit='days' is unknown: use one of st, ep, tok, smp"):
        Length(3.0, "days")


def test_a_fraction_without_a_total_asks_for_it():
    with pytest.raises(ArgumentError, match="no total is given: pass total="):
        Clock().steps(0.5, name="warmup")
