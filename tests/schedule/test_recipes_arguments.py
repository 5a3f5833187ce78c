"""One clear sentence for each bad argument: it names the argument, its value, the range, and what to do."""

import math

import pytest

from surefoot.errors import ArgumentError, KeywordError, SurefootError
from surefoot.schedule.lengths import epochs, tokens
from surefoot.schedule.phase import ramp
from surefoot.schedule.recipes import cycles, decays, fields, frame, given, inverse, long, one_cycle, stairs, warmups

RECIPES = (
    decays.linear, decays.cosine, decays.polynomial, decays.root, decays.one_minus_sqrt, decays.one_minus_square,
    decays.mirror_cosine, decays.half_life, decays.rex, decays.exponential, decays.constant, decays.warmup_decay,
    long.trapezoidal, long.wsd, long.infinite, long.warmup_hold_decay, long.power, long.tri_stage, cycles.restarts,
    stairs.step_decay, inverse.inverse_time, inverse.inverse_sqrt, cycles.cyclic,
)  # fmt: skip
OWN_RISE = (one_cycle.one_cycle,)
NO_FLOOR = (decays.constant, long.tri_stage)


def name(recipe):
    return recipe.__name__


@pytest.mark.parametrize("recipe", [*RECIPES, *OWN_RISE], ids=name)
@pytest.mark.parametrize("peak", [-1e-3, math.nan, math.inf, -math.inf, "high", None])
def test_a_peak_that_is_no_rate_is_refused(recipe, peak):
    with pytest.raises(ArgumentError, match=r"peak=.* must be"):
        recipe(peak, total=100)


@pytest.mark.parametrize("recipe", RECIPES, ids=name)
def test_a_warmup_longer_than_the_run_is_refused(recipe):
    with pytest.raises(ArgumentError, match=r"warmup \(10\) is more than total=6 updates: shorten one"):
        recipe(0.1, total=6, warmup=10)


