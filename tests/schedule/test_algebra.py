"""The operations by example, and their refusals; their laws are in test_properties."""

import numpy as np
import pytest

from surefoot.errors import ArgumentError
from surefoot.schedule.core import Schedule
from surefoot.schedule.facts import decay_start, end_factor, floor_of, held_index, warmup_steps
from surefoot.schedule.phase import hold, ramp

COSINE = Schedule(1.0, (ramp(0, 1, 100), ramp(1, 0, 900, "cosine")))
WSD = Schedule(3e-4, (ramp(0, 1, 500), hold(7_500), ramp(1, 0, 2_000, "1-sqrt")))
CONSTANT = Schedule(1.0, (ramp(0, 1, 10), hold(90)))
STEPS = Schedule(1.0, (hold(30), hold(30, 0.1), hold(30, 0.01)))
INFINITE = Schedule(1.0, (ramp(0, 1, 10), ramp(1, 0.5, 50, "cosine"), hold(100, 0.5), ramp(0.5, 0.1, 40)))
RESTARTS = Schedule(1.0, (ramp(1, 0.1, 50, "cosine"), ramp(1, 0.1, 100, "cosine")))
INVERSE = Schedule(1.0, (ramp(0, 1, 10), ramp(1, 0, 90, "inverse-sqrt", timescale=10)))
OPEN = Schedule(1.0, (ramp(0, 1, 10), hold(None)))


@pytest.mark.parametrize(
    ("schedule", "facts"),
    [
        (COSINE, (100, 100, None, 0.0, 0.0)),
        (WSD, (500, 8_000, 1, 0.0, 0.0)),
        (CONSTANT, (10, None, 1, 1.0, 1.0)),
        (STEPS, (0, 30, None, 0.01, 0.01)),
        (INFINITE, (10, 160, 2, 0.1, 0.1)),
        (RESTARTS, (0, 50, None, 0.1, 0.1)),
        (OPEN, (10, None, 1, 1.0, 1.0)),
    ],
)
def test_facts_are_read_off_the_phases(schedule, facts):
    found = [warmup_steps, decay_start, held_index, floor_of, end_factor]
    assert tuple(fact(schedule) for fact in found) == facts


@pytest.mark.parametrize(
    ("schedule", "longer"),
    [
        (WSD, Schedule(3e-4, (ramp(0, 1, 500), hold(12_500), ramp(1, 0, 2_000, "1-sqrt")))),
        (CONSTANT, Schedule(1.0, (ramp(0, 1, 10), hold(5_090)))),
        (INFINITE, Schedule(1.0, (ramp(0, 1, 10), ramp(1, 0.5, 50, "cosine"), hold(5_100, 0.5), ramp(0.5, 0.1, 40)))),
        (INVERSE, Schedule(1.0, (ramp(0, 1, 10), ramp(1, 0, 5_090, "inverse-sqrt", timescale=10)))),
        (OPEN, OPEN),
    ],
)
def test_a_schedule_with_a_hold_lengthens_it(schedule, longer):
    assert schedule.extend(5_000) == longer


def test_a_hold_lengthened_inside_the_decay_keeps_what_was_applied_and_says_the_jump():
    found = WSD.extension(5_000, at=9_000)
    assert found.policy == "lengthen"
    assert np.array_equal(found.schedule.array(0, 9_000), WSD.array(0, 9_000))
    assert found.before == WSD(9_000)
    assert found.after == 3e-4
    assert found.jump == found.after - found.before > 0
    assert found.schedule.total == 15_000
    assert found.schedule(13_000) == 3e-4 > found.schedule(13_001)


def test_without_a_hold_the_refusal_shows_each_policy_and_its_jump():
    with pytest.raises(ArgumentError) as refusal:
        COSINE.extend(1_000, at=550)
    sentence = str(refusal.value)
    assert "policy=None needs a hold to lengthen, and this schedule has none" in sentence
    assert "'stretch' (the decay re-timed over the longer run; at step 550: 0.5 -> 0.868)" in sentence
    for policy in ("continue", "rewarm", "hold"):
        assert f"'{policy}'" in sentence
    assert sentence.count("no jump") == 3


def test_stretching_the_decay_keeps_the_past_and_re_times_the_rest():
    longer = COSINE.extend(1_000, at=550, policy="stretch")
    assert np.array_equal(longer.array(0, 550), COSINE.array(0, 550))
    np.testing.assert_allclose(
        longer.array(550), 0.5 * (1 + np.cos(np.pi * (np.arange(550, 2_000) - 100) / 1_900)), rtol=1e-9, atol=1e-12
    )


def test_stretching_before_the_decay_is_the_longer_cosine_itself():
    assert COSINE.extend(1_000, policy="stretch") == Schedule(1.0, (ramp(0, 1, 100), ramp(1, 0, 1_900, "cosine")))


