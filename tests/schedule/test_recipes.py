"""Whole plans: the values of the published tables, the laws that every recipe obeys, and the single recipes."""

import math
from fractions import Fraction

import numpy as np
import pytest

from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import ramp
from surefoot.schedule.recipes import cycles, decays, fields, given, inverse, long, one_cycle, stairs, warmups

FALLS = (
    decays.linear, decays.cosine, decays.polynomial, decays.root, decays.one_minus_sqrt, decays.one_minus_square,
    decays.mirror_cosine, decays.half_life, decays.rex, decays.exponential, long.trapezoidal, long.wsd, long.infinite,
    long.warmup_hold_decay, cycles.restarts, decays.warmup_decay,
)  # fmt: skip
FLOORED = (
    stairs.step_decay, inverse.inverse_time, lambda *a, **k: inverse.inverse_sqrt(*a, timescale=10, **k), long.power,
)  # fmt: skip
WARM = (*FALLS, *FLOORED, decays.constant)


def name(recipe):
    return recipe.__name__


@pytest.mark.parametrize(
    ("schedule", "values", "after"),
    [
        (decays.linear(1.0, total=6, warmup=2), (0, 0.5, 1, 0.75, 0.5, 0.25), 0),
        (decays.cosine(1.0, total=6, warmup=2), (0, 0.5, 1, 0.8536, 0.5, 0.1464), 0),
        (decays.cosine(1.0, total=6, warmup=2, floor=0.1), (0, 0.5, 1, 0.8682, 0.55, 0.2318), 0.1),
        (decays.polynomial(1.0, power=1, total=6, warmup=2, floor=0.01), (0, 0.5, 1, 0.7525, 0.505, 0.2575), 0.01),
        (long.wsd(1.0, total=6, warmup=2, decay=2, shape="linear"), (0, 0.5, 1, 1, 1, 0.5), 0),
        (
            inverse.inverse_sqrt(1.0, total=12, warmup=2),
            (0, 0.5, 1, 0.8165, 0.7071, 0.6325, 0.5774, 0.5345, 0.5, 0.4714, 0.4472, 0.4264),
            0.4082,
        ),
        (
            decays.cosine(1.0, total=10, warmup=3, start=0.1),
            (0.1, 0.4, 0.7, 1, 0.9505, 0.8117, 0.6113, 0.3887, 0.1883, 0.0495),
            0,
        ),
        (decays.cosine(1.0, total=4), (1, 0.8536, 0.5, 0.1464), 0),
        (long.wsd(1.0, total=8, warmup=2, decay=4, shape="linear"), (0, 0.5, 1, 1, 1, 0.75, 0.5, 0.25), 0),
        (long.wsd(1.0, total=8, warmup=2, decay=4, floor=0.1), (0, 0.5, 1, 1, 1, 0.55, 0.3636, 0.2206), 0.1),
        (
            inverse.inverse_sqrt(1.0, total=9, warmup=4),
            (0, 0.25, 0.5, 0.75, 1, 0.8944, 0.8165, 0.7559, 0.7071),
            0.6667,
        ),
        (stairs.step_decay(1.0, total=5, every=2), (1, 1, 0.1, 0.1, 0.01), 0.01),
        (stairs.step_decay(1.0, total=8, at=(3, 7), factor=0.5), (1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25), 0.25),
        (decays.exponential(1.0, total=3, factor=0.9), (1, 0.9, 0.81), 0.729),
        (inverse.inverse_time(1.0, total=3), (1, 0.5, 0.3333), 0.25),
        (cycles.cyclic(1.0, total=7, rise=2, floor=0.1), (0.1, 0.55, 1, 0.55, 0.1, 0.55, 1), 0.55),
        (
            cycles.cyclic(1.0, total=11, rise=2, floor=0.1, mode="triangular2"),
            (0.1, 0.55, 1, 0.55, 0.1, 0.325, 0.55, 0.325, 0.1, 0.2125, 0.325),
            0.2125,
        ),
        (
            cycles.cyclic(1.0, total=7, rise=2, floor=0.1, mode="exp_range", gamma=0.9),
            (0.1, 0.505, 0.829, 0.4281, 0.1, 0.3657, 0.5783),
            0.3152,
        ),
        (
            cycles.restarts(1.0, total=9, period=3),
            (1, 0.75, 0.25, 1, 0.933, 0.75, 0.5, 0.25, 0.067),
            0,
        ),
        (
            cycles.restarts(1.0, total=10, cycles=2, growth=1, shrink=0.5, shape="linear", floor=0.1),
            (1, 0.82, 0.64, 0.46, 0.28, 0.5, 0.42, 0.34, 0.26, 0.18),
            0.1,
        ),
        (
            one_cycle.one_cycle(1.0, total=10),
            (0.04, 0.28, 0.76, 1, 0.9505, 0.8117, 0.6113, 0.3887, 0.1883, 0.0495),
            0,
        ),
        (
            one_cycle.one_cycle(1.0, total=10, convention="torch"),
            (0.04, 0.52, 1, 0.9505, 0.8117, 0.6113, 0.3887, 0.1883, 0.0495, 0.000004),
            0.000004,
        ),
        (
            one_cycle.one_cycle(1.0, total=10, convention="torch", three_phase=True, warmup=0.4, shape="linear"),
            (0.04, 0.36, 0.68, 1, 0.68, 0.36, 0.04, 0.0267, 0.0133, 0.000004),
            0.000004,
        ),
        (
            one_cycle.one_cycle(1.0, total=10, convention="torch", three_phase=True, warmup=0.4),
            (0.04, 0.28, 0.76, 1, 0.76, 0.28, 0.04, 0.03, 0.01, 0.000004),
            0.000004,
        ),
        (long.tri_stage(1.0, total=4, warmup=0, hold=0), (1, 0.3162, 0.1, 0.0316), 0.01),
        (
            long.infinite(1.0, total=8, cooldown=2, anneal=4, floor=0.1),
            (1, 0.75, 0.5, 0.5, 0.5, 0.3344, 0.2236, 0.1495),
            0.1,
        ),
        (
            long.warmup_hold_decay(1.0, total=8, warmup=2, hold=2, shape="linear"),
            (0, 0.5, 1, 1, 1, 0.75, 0.5, 0.25),
            0,
        ),
        (decays.rex(1.0, total=5), (1, 0.8889, 0.75, 0.5714, 0.3333), 0),
    ],
    ids=repr,
)
def test_a_published_plan_and_what_is_held_after_it(schedule, values, after):
    total = len(values)
    assert schedule.total == total
    np.testing.assert_allclose(schedule.array(), values, rtol=0, atol=5.1e-5)
    np.testing.assert_allclose([schedule(total + k) for k in range(9)], [after] * 9, rtol=0, atol=5.1e-5)