@pytest.mark.parametrize("recipe", [*RECIPES, *OWN_RISE], ids=name)
@pytest.mark.parametrize(
    ("total", "sentence"),
    [
        (0, "total=0 is 0 updates"),
        (-5, "total=-5 must be a number of steps >= 0"),
        (1000.0, "total=1000.0 is a float, so a fraction .* write total=1000 for steps"),
        (0.5, "total=0.5 is a fraction of itself"),
        (True, "total=True is a bool"),
        (math.nan, "total=nan is a float"),
        ("10 furlongs", "total='10 furlongs' is not a length"),
        ("10ep", r"total=10ep needs clock=Clock\(steps_per_epoch=...\)"),
        (tokens(1e9), r"total=1e\+09tok needs clock=Clock\(tokens_per_step=...\)"),
    ],
)
def test_a_total_that_is_no_length_is_refused(recipe, total, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        recipe(0.1, total=total)


@pytest.mark.parametrize("recipe", RECIPES, ids=name)
@pytest.mark.parametrize(
    ("warmup", "sentence"),
    [
        (1.5, "warmup=1.5 is a float, so a fraction of the total, and must lie in"),
        (500.0, "write warmup=500 for steps"),
        (-3, "warmup=-3 must be a number of steps >= 0"),
        (math.nan, "warmup=nan"),
        ("3x", "warmup='3x' is not a length"),
        (epochs(3), "warmup=3ep needs clock="),
        (None, "warmup=None is not a length"),
    ],
)
def test_a_warmup_that_is_no_length_is_refused(recipe, warmup, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        recipe(0.1, total=1000, warmup=warmup)


@pytest.mark.parametrize("recipe", [recipe for recipe in (*RECIPES, *OWN_RISE) if recipe not in NO_FLOOR], ids=name)
@pytest.mark.parametrize(
    ("floor", "sentence"),
    [
        ({"floor": 1.5}, r"floor=1.5 .* must lie in \[0, 1\]"),
        ({"floor": -0.1}, "floor=-0.1"),
        ({"floor": math.nan}, "floor=nan"),
        ({"floor_lr": 0.2}, r"floor_lr=0.2 is above the peak 0.1: it must lie in \[0, peak\]"),
        ({"floor_lr": -0.2}, "floor_lr=-0.2 must be a rate >= 0"),
        ({"floor_lr": math.nan}, "floor_lr=nan must be finite"),
        ({"floor": 0.1, "floor_lr": 0.01}, "floor=0.1 and floor_lr=0.01 say the same thing twice"),
    ],
    ids=str,
)
def test_a_floor_above_the_peak_or_said_twice_is_refused(recipe, floor, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        recipe(0.1, total=1000, **floor)


@pytest.mark.parametrize("recipe", [*RECIPES[:10], long.warmup_hold_decay, cycles.restarts], ids=name)
def test_a_fall_with_an_end_needs_a_total(recipe):
    with pytest.raises(ArgumentError, match="total=None: this schedule has an end; pass total="):
        recipe(0.1, total=None)


@pytest.mark.parametrize("recipe", RECIPES, ids=name)
def test_a_misspelt_keyword_names_the_recipe_that_was_called_and_the_nearest_keyword(recipe):
    with pytest.raises(
        KeywordError, match=rf"^flor_lr=0.1 is no argument of {recipe.__name__}\(\): .* 'floor_lr'\?$"
    ) as e:
        recipe(0.1, total=100, flor_lr=0.1)
    assert isinstance(e.value, (ArgumentError, TypeError))


def test_a_keyword_that_is_near_none_lists_those_there_are():
    with pytest.raises(
        KeywordError, match=r"no argument of trapezoidal.*: it takes peak, total, warmup, decay, floor, s"
    ):
        long.trapezoidal(0.1, total=100, zzz=1)


BAD_CALLS = {
    "wsd too long": (
        lambda: long.wsd(1, total=6, warmup=4, decay=6), r"warmup \(4\) \+ decay \(6\) is more than total=6",
    ),
    "wsd open with a decay": (lambda: long.wsd(1, total=None, decay=100), "decay=100 needs an end .* pass total="),
    "wsd sqrt": (lambda: long.wsd(1, total=10, shape="sqrt"), 'write "1-sqrt" or "root"'),
    "wsd decay above 1": (lambda: long.wsd(1, total=10, decay=2.0), "decay=2.0 .* write decay=2 for steps"),
    "infinite too long": (
        lambda: long.infinite(1, total=10, warmup=5, cooldown=4, anneal=2),
        r"warmup \(5\) \+ cooldown \(4\) \+ anneal \(2\) is more than total=10",
    ),
    "infinite constant": (lambda: long.infinite(1, total=10, constant=0.1, floor=0.2), "constant=0.1 .* lie in"),
    "infinite open with an anneal": (
        lambda: long.infinite(1, total=None, cooldown=1, anneal=5), "anneal=5 needs an end",
    ),
    "infinite open with a share": (lambda: long.infinite(1, total=None), "cooldown=0.25 is a fraction .* pass total="),
    "hold too long": (lambda: long.warmup_hold_decay(1, total=9, hold=10), r"hold \(10\) is more than total=9"),
    "power without a peak": (lambda: long.power(0.0, total=9), "peak=0.0 must be a finite number > 0"),
    "power, no number": (lambda: long.power("x"), "peak='x' must be"),
    "power of b > 0": (lambda: long.power(0.1, b=0.5), "-b=-0.5 must be"),
    "power open with a decay": (lambda: long.power(0.1, decay=0.1), "decay=0.1 needs an end"),
    "tri-stage to 0": (lambda: long.tri_stage(0.1, total=10, final=0.0), "final=0.0 must be"),
    "unsorted": (lambda: stairs.step_decay(1, total=100, at=(50, 20)), r"at=\(50, 20\) is not sorted"),
    "milestone past the end": (lambda: stairs.step_decay(1, total=100, at=(50, 200)), "past total=100"),
    "milestone in warmup": (
        lambda: stairs.step_decay(1, total=100, warmup=60), "begins at update 30, inside the warmup",
    ),
    "milestone share above 1": (lambda: stairs.step_decay(1, total=100, at=(0.5, 1.5)), r"at\[1\]=1.5 is a float"),
    "factor above 1": (lambda: stairs.step_decay(1, total=100, factor=2), r"factor=2 must be a factor in \(0, 1\]"),
    "factor negative": (lambda: stairs.step_decay(1, total=100, factor=-0.1), "factor=-0.1 must be"),
    "every and at": (lambda: stairs.step_decay(1, total=9, at=(3,), every=2), "both say when to drop"),
    "every 0": (lambda: stairs.step_decay(1, total=9, every=0), r"every=0 must be a finite number > 0 \(updates\)"),
    "stairs": (lambda: stairs.staircase([1, 2], at=()), "2 values need 1 milestones in at=, not 0"),
    "stairs negative": (lambda: stairs.staircase([1, -2], at=(1,)), "values=-2 must be a rate >= 0"),
    "inverse sqrt without a scale": (lambda: inverse.inverse_sqrt(1), r"needs timescale= \(updates > 0\)"),
    "inverse time": (lambda: inverse.inverse_time(1, c=0.0), "c=0.0 must be a finite number > 0"),
    "noam without warmup": (lambda: inverse.noam(width=8, warmup=0), "warmup=0 is 0 updates: Noam needs at least 1"),
    "noam too long": (lambda: inverse.noam(width=8, warmup=9, total=5), "no more than total"),
    "noam width": (lambda: inverse.noam(width=0, warmup=9), "width=0 must be"),
    "exponential rising": (lambda: decays.exponential(1, total=9, factor=1.1), "factor=1.1 must be"),
    "constant with a floor": (lambda: decays.constant(1, floor_lr=0.1), "a constant never falls"),
    "cyclic mode": (lambda: cycles.cyclic(1, rise=3, mode="saw"), "mode='saw' is unknown"),
    "cyclic gamma": (lambda: cycles.cyclic(1, rise=3, gamma=0.9), 'belongs to mode="exp_range"'),
    "cyclic rise": (lambda: cycles.cyclic(1, rise=0), "rise=0 must be"),
    "cyclic open share": (lambda: cycles.cyclic(1), "rise=0.125 is a fraction of the total, but no total is given"),
    "restarts shrinking periods": (lambda: cycles.restarts(1, total=9, growth=0.5), "growth=0.5 must be"),
    "restarts twice": (lambda: cycles.restarts(1, total=9, cycles=2, period=3), "pass one of them"),
    "restarts none": (lambda: cycles.restarts(1, total=9, cycles=0), "cycles=0 must be an int from 1 to 9"),
    "restarts too many": (lambda: cycles.restarts(1, total=9, cycles=10), "cycles=10 must be an int from 1 to 9"),
    "restarts period 0": (lambda: cycles.restarts(1, total=9, period=0), "period=0 must be at least 1"),
    "restarts under the floor": (lambda: cycles.restarts(1, total=9, shrink=0.1, floor=0.2), "under the floor 0.2"),
    "one-cycle convention": (
        lambda: one_cycle.one_cycle(1, total=9, convention="keras"), "convention='keras' is unknown",
    ),
    "one-cycle shape": (
        lambda: one_cycle.one_cycle(1, total=9, convention="torch", shape="rex"), 'use "cosine" or "linear"',
    ),
    "one-cycle three phases of fastai": (
        lambda: one_cycle.one_cycle(1, total=9, convention="fastai", three_phase=True), "not one of fastai",
    ),
    "one-cycle too long": (lambda: one_cycle.one_cycle(1, total=9, warmup=5, three_phase=True), "5 updates, 2 times"),
    "one-cycle of torch too short": (lambda: one_cycle.one_cycle(1, total=3, convention="torch"), "do not rise"),
    "one-cycle floor over start": (
        lambda: one_cycle.one_cycle(1, total=9, three_phase=True, floor=0.5), "floor=0.5 is above start=0.04",
    ),
    "momentum upside down": (lambda: one_cycle.one_cycle_momentum(0.8, low=0.9, total=9), "above the peak 0.8"),
    "untuned kind": (lambda: warmups.untuned_warmup(kind="cubic"), "kind='cubic' is unknown"),
    "untuned beta": (lambda: warmups.untuned_warmup(1.0), r"beta2=1.0 must lie in \(0, 1\)"),
    "radam until": (lambda: warmups.radam_warmup(until=1.0), "until=1.0 must lie in"),
    "a phase and a start": (
        lambda: decays.cosine(1, total=9, warmup=ramp(0, 1, 3), start=0.5), "leave start= and warmup_shape= out",
    ),
    "start above 1": (lambda: decays.cosine(1, total=9, warmup=3, start=1.5), "start=1.5 is a factor of the peak"),
    "warmup shape": (lambda: decays.cosine(1, total=9, warmup=3, warmup_shape="sqrt"), "two meanings"),
    "no points": (lambda: given.from_points([]), "is empty"),
    "one point": (lambda: given.from_points([(0, 1.0)]), "one point at step 0 is no table"),
    "points unsorted": (lambda: given.from_points([(0, 1.0), (9, 0.5), (5, 0.1)]), "must rise from 0"),
    "points that start late": (lambda: given.from_points([(3, 1.0), (9, 0.5)]), "must rise from 0"),
    "points extrapolated": (lambda: given.from_points([(0, 1.0), (9, 0.5)], total=20), "never extrapolated"),
    "points negative": (lambda: given.from_points([(0, 1.0), (9, -0.5)]), r"points\[1\]=-0.5 must be a rate"),
    "points nan": (lambda: given.from_points([(0, math.nan), (9, 0.5)]), r"points\[0\]=nan must be finite"),
    "points interpolation": (lambda: given.from_points([(0, 1), (9, 2)], interpolation="cubic"), "is unknown"),
    "nameless function": (lambda: given.from_function(1, lambda _: 0.5), "has no name to import it by"),
    "missing function": (lambda: given.from_function(1, "math:nothing"), "cannot be imported"),
    "missing module": (lambda: given.from_function(1, "no_such_module_here:f"), "cannot be imported"),
    "no function": (lambda: given.from_function(1, "math:pi"), "is a float: it must be a function"),
    "value of a function": (lambda: given.from_function(1, "math:exp", total=9)(3), "returned 20.08.* at step 3"),
    "opposite of a geometric fall": (
        lambda: fields.opposite(decays.exponential(1, total=9)), "shape='exponential' has no opposite",
    ),
    "back without an end": (lambda: frame.frame(1, total=None, open_end=True).ending(3, "decay"), "pass total="),
}  # fmt: skip


@pytest.mark.parametrize(("call", "sentence"), BAD_CALLS.values(), ids=BAD_CALLS)
def test_a_bad_argument_is_one_clear_sentence(call, sentence):
    with pytest.raises(ArgumentError, match=sentence) as caught:
        call()
    text = str(caught.value)
    assert isinstance(caught.value, (SurefootError, ValueError))
    assert text.endswith(".")
    assert len(text) < 400
    assert "\n" not in text
