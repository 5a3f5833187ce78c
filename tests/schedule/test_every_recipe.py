"""The laws of the operations over every recipe: what is cut, stretched, extended or written keeps its rates."""

import numpy as np
import pytest

from surefoot.errors import ArgumentError
from surefoot.schedule.core import Schedule
from surefoot.schedule.extend import can_lengthen
from surefoot.schedule.facts import decay_start
from surefoot.schedule.phase import Phase, hold, ramp
from surefoot.schedule.recipes import cycles, decays, given, inverse, long, one_cycle, stairs, warmups
from surefoot.schedule.recognition.recognising import recognise

TOTAL = 240
PEAK = 3e-4
RECIPES = {
    "constant": decays.constant(PEAK, total=TOTAL),
    "constant with warmup": decays.constant(PEAK, total=TOTAL, warmup=20),
    "linear": decays.linear(PEAK, total=TOTAL, warmup=20),
    "cosine": decays.cosine(PEAK, total=TOTAL, warmup=20, floor=0.1),
    "polynomial": decays.polynomial(PEAK, power=3, total=TOTAL),
    "root": decays.root(PEAK, total=TOTAL),
    "1-sqrt": decays.one_minus_sqrt(PEAK, total=TOTAL),
    "1-square": decays.one_minus_square(PEAK, total=TOTAL),
    "mirror-cosine": decays.mirror_cosine(PEAK, total=TOTAL),
    "half-life": decays.half_life(PEAK, total=TOTAL),
    "rex": decays.rex(PEAK, total=TOTAL, warmup=0.1),
    "exponential": decays.exponential(PEAK, total=TOTAL, floor=0.01),
    "exponential by factor": decays.exponential(PEAK, total=TOTAL, factor=0.99),
    "cyclic": cycles.cyclic(PEAK, total=TOTAL, rise=13, fall=9, floor=0.1, mode="exp_range", gamma=0.99),
    "restarts": cycles.restarts(PEAK, total=TOTAL, period=30, growth=1.7, shrink=0.9),
    "wsd": long.wsd(PEAK, total=TOTAL, warmup=20),
    "trapezoidal": long.trapezoidal(PEAK, total=TOTAL),
    "tri-stage": long.tri_stage(PEAK, total=TOTAL),
    "infinite": long.infinite(PEAK, total=TOTAL, cooldown=60, anneal=40, floor=0.1),
    "power": long.power(PEAK, total=TOTAL, warmup=20, decay=0.1),
    "inverse-sqrt": inverse.inverse_sqrt(PEAK, total=TOTAL, warmup=20),
    "inverse-time": inverse.inverse_time(PEAK, total=TOTAL),
    "noam": inverse.noam(width=512, warmup=20, total=TOTAL),
    "one-cycle": one_cycle.one_cycle(PEAK, total=TOTAL),
    "one-cycle of torch": one_cycle.one_cycle(PEAK, total=TOTAL, convention="torch", three_phase=True, warmup=0.4),
    "step": stairs.step_decay(PEAK, total=TOTAL),
    "step by interval": stairs.step_decay(PEAK, total=TOTAL, every=50),
    "points": given.from_points([(0, 0.0), (50, PEAK), (TOTAL, 0.1 * PEAK)], interpolation="cosine"),
    "untuned": decays.constant(PEAK, total=TOTAL, warmup=warmups.untuned_warmup(0.95)),
    "radam": decays.constant(PEAK, total=TOTAL, warmup=warmups.radam_warmup(0.9)),
}
NAMES = {"Schedule": Schedule, "Phase": Phase, "ramp": ramp, "hold": hold}


@pytest.fixture(params=RECIPES)
def schedule(request):
    return RECIPES[request.param]


def test_repr_and_json_give_an_equal_schedule(schedule):
    assert eval(repr(schedule), dict(NAMES)) == schedule  # noqa: S307  the text is our own repr
    assert Schedule.from_json(schedule.to_json()) == schedule
    assert hash(Schedule.from_json(schedule.to_json())) == hash(schedule)
    assert "\n" not in schedule.describe()