@pytest.mark.parametrize(
    ("schedule", "position", "values"),
    [
        (decays.cosine(1.0, total=10, warmup=3, start=0.1), 5, (0.812, 0.611, 0.389, 0.188, 0.050, 0)),
        (decays.cosine(1.0, total=8), 3, (0.691, 0.5, 0.309, 0.146, 0.038, 0)),
        (decays.exponential(1.0, total=None, factor=0.5), 3, (0.125, 0.0625, 0.03125, 0.015625)),
        (stairs.step_decay(1.0, total=None, at=(2,)), 3, (0.1, 0.1, 0.1, 0.1)),
        (stairs.step_decay(1.0, total=None, every=2, factor=0.5), 3, (0.5, 0.25, 0.25, 0.125, 0.125, 0.0625)),
        (decays.linear(1.0, total=8), 3, (0.625, 0.5, 0.375, 0.25, 0.125, 0)),
        (one_cycle.one_cycle(1.0, total=8, convention="torch"), 3, (0.812, 0.556, 0.283, 0.077, 0)),
    ],
    ids=repr,
)
def test_a_resumed_run_needs_its_position_and_nothing_else(schedule, position, values):
    # Seven of the wrong rates that torch 2.13 gives after a resume or a change of horizon: these are the right ones.
    np.testing.assert_allclose(schedule.array(position, position + len(values)), values, rtol=0, atol=6e-4)


