from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import surefoot as sf
from surefoot.diagnosis.edits import applied
from surefoot.diagnosis.nouns import Edit
from surefoot.errors import ArgumentError, SurefootError

PLAN = sf.wsd(1e-2, total=1000, warmup=100, decay=0.2)
OPEN = sf.constant(1e-3)


def edit(op, **arguments):
    return Edit(op, arguments)


@given(st.floats(0, 100), st.integers(0, 999))
def test_scaling_multiplies_every_rate(k, step):
    assert applied(edit("scaled", k=k), PLAN)(step) == pytest.approx(k * PLAN(step), rel=1e-11, abs=1e-300)


def test_a_scaled_peak_is_what_a_person_would_write():
    assert applied(edit("scaled", k=0.1), sf.cosine(3e-3, total=10)).peak == 3e-4


def test_a_longer_warmup_leaves_the_rates_after_it_alone():
    longer = applied(edit("warmup", steps=300), PLAN)
    assert longer.total == PLAN.total
    assert np.array_equal(longer.array(300), PLAN.array(300))
    assert longer.array(0, 300) == pytest.approx(np.linspace(0, PLAN(300), 300, endpoint=False))


def test_a_shorter_warmup_waits_at_the_level_where_the_old_one_ended():
    shorter = applied(edit("warmup", steps=40), PLAN)
    assert shorter.total == PLAN.total
    assert np.array_equal(shorter.array(100), PLAN.array(100))
    assert set(shorter.array(40, 100)) == {PLAN(100)}


def test_no_warmup_begins_at_the_level():
    assert applied(edit("warmup", steps=0), PLAN)(0) == PLAN(100)


def test_a_warmup_into_a_decay_ends_where_the_decay_is_by_then():
    plan = sf.cosine(1.0, total=100)
    warm = applied(edit("warmup", steps=10), plan)
    assert warm(0) == 0.0
    assert np.array_equal(warm.array(10), plan.array(10))
    assert warm.array(0, 11).max() <= plan(10) + 1e-12


@pytest.mark.parametrize(("steps", "same"), [(0.05, 50), (0.1, 100), (0.0004, 0), (0.0005, 1), (0.999, 999)])
def test_a_float_is_a_fraction_of_the_total_rounded_by_the_one_rule(steps, same):
    assert applied(edit("warmup", steps=steps), PLAN) == applied(edit("warmup", steps=same), PLAN)


def test_an_int_of_one_is_one_step_and_a_float_of_one_the_whole_run():
    assert applied(edit("decay", steps=1), PLAN).array(999)[0] == PLAN(999)
    whole = applied(edit("decay", steps=1.0), sf.constant(1.0, total=100))
    assert whole.array() == pytest.approx(1 - np.sqrt(np.arange(100) / 100))


def test_a_decay_falls_to_nothing_from_where_it_begins():
    decayed = applied(edit("decay", steps=0.2), sf.constant(1e-2, total=500))
    assert set(decayed.array(0, 400)) == {1e-2}
    assert decayed.array(400) == pytest.approx(1e-2 * (1 - np.sqrt(np.arange(100) / 100)))
    assert decayed.total == 500


def test_a_rewarm_rises_from_nothing_and_then_goes_on():
    rewarmed = applied(edit("rewarm", at=400, steps=50), PLAN)
    assert np.array_equal(rewarmed.array(0, 400), PLAN.array(0, 400))
    assert rewarmed(400) == 0.0
    assert np.array_equal(rewarmed.array(450), PLAN.array(450))


def test_rewarming_and_extending_take_fractions_too():
    assert applied(edit("rewarm", at=0.4, steps=0.05), PLAN) == PLAN.rewarm(400, 50)
    assert applied(edit("extend", steps=0.5), PLAN) == PLAN.extend(500)


def test_stretching_keeps_the_shape_and_extending_the_decay():
    assert applied(edit("stretch", total=2000), PLAN) == PLAN.stretch(2000)
    longer = applied(edit("extend", steps=500), PLAN)
    assert longer == PLAN.extend(500)
    assert longer.total == 1500
    assert applied(edit("extend", steps=10, policy="hold"), sf.cosine(1.0, total=50)).total == 60


def test_a_floor_lifts_the_end():
    plan = sf.linear(1.0, total=100)
    assert applied(edit("floor", floor=0.1), plan) == plan.with_floor(0.1)


BAD = [
    (edit("halve"), PLAN, "op='halve' is no edit"),
    (edit("scaled", k=-1), PLAN, "k=-1"),
    (edit("warmup", steps=5000), PLAN, "steps=5000"),
    (edit("warmup", steps=-3), PLAN, "steps=-3"),
    (edit("warmup", steps=1.5), PLAN, "steps=1500"),
    (edit("warmup", steps=0.05), OPEN, "open schedule"),
    (edit("decay", steps=100), OPEN, "open schedule"),
    (edit("decay", steps=0), PLAN, "steps=0"),
    (edit("decay", steps=1.5), PLAN, "steps=1500"),
    (edit("rewarm", at=990, steps=50), PLAN, "steps=50"),
    (edit("stretch", total=10), OPEN, "open schedule"),
    (edit("extend", steps=10), sf.cosine(1.0, total=50), "policy"),
    (edit("scaled"), PLAN, "k"),
    (edit("scaled", k="fast"), PLAN, "k"),
    (edit("warmup", steps="long"), PLAN, "steps"),
    (edit("warmup", steps=float("nan")), PLAN, "steps"),
    (edit("warmup", steps=True), PLAN, "steps"),
    (edit("scaled", factor=0.1), PLAN, "factor"),
]


@pytest.mark.parametrize(("wrong", "plan", "said"), BAD, ids=lambda v: v.text() if isinstance(v, Edit) else "")
def test_an_edit_that_does_not_fit_is_refused_in_a_sentence(wrong, plan, said):
    with pytest.raises(ArgumentError, match=said):
        applied(wrong, plan)


OPS = st.one_of(
    st.builds(edit, st.just("scaled"), k=st.floats(0, 10)),
    st.builds(edit, st.just("warmup"), steps=st.one_of(st.integers(-1, 1100), st.floats(0, 1.1))),
    st.builds(edit, st.just("decay"), steps=st.one_of(st.integers(-1, 1100), st.floats(0, 1.1))),
    st.builds(edit, st.just("rewarm"), at=st.integers(-1, 1100), steps=st.integers(-1, 400)),
    st.builds(edit, st.just("stretch"), total=st.integers(0, 3000)),
)


@given(OPS)
def test_an_edited_schedule_is_a_schedule_and_survives_json_or_the_edit_is_refused(change):
    try:
        found = applied(change, PLAN)
    except SurefootError:
        return
    assert sf.Schedule.from_json(found.to_json()) == found
    assert (found.array() >= 0).all()
    assert change.op == "stretch" or found.total == PLAN.total
