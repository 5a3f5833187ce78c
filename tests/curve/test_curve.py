import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.curve import Curve, Peak
from surefoot.errors import FormatError
from surefoot.trial import Trial

rates = st.floats(1e-8, 1e3)
losses = st.floats(allow_nan=False, width=64)


@st.composite
def trials(draw):
    kept = draw(st.lists(losses, max_size=4))
    return Trial(
        lr=draw(rates),
        seed=draw(st.integers(0, 5)),
        steps=draw(st.integers(0, 100)),
        total=draw(st.integers(1, 100)),
        loss=draw(losses),
        status=draw(st.sampled_from(["done", "diverged", "stuck"])),
        validated=draw(st.booleans()),
        points=tuple(range(len(kept))),
        losses=tuple(kept),
        start=draw(losses),
    )


curves = st.builds(
    Curve,
    st.lists(trials(), max_size=4).map(tuple),
    losses,
    st.just((0.1, 0.2)),
    st.just((1.0, math.inf)),
    st.booleans(),
)


@given(curves)
def test_json_round_trip_of_a_curve(curve):
    assert Curve.from_json(curve.to_json()) == curve


@given(curves)
def test_json_round_trip_of_a_peak(curve):
    peak = Peak(0.1, 0.05, 0.2, None, "tune", 0.5, 100, "because", 1000, 2.5, curve)
    assert Peak.from_json(peak.to_json()) == peak


def test_json_is_strict_about_nan():
    text = Curve((Trial(0.1, 0, 1, 2, math.nan),)).to_json()
    data = json.loads(text, parse_constant=pytest.fail)
    assert data["start_loss"] is None
    assert math.isnan(Curve.from_json(text).trials[0].loss)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"trials": [{}]}', "not json"])
@pytest.mark.parametrize("kind", [Curve, Peak])
def test_what_is_no_json_of_ours(kind, text):
    with pytest.raises(FormatError):
        kind.from_json(text)


def trial(lr, loss, status="done", seed=0, total=100):
    return Trial(lr, seed, total, total, loss, status, validated=True)


def test_best_edge_and_cost():
    curve = Curve((trial(0.1, 0.5), trial(0.2, 0.3), trial(0.4, 2.5, "stuck"), trial(0.8, math.inf, "diverged")), 2.0)
    assert curve.best.lr == 0.2
    assert curve.edge == 0.4
    assert curve.cost_steps == 400
    assert curve.validated


def test_only_the_longest_trials_are_compared():
    curve = Curve((trial(0.1, 0.1, total=10), trial(0.2, 0.3), trial(0.4, 0.2)), 2.0)
    assert curve.best.lr == 0.4
    assert curve.by_rate() == {0.2: 0.3, 0.4: 0.2}


def test_a_seed_that_fails_fails_the_rate():
    curve = Curve((trial(0.1, 0.5), trial(0.1, 0.7, seed=1), trial(0.2, 0.1), trial(0.2, math.inf, "diverged", seed=1)))
    assert curve.by_rate() == {0.1: 0.6, 0.2: math.inf}


def test_plateau():
    curve = Curve((trial(0.1, 0.5), trial(0.2, 0.105), trial(0.4, 0.1), trial(0.8, 0.11), trial(1.6, 0.109)), 1.1)
    assert curve.plateau(0.01) == (0.2, 1.6)
    assert curve.plateau(0.006) == (0.2, 0.4)
    assert Curve((trial(0.1, 3.0),), 1.0).plateau() is None


def test_a_curve_of_failures_has_no_best():
    curve = Curve((trial(0.1, math.inf, "diverged"),), 1.0)
    assert curve.best is None
    assert curve.edge == 0.1
    assert not curve.validated


def test_a_peak_prints_as_one_line():
    peak = Peak(0.1, 0.05, 0.2, 0.8, "tune", 0.5, 100, "because.", 1000, 2.5)
    assert str(peak) == "peak 0.1 (0.05 to 0.2), edge 0.8, confidence 50%, 100 updates, 0.10 runs, 2 s: because."
    none = Peak(None, None, None, None, "tune", 0.0, 100, "the loss never fell.", None, 120.0)
    assert str(none) == "no peak (100 updates, 2.0 min): the loss never fell."