@pytest.mark.parametrize("recipe", WARM, ids=name)
@pytest.mark.parametrize("total", [1, 2, 17, 1000, 4999])
@pytest.mark.parametrize("warmup", [0, 0.1])
def test_every_recipe_fills_its_total_and_evaluates_the_same_in_any_order(recipe, total, warmup):
    schedule = recipe(3e-4, total=total, warmup=warmup)
    rates = schedule.array()
    assert schedule.total == total == len(rates)
    some = range(0, total, max(1, total // 97))
    assert [schedule(t) for t in reversed(some)] == [rates[t] for t in reversed(some)]
    assert 0.0 <= rates.min() <= rates.max() <= 3e-4
    assert schedule(total) == schedule(total + 1) == schedule(10**9)
    assert Schedule.from_json(schedule.to_json()) == schedule


@pytest.mark.parametrize("recipe", [recipe for recipe in WARM if recipe is not long.power], ids=name)
def test_a_warmup_runs_from_zero_to_the_peak_which_is_reached_once_it_is_over(recipe):
    schedule = recipe(1.0, total=100, warmup=20)
    assert schedule.array(0, 21).tolist() == [t / 20 for t in range(20)] + [1.0]
    assert recipe(1.0, total=100, warmup=20, start=0.5)(0) == 0.5
    shaped = recipe(1.0, total=100, warmup=20, warmup_shape="cosine")
    assert shaped(10) == pytest.approx(0.5)
    assert shaped(5) == pytest.approx((1 - math.cos(math.pi / 4)) / 2)


@pytest.mark.parametrize("recipe", FALLS, ids=name)
@pytest.mark.parametrize("floor", [0.0, 0.1, 0.3, 0.49])
def test_a_fall_ends_exactly_at_its_floor(recipe, floor):
    for peak in (1.0, 3e-4, 0.7):
        rates = recipe(peak, total=500, floor=floor)
        assert rates(500) == peak * floor
        assert rates.array().min() >= peak * floor


@pytest.mark.parametrize("recipe", FLOORED, ids=name)
def test_a_fall_without_an_end_of_its_own_is_never_under_the_floor(recipe):
    rates = recipe(1e-2, total=10**6, floor=0.3).array(0, 10**6)
    assert rates.min() >= 1e-2 * 0.3
    assert rates.max() == 1e-2


@pytest.mark.parametrize("recipe", [*FALLS, *FLOORED], ids=name)
@pytest.mark.parametrize(("peak", "low"), [(3e-4, 3e-5), (1e-3, 1e-5), (0.7, 0.3), (49.0, 1.0), (0.1, 0.0)])
def test_a_floor_given_as_a_rate_is_never_undercut(recipe, peak, low):
    schedule = recipe(peak, total=300, floor_lr=low)
    assert schedule.array().min() >= low
    assert schedule(300) == pytest.approx(max(low, schedule(300)), rel=1e-15)
    assert recipe(peak, total=300, floor_lr=peak).array().tolist() == [peak] * 300


@pytest.mark.parametrize(
    "schedule",
    [
        decays.constant(0.1),
        decays.exponential(0.1, total=None, factor=0.999),
        inverse.inverse_sqrt(0.1, warmup=10),
        inverse.inverse_time(0.1),
        inverse.noam(width=512, warmup=10),
        long.power(0.1),
        long.wsd(0.1, total=None, warmup=10),
        long.wsd(0.1, total=None, decay=None),
        long.wsd(0.1, total=None, decay=0),
        long.infinite(0.1, total=None, cooldown=10),
        cycles.cyclic(0.1, rise=10),
        stairs.step_decay(0.1, total=None, at=(10, 20)),
        stairs.step_decay(0.1, total=None, every=10),
        stairs.staircase([1, 2], at=(10,)),
        given.from_function(0.1, "math:exp2"),
    ],
    ids=repr,
)
def test_an_open_plan_has_no_total_and_any_step_may_be_asked(schedule):
    assert schedule.total is None
    if "call" not in repr(schedule):
        assert 0.0 <= schedule(10**9) <= schedule.peak
        assert schedule(10**9) == schedule.array(10**9, 10**9 + 1)[0]
    with pytest.raises(ValueError, match="stop="):
        schedule.array()


def test_wsd_takes_every_shape_for_its_decay():
    for shape in ("linear", "cosine", "1-sqrt", "1-square", "mirror-cosine", "half-life", "exponential", "rex", "root"):
        schedule = long.wsd(2.0, total=100, warmup=10, decay=20, shape=shape, floor=0.1)
        assert schedule.array(10, 81).tolist() == [2.0] * 71
        np.testing.assert_array_equal(schedule.array(80, 101), 2.0 * ramp(1, 0.1, 20, shape).at(np.arange(21.0)))


@pytest.mark.parametrize("total", [None, 30, 8])
def test_a_warmup_takes_the_place_of_the_first_rise_of_a_cycle(total):
    whole = cycles.cyclic(1.0, rise=4, fall=6, floor=0.1)
    warm = cycles.cyclic(1.0, rise=4, fall=6, floor=0.1, warmup=8, total=total)
    assert warm.array(0, 8).tolist() == [t / 8 for t in range(8)]
    if total != 8:
        assert warm.array(8, 30).tolist() == whole.array(4, 26).tolist()
    shrinking = cycles.cyclic(1.0, rise=4, floor=0.1, warmup=8, mode="exp_range", gamma=0.9)
    assert shrinking.array(0, 99).max() == shrinking(8) == pytest.approx(0.1 + 0.9 * 0.9**4)


def test_restarts_grow_by_a_float_and_the_total_may_cut_the_last_one_short():
    schedule = cycles.restarts(1.0, total=100, period=10, growth=1.5)
    tops = [0, 10, 25, 48, 81]  # 10 * (1.5^k - 1) / 0.5, rounded by floor(x + 0.5): 47.5 is 48, 81.25 is 81
    assert [t for t in range(100) if schedule(t) == 1.0] == tops
    assert schedule(99) == pytest.approx(0.5 * (1 + math.cos(math.pi * 18 / 51)))
    assert schedule(1000) == pytest.approx(0.5 * (1 + math.cos(math.pi * 19 / 51)))


def test_step_decay_by_fractions_and_by_epochs_count_from_the_first_update():
    thirds = stairs.step_decay(1.0, total=1000).array()
    assert [int(t) for t in np.flatnonzero(np.diff(thirds)) + 1] == [300, 600, 900]
    np.testing.assert_allclose(thirds[[0, 300, 600, 999]], [1, 0.1, 0.01, 0.001], rtol=1e-15)


def test_noam_is_its_formula_from_the_first_update_on():
    n = np.arange(1.0, 20_001.0)
    twin = 2.0 * 512**-0.5 * np.minimum(n**-0.5, n * 4000**-1.5)
    np.testing.assert_allclose(inverse.noam(2.0, width=512, warmup=4000).array(0, 20_000), twin, rtol=1e-14)


@pytest.mark.parametrize("batch", [32, 1024])
def test_power_is_the_law_of_tokens_under_its_cap_and_ends_with_a_tail(batch):
    peak, total = 0.01, 50_000
    t = np.arange(1.0, total)
    law = np.minimum(peak, batch * 4.6 * (4096.0 * batch * t) ** -0.51)
    schedule = long.power(peak, total=total, batch=batch, decay=0.1, warmup=1000)
    rates = schedule.array()
    np.testing.assert_allclose(rates[1000:45_000], law[999:44_999], rtol=1e-12)
    np.testing.assert_allclose(rates[45_000:], law[44_999] * (1 - np.arange(5000) / 5000), rtol=1e-12)
    assert schedule(total) == 0.0


def test_a_warmup_of_power_rises_to_the_law_and_not_over_it():
    schedule = long.power(1.0, total=100, warmup=20)
    law = 1024 * 4.6 * (4096 * 1024 * 20) ** -0.51
    assert schedule(20) == pytest.approx(law, rel=1e-12)
    np.testing.assert_allclose(schedule.array(0, 20), law * np.arange(20) / 20, rtol=1e-12)


@pytest.mark.parametrize("recipe", FALLS[:10], ids=name)
def test_a_warmup_may_take_the_whole_run(recipe):
    assert recipe(1.0, total=4, warmup=1.0).array().tolist() == [0.0, 0.25, 0.5, 0.75]


@pytest.mark.parametrize(("tokens", "lr"), [(1e11, 1.005e-2), (1e12, 3.107e-3), (1e13, 9.602e-4), (2e10, 0.02)])
def test_power_has_the_published_check_values(tokens, lr):
    assert long.power(0.02, batch=1024, a=4)(round(tokens / 4096 / 1024)) == pytest.approx(lr, rel=6e-4)


@pytest.mark.parametrize("total", [7, 10, 33, 100])
@pytest.mark.parametrize("shape", ["cosine", "linear"])
def test_one_cycle_of_fastai_is_its_combined_schedule(total, shape):
    def leg(a, b, w):
        return a + (b - a) * (w if shape == "linear" else (1 - math.cos(math.pi * w)) / 2)

    def twin(t, first, middle, last):
        at = Fraction(t, total)  # fastai: position in the run, a quarter of it rises
        rise = Fraction(1, 4)
        return leg(first, middle, at / rise) if at < rise else leg(middle, last, (at - rise) / (1 - rise))

    rate = one_cycle.one_cycle(2.0, total=total, shape=shape, convention="fastai")
    np.testing.assert_allclose(rate.array(), [twin(t, 0.08, 2.0, 2e-5) for t in range(total)], rtol=1e-12)
    momentum = one_cycle.one_cycle_momentum(total=total, shape=shape, convention="fastai")
    np.testing.assert_allclose(momentum.array(), [twin(t, 0.95, 0.85, 0.95) for t in range(total)], rtol=1e-12)


def test_one_cycle_momentum_is_low_where_the_rate_is_at_its_peak():
    for convention in one_cycle.CONVENTIONS:
        rate = one_cycle.one_cycle(1.0, total=40, convention=convention, warmup=0.25)
        momentum = one_cycle.one_cycle_momentum(0.9, low=0.8, total=40, convention=convention, warmup=0.25)
        up = np.argmax(rate.array())
        assert momentum.array().argmin() == up
        assert momentum(0) == 0.9
        assert momentum(40) == 0.9
        assert momentum.array().min() == pytest.approx(0.8, rel=0.01)


def test_a_three_phase_cycle_goes_back_to_its_start_and_then_to_the_floor():
    schedule = one_cycle.one_cycle(1.0, total=10, warmup=4, three_phase=True, shape="linear")
    np.testing.assert_allclose(schedule.array(), [0.04, 0.28, 0.52, 0.76, 1, 0.76, 0.52, 0.28, 0.04, 0.02], atol=1e-15)
    momentum = one_cycle.one_cycle_momentum(total=10, warmup=4, three_phase=True)
    assert momentum.array(8, 12).tolist() == [0.95] * 4


@pytest.mark.parametrize("beta2", [0.9, 0.95, 0.99, 0.999])
def test_untuned_warmups_are_full_when_they_end(beta2):
    for phase in (warmups.untuned_warmup(beta2), warmups.untuned_warmup(beta2, kind="exponential")):
        schedule = decays.constant(1.0, warmup=phase)
        before, after = schedule(phase.steps - 1), schedule(phase.steps)
        assert 0 < after - before <= max(0.5 * (1 - beta2), 0.0011) + 1e-12
    last = warmups.radam_warmup(beta2)
    assert 0.999 > decays.constant(1.0, warmup=last)(last.steps - 1) > 0.997
    assert warmups.untuned_warmup(beta2).steps == round(2 / (1 - beta2)) - 1


def test_a_phase_as_warmup_is_the_warmup_of_any_recipe():
    schedule = decays.cosine(0.1, total=100, warmup=ramp(0.2, 1.0, 0.1, "1-sqrt"))
    assert schedule(0) == 0.1 * 0.2
    assert schedule(10) == 0.1
    assert schedule.total == 100


def test_opposite_turns_every_phase_that_its_ends_define():
    for rate in (
        decays.cosine(0.1, total=50, warmup=10, floor=0.1),
        long.wsd(3e-4, total=50, warmup=5),
        decays.rex(0.2, total=30),
        decays.mirror_cosine(0.2, total=30).extend(10, at=12, policy="stretch"),
    ):
        turned = fields.opposite(rate, high=0.95, low=0.85)
        twin = 0.95 - 0.1 * rate.array() / rate.peak
        np.testing.assert_allclose(turned.array(), twin, rtol=1e-14)
        assert turned.total == rate.total


def test_a_staircase_of_batch_sizes_holds_its_integers():
    schedule = stairs.staircase([32, 64, 96, 128], at=(0.25, 0.5, 0.75), total=16)
    assert schedule.array().tolist() == [32.0] * 4 + [64.0] * 4 + [96.0] * 4 + [128.0] * 4
    assert schedule.peak == 128.0


@pytest.mark.parametrize("interpolation", ["linear", "log", "cosine", "step"])
def test_a_table_holds_its_own_points_exactly_and_is_never_extrapolated(interpolation):
    points = [(0, 1e-5), (7, 3e-4), (20, 1e-4), (21, 7e-5)]
    schedule = given.from_points(points, interpolation=interpolation)
    assert schedule.total == 21
    np.testing.assert_allclose([schedule(t) for t, _ in points], [y for _, y in points], rtol=1e-15)
    assert schedule(10**6) == schedule(21)
    between = schedule.array(7, 20)
    assert 1e-4 <= between.min() <= between.max() <= 3e-4
    assert given.from_points(points, interpolation=interpolation, total=22)(21) == schedule(21)


def test_a_table_of_every_update_plays_it_back():
    rates = (np.random.default_rng(0).random(400) * 1e-3).tolist()
    schedule = given.from_points(list(enumerate(rates)), total=400, interpolation="step")
    np.testing.assert_allclose(schedule.array(), rates, rtol=1e-15)


def test_a_function_of_the_step_is_stored_by_its_name():
    schedule = given.from_function(0.5, "math:erfc", total=4)
    assert schedule.array().tolist() == [0.5 * math.erfc(t) for t in range(4)] == [schedule(t) for t in range(4)]
    assert Schedule.from_json(schedule.to_json()) == schedule == given.from_function(0.5, math.erfc, total=4)
