"""JSON: plain and versioned; what is broken, foreign or hostile is refused with one sentence and nothing is run."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.errors import FormatError
from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import hold, ramp

PLAN = Schedule(3e-4, (ramp(0, 1, 500), hold(7_500), ramp(1, 0, 2_000, "polynomial", power=2.0).part(0, 1_500)))
TEXT = PLAN.to_json()


def changed(**changes):
    return json.dumps({**json.loads(TEXT), **changes})


def phase(**changes):
    return changed(phases=[{"length": 5, "start": 1.0, "stop": 0.0, "shape": "linear", **changes}])


def test_the_text_is_plain_and_versioned():
    data = json.loads(TEXT)
    assert (data["surefoot"], data["version"], data["peak"]) == ("schedule", 1, 3e-4)
    assert data["phases"][1] == {"length": 7_500, "start": 1.0, "stop": 1.0, "shape": "constant"}
    assert Schedule.from_json(TEXT) == PLAN


def test_an_open_plan_survives():
    plan = Schedule(1.0, (ramp(0, 1, 5), hold(None)))
    assert Schedule.from_json(plan.to_json()) == plan


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must be JSON text"),
        ("{", "must be JSON text"),
        (TEXT[:-3], "must be JSON text"),
        (None, "must be JSON text"),
        ("[" * 100_000, "must be JSON text"),
        ("[]", "must be a JSON object, not a list"),
        ("3", "must be a JSON object, not an int"),
        ('{"peak": 1}', "this JSON is not a schedule"),
        ('{"model_type": "llama"}', "this JSON is not a schedule"),
        (changed(version=2), "version=2 of the schedule format is unknown: this reads 1"),
        (changed(peak="1"), "peak='1' must be a number"),
        (changed(peak=True), "peak=True must be a number"),
        (changed(peak=-1), "peak=-1.0 must be a rate >= 0"),
        (changed(peak=10**400), "cannot be used"),
        (TEXT.replace("0.0003", "NaN"), "holds NaN"),
        (TEXT.replace("0.0003", "Infinity"), "holds Infinity"),
        (changed(phases=[]), "at least one phase"),
        (changed(phases={}), "at least one phase"),
        (changed(phases=[3]), "must be an object"),
        (json.dumps({"surefoot": "schedule", "version": 1, "peak": 1.0}), "has no 'phases'"),
        (phase(length=2.5), "needs a length in steps"),
        (phase(length="3ep"), "needs a length in steps"),
        (phase(length=True), "needs a length in steps"),
        (phase(length=-1), "length=-1 must be a number of steps >= 0"),
        (phase(length=None), "needs a length"),
        (phase(start=2.0), "start=2.0 is a factor"),
        (phase(stop="low"), "stop='low' must be a number"),
        (phase(shape="sqrt"), "has two meanings"),
        (phase(shape=["linear"]), "must be the name of a shape"),
        (phase(speed=2), "must be an object with keys of"),
        (phase(parameters=[1]), "parameters as an object"),
        (phase(parameters={"power": 2.0}), "takes parameters"),
        (phase(shape="polynomial", parameters={"power": None}), "cannot be used"),
        (phase(shape="polynomial", parameters={"power": {"a": 1}}), "cannot be used"),
        (phase(shape="polynomial", parameters={"power": "2"}), "cannot be used"),
        (phase(shape="points", parameters={"at": [0, 5], "factors": [1.0, True]}), "must lie in [0, 1]"),
        (phase(shape="points", parameters={"at": [0, True], "factors": [1.0, 0.5]}), "must rise from 0"),
        (phase(shape="points", parameters={"at": [0, "5"], "factors": [1.0, 0.5]}), "must rise from 0"),
        (phase(shape="points", parameters={"at": 0, "factors": 1.0}), "must be columns of numbers"),
        (phase(window=[1, 1, 1]), "must be (a, b, d, of)"),
        (phase(window=[0, 0, 1, 5]), "whole numbers"),
        (phase(window=[9, 1, 1, 10]), "runs past the 10 updates"),
        (phase(gain=1.5), "gain=1.5 is a factor"),
    ],
)
def test_a_text_that_is_no_schedule_is_refused_with_one_sentence(text, sentence):
    with pytest.raises(FormatError) as refusal:
        Schedule.from_json(text)
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


@given(st.text())
def test_any_text_is_a_schedule_or_a_format_error(text):
    with pytest.raises(FormatError):
        Schedule.from_json(text)


@given(st.integers(0, len(TEXT) - 2))
def test_a_text_cut_anywhere_is_a_format_error(length):
    with pytest.raises(FormatError):
        Schedule.from_json(TEXT[:length])


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(["length", "start", "stop", "shape", "parameters", "gain", "window"]), json_values)
def test_any_value_in_a_phase_gives_a_schedule_or_a_format_error(key, value):
    text = phase(**{key: value})
    try:
        found = Schedule.from_json(text)
    except FormatError:
        return
    assert Schedule.from_json(found.to_json()) == found


def test_loading_a_function_imports_nothing():
    text = phase(length=None, shape="call", parameters={"function": "this:s"})
    sys.modules.pop("this", None)
    found = Schedule.from_json(text)
    assert "this" not in sys.modules
    assert repr(found)
    assert "this" not in sys.modules