def test_continuing_decays_afresh_from_the_rate_of_now():
    longer = COSINE.extend(1_000, at=550, policy="continue")
    assert longer.phases[-1] == ramp(longer.phases[-1].start, 0, 1_450, "cosine")
    assert longer(550) == pytest.approx(0.5)
    assert longer(2_000) == 0.0


def test_rewarming_goes_back_to_the_peak_over_as_long_as_the_first_warmup():
    longer = COSINE.extend(1_000, policy="rewarm")
    assert longer.phases[-2:] == (ramp(0, 1, 100), ramp(1, 0, 900, "cosine"))


def test_holding_keeps_the_rate_of_now():
    longer = COSINE.extend(1_000, at=550, policy="hold")
    assert set(longer.array(550)) == {COSINE(550)}


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: COSINE.extend(10, policy="grow"), "policy='grow' is unknown: use one of lengthen, stretch"),
        (lambda: COSINE.extend(10, policy="lengthen"), "policy='lengthen' needs a hold before the decay"),
        (lambda: WSD.extend(-1), "steps=-1 must be >= 0"),
        (lambda: WSD.extend(1.5), "steps=1.5 must be an int"),
        (lambda: WSD.extend(10, at=10_001), "at=10001 must be >= 0 and <= 10000"),
        (lambda: WSD.extend(10, at=-1), "at=-1 must be >= 0"),
        (lambda: WSD.rewarm(9_000, 2_000), "runs past the total 10000: rewarm over at most 1000 updates"),
        (lambda: WSD.rewarm(-1, 5), "at=-1 must be >= 0"),
        (lambda: OPEN.then(WSD), "an open schedule has no end, so it cannot be followed by another"),
        (lambda: OPEN.repeat(2), "cannot be repeated"),
        (lambda: OPEN.stretch(10), "cannot be stretched"),
        (lambda: WSD.repeat(0), "n=0 must be >= 1"),
        (lambda: WSD.stretch(0), "total=0 must be >= 1"),
        (lambda: WSD.head(0), "at=0 must be >= 1"),
        (lambda: WSD.tail(10_000), "at=10000 must be >= 0 and <= 9999"),
        (lambda: WSD.scaled(-1), "k=-1 must be a rate >= 0"),
        (lambda: WSD.scaled(float("nan")), "k=nan must be finite"),
        (lambda: WSD.with_peak(-1), "peak=-1 must be a rate >= 0"),
        (lambda: WSD.with_floor(), "give exactly one of the two"),
        (lambda: WSD.with_floor(0.1, floor_lr=1e-5), "give exactly one of the two"),
        (lambda: WSD.with_floor(1.1), "floor=1.1 is a fraction of the peak and must lie in [0, 1]; or use floor_lr="),
        (lambda: WSD.with_floor(-0.1), "floor=-0.1 is a fraction"),
        (lambda: WSD.with_floor(floor_lr=1.0), "floor_lr=1.0 must not be above the peak 0.0003"),
        (lambda: CONSTANT.with_floor(0.1), "never falls below its peak"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused_with_a_sentence(call, sentence):
    with pytest.raises(ArgumentError) as refusal:
        call()
    assert sentence in str(refusal.value)


@pytest.mark.parametrize(
    ("schedule", "phases"),
    [
        (COSINE, (ramp(0, 1, 100), ramp(1, 0.1, 900, "cosine"))),
        (WSD, (ramp(0, 1, 500), hold(7_500), ramp(1, 0.1, 2_000, "1-sqrt"))),
        (Schedule(1.0, (ramp(1, 0, 50), ramp(1, 0, 100))), (ramp(1, 0.1, 50), ramp(1, 0.1, 100))),
    ],
)
def test_a_floor_moves_the_end_of_every_decay(schedule, phases):
    assert schedule.with_floor(0.1).phases == phases
    assert schedule.with_floor(floor_lr=0.1 * schedule.peak).phases[-1].stop == pytest.approx(0.1)


def test_joining_plans_of_different_peaks_keeps_both_rates():
    both = CONSTANT.then(CONSTANT.with_peak(0.25))
    assert both.peak == 1.0
    assert both(99) == 1.0
    assert both(150) == 0.25


def test_rewarm_rises_from_zero_to_where_the_plan_is():
    warm = WSD.rewarm(4_000, 100)
    assert warm(4_000) == 0.0
    assert warm(4_050) == pytest.approx(1.5e-4)
    assert warm.total == WSD.total


def test_stretch_keeps_shapes_that_count_updates():
    plan = Schedule(1.0, (ramp(1, 0, 40, "step", every=10, factor=0.5),))
    assert plan.stretch(80).array()[::2].tolist() == plan.array().tolist()
    assert plan.stretch(80).array()[19:21].tolist() == [1.0, 0.5]