@pytest.mark.parametrize("at", [1, 19, 20, 97, 200, 239])
def test_cut_and_joined_again_it_has_the_same_bits(schedule, at):
    assert np.array_equal(schedule.head(at).then(schedule.tail(at)).array(), schedule.array())


def test_a_long_array_has_the_bits_of_its_updates_wherever_it_begins(schedule):
    longer = schedule.stretch(50_000)
    rates = longer.array()
    around = [k for edge in (0, 1 << 14, 1 << 15, 50_000) for k in range(edge - 3, edge + 3) if 0 <= k < 50_000]
    assert [longer(k) for k in around] == rates[around].tolist()
    assert np.array_equal(longer.array(777, 40_001), rates[777:40_001])


def test_three_times_as_long_it_has_the_same_factors(schedule):
    longer = schedule.stretch(3 * TOTAL)
    np.testing.assert_allclose(longer.array()[::3], schedule.array(), rtol=1e-12, atol=1e-12 * schedule.peak)
    assert longer(3 * TOTAL) == pytest.approx(schedule(TOTAL), rel=1e-12, abs=1e-15 * schedule.peak)


@pytest.mark.parametrize("policy", [None, "stretch", "continue", "rewarm", "hold"])
@pytest.mark.parametrize("at", [None, 0, 11, 100, 230, TOTAL])
def test_extended_it_keeps_the_rates_that_were_applied(schedule, policy, at):
    if policy is None and not can_lengthen(schedule):
        with pytest.raises(ArgumentError, match="policy=None needs a hold to lengthen"):
            schedule.extend(100, at=at)
        return
    if policy == "hold" and at == 0 and schedule(0) == 0.0:
        with pytest.raises(ArgumentError, match="policy='hold' at=0 would hold the rate 0"):
            schedule.extend(100, at=0, policy=policy)
        return
    found = schedule.extension(100, at=at, policy=policy)
    start = decay_start(schedule)
    kept = min(TOTAL if at is None else at, TOTAL if start is None else start)
    kept = max(kept, found.at)
    assert found.schedule.total == TOTAL + 100
    assert np.array_equal(found.schedule.array(0, kept), schedule.array(0, kept))
    assert found.schedule.array().max() <= schedule.peak


@pytest.mark.parametrize("name", ["linear", "cosine", "wsd", "rex", "step", "infinite", "trapezoidal"])
def test_a_floor_is_where_the_plan_ends(name):
    for floor in (0.0, 0.05, 0.3):
        assert RECIPES[name].with_floor(floor)(TOTAL) == pytest.approx(floor * PEAK, rel=1e-12)
        assert RECIPES[name].with_floor(floor).array().max() == PEAK


def test_its_log_is_recognised_or_becomes_a_table_of_the_same_rates(schedule):
    found = recognise(schedule.array())
    np.testing.assert_allclose(found.schedule.array(0, TOTAL), schedule.array(), rtol=3e-4, atol=3e-7 * schedule.peak)


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("constant", "constant"), ("linear", "warmup + linear"), ("cosine", "warmup + cosine"), ("wsd", "wsd"),
        ("polynomial", "polynomial"), ("root", "root"), ("1-sqrt", "1-sqrt"), ("1-square", "1-square"),
        ("half-life", "half-life"), ("rex", "warmup + rex"), ("mirror-cosine", "mirror-cosine"),
        ("exponential", "exponential"), ("inverse-sqrt", "warmup + inverse-sqrt"), ("step", "step"),
        ("one-cycle", "one-cycle"), ("trapezoidal", "wsd"), ("inverse-time", "inverse-time"),
        ("noam", "warmup + inverse-sqrt"),
    ],
)  # fmt: skip
def test_its_name_is_recognised(name, recipe):
    assert recognise(RECIPES[name].array()).recipe == recipe
