"""Schedule: evaluation, resolution of lengths, equality, and what is refused."""

import copy
import dataclasses

import numpy as np
import pytest

from surefoot.errors import ArgumentError, PositionError
from surefoot.schedule.core import Schedule
from surefoot.schedule.lengths import Clock, epochs
from surefoot.schedule.phase import Phase, hold, ramp

PLAN = Schedule(1.0, (ramp(0, 1, 2), ramp(1, 0, 4)))


@pytest.mark.parametrize(
    ("phases", "rates", "held"),
    [
        ((ramp(0, 1, 2), ramp(1, 0, 4)), [0, 0.5, 1, 0.75, 0.5, 0.25], 0),
        ((ramp(0, 1, 2), ramp(1, 0, 4, "cosine")), [0, 0.5, 1, 0.8536, 0.5, 0.1464], 0),
        ((ramp(0, 1, 2), ramp(1, 0.1, 4, "cosine")), [0, 0.5, 1, 0.8682, 0.55, 0.2318], 0.1),
        ((ramp(0, 1, 2), hold(2), ramp(1, 0, 2)), [0, 0.5, 1, 1, 1, 0.5], 0),
        (
            (ramp(0.1, 1, 3), ramp(1, 0, 7, "cosine")),
            [0.1, 0.4, 0.7, 1, 0.9505, 0.8117, 0.6113, 0.3887, 0.1883, 0.0495],
            0,
        ),
    ],
)
def test_whole_plans_give_the_printed_rates(phases, rates, held):
    plan = Schedule(1.0, phases)
    np.testing.assert_allclose(plan.array(), rates, atol=5e-5)
    assert plan(plan.total) == plan(10**9) == held


def test_a_phase_of_no_updates_contributes_none():
    assert Schedule(1.0, (ramp(0, 1, 0), ramp(1, 0, 4))) == Schedule(1.0, (ramp(1, 0, 4),))


def test_fractions_of_thirds_fill_the_total():
    plan = Schedule(1.0, (ramp(0, 1, 1 / 3), hold(1 / 3), ramp(1, 0, 1 / 3)), total=100)
    assert [phase.length for phase in plan.phases] == [33, 33, 34]


def test_kinds_of_lengths_mix():
    phases = (ramp(0, 1, epochs(1)), hold("2ep"), ramp(1, 0.5, 0.5), ramp(0.5, 0, 40))
    plan = Schedule(1.0, phases, total=200, clock=Clock(steps_per_epoch=20))
    assert [phase.length for phase in plan.phases] == [20, 40, 100, 40]


def test_a_position_may_be_any_integer():
    assert PLAN(np.int64(1)) == PLAN(np.uint8(1)) == PLAN(1) == 0.5
    assert type(PLAN(np.int64(1))) is float


def test_strict_raises_past_the_end():
    assert PLAN(5, strict=True) == 0.25
    with pytest.raises(PositionError, match="step=6 is past the end: the schedule has updates 0 to 5"):
        PLAN(6, strict=True)


def test_an_open_plan_has_no_total_and_goes_on():
    plan = Schedule(1.0, (ramp(0, 1, 2), hold(None)))
    assert plan.total is None
    assert plan(10**12) == 1.0
    assert plan.array(0, 4).tolist() == [0.0, 0.5, 1.0, 1.0]
    with pytest.raises(ArgumentError, match="this one is open: pass stop="):
        plan.array()


def test_equal_plans_are_equal_and_hash_alike():
    other = Schedule(1, (ramp(0, 1, 2), ramp(1, 0, 4)))
    assert other == PLAN
    assert hash(other) == hash(PLAN)
    assert len({other, PLAN, PLAN.with_peak(2.0)}) == 2
    assert copy.deepcopy(PLAN) == PLAN


def test_a_schedule_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PLAN.peak = 2.0


@pytest.mark.parametrize("step", [1.0, "1", None, 0.5, float("nan")])
def test_a_position_that_is_no_integer_is_refused(step):
    with pytest.raises(ArgumentError, match="must be an int"):
        PLAN(step)


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (0, -1)])
def test_a_negative_range_is_refused(start, stop):
    with pytest.raises(PositionError, match="is negative"):
        PLAN.array(start, stop)


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: Schedule(-1e-3, (hold(1),)), "peak=-0.001 must be a rate >= 0"),
        (lambda: Schedule(float("nan"), (hold(1),)), "peak=nan must be finite"),
        (lambda: Schedule(float("inf"), (hold(1),)), "peak=inf must be finite"),
        (lambda: Schedule("fast", (hold(1),)), "peak='fast' must be a number"),
        (lambda: Schedule(1.0, ()), "must be a tuple of at least one ramp"),
        (lambda: Schedule(1.0, (3,)), "must be a tuple of at least one ramp"),
        (lambda: Schedule(1.0, (hold(0),)), "total=0: a schedule needs at least one update"),
        (lambda: Schedule(1.0, (hold(None), hold(3))), "phases[0] is open (length None) and only the last"),
        (lambda: Schedule(1.0, (hold(0.5), hold(0.5))), "no total is given"),
        (lambda: Schedule(1.0, (hold(60), hold(60)), total=100), "total=100 but the phases take 120 steps"),
        (lambda: ramp(0, 1.5, 3), "stop=1.5 is a factor of the peak and must lie in [0, 1]"),
        (lambda: ramp(-0.1, 1, 3), "start=-0.1 is a factor"),
        (lambda: ramp(0, float("nan"), 3), "stop=nan must be finite"),
        (lambda: ramp(0, 1, -3), "length=-3 must be a number of steps >= 0"),
        (lambda: ramp(0, 1, 3.0), "must lie in [0, 1]; write length=3 for steps"),
        (lambda: ramp(0, 1, 3, "sqrt"), '"sqrt" has two meanings: write "1-sqrt" or "root"'),
        (lambda: ramp(0, 1, 3, "cosinus"), "shape='cosinus' is unknown"),
        (lambda: ramp(0, 1, 3, "cosine", power=2), "takes parameters"),
        (lambda: ramp(0, 1, None, "cosine"), "needs a length; open phases take"),
        (lambda: Phase(0.5).steps, "is not in steps yet"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused_with_a_sentence(build, sentence):
    with pytest.raises(ArgumentError) as refusal:
        build()
    assert sentence in str(refusal.value)
