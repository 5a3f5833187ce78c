from __future__ import annotations

import math
import os
import signal

import pytest

import surefoot as sf
from surefoot.curve import Peak
from surefoot.errors import ArgumentError
from surefoot.schedule.core import Schedule
from surefoot.search.knobs import SHARE
from surefoot.search.tuning import tune

BEST = 0.05


def decayed(schedule, weight_decay=0.0, seed=0):
    """A bowl in the rate whose loss is lowest where weight_decay * total = 30, whatever the rate and the length."""
    x = 1.0
    for _step in range(schedule.total):
        x -= schedule(_step) * 4 * x
        off = math.log10(max(weight_decay, 1e-6) * schedule.total / 30)
        yield sf.Reading(_step, 1 + x * x + 0.01 * seed, val_loss=1 + x * x + 0.1 * off**2 * (1 - x * x))


def pushed(schedule, momentum=0.0):
    """A bowl that moves by lr / (1 - momentum) and ends lowest at a momentum of 0.9."""
    x = 1.0
    for step in range(schedule.total):
        x -= schedule(step) / (1 - momentum) * 4 * x
        yield sf.Reading(step, 1 + x * x, val_loss=1 + x * x + 0.3 * abs(momentum - 0.9) * (1 - x * x))


def counted(task, counts):
    def run(schedule, **knobs):
        for value in task(schedule, **knobs):
            counts["updates"] += 1
            yield value

    return run


@pytest.mark.parametrize("budget", [0.5, 1.0, 3.0])
def test_the_weight_decay_is_chosen_whose_timescale_fits_the_full_run(budget):
    counts = {"updates": 0}

    def task(schedule, weight_decay):
        yield from counted(decayed, counts)(schedule, weight_decay=weight_decay)

    peak = tune(task, total=600, budget=budget, second={"weight_decay": (0.0005, 0.005, 0.05, 0.5)})
    assert peak.knobs == {"weight_decay": BEST}
    assert "weight_decay 0.05 of 0.0005, 0.005, 0.05, 0.5 was best" in peak.why
    assert counts["updates"] == peak.cost_steps <= budget * 600
    assert 0 < peak.lr < 0.5


def test_the_product_with_the_rate_is_held_while_the_rate_varies():
    seen = []

    def task(schedule, weight_decay):
        seen.append((schedule.total, schedule.peak, weight_decay))
        yield from decayed(schedule, weight_decay)

    peak = tune(task, total=600, budget=1.0, second={"weight_decay": (0.05, 0.5)})
    length, _, _ = seen[-1]
    last = [one for one in seen if one[0] == length][-4:]
    assert [rate * decay * length / 600 for _, rate, decay in last[1:]] == pytest.approx(
        [last[0][1] * 0.5, last[0][1] * 0.05, last[0][1] * 0.05]
    )
    assert [rate / last[0][1] for _, rate, _ in last] == pytest.approx([1, 1, 2**-0.8, 2**0.8])
    assert peak.curve.trials[-1].stage == "weight_decay=0.05"


def test_momentum_is_compared_at_one_effective_rate():
    peak = tune(pushed, total=600, budget=1.0, second={"momentum": (0.0, 0.5, 0.9)})
    assert peak.knobs == {"momentum": 0.9}
    assert "at the end of the values given" in peak.why
    rates = [trial.lr for trial in peak.curve.trials if trial.stage.startswith("momentum")]
    assert [rate / rates[1] for rate in rates[:3]] == pytest.approx([2.0, 1.0, 0.2])
    assert peak.lr < 0.1 / 4 * 2


def test_warmup_goes_to_the_recipe_and_shrinks_with_the_run():
    def task(schedule):
        rates = schedule.array()
        warm = int((rates < rates.max() * 0.999).argmin())
        for step in range(schedule.total):
            octaves = math.log2(schedule.peak / 0.1)
            off = abs(warm / schedule.total - 0.1)
            yield 5.0 if step == 0 else 1 + 0.02 * min(abs(octaves), 6) + off

    peak = tune(task, total=1000, budget=1.0, second={"warmup": (0, 100, 400)})
    assert peak.knobs == {"warmup": 100}
    own = tune(
        task,
        total=1000,
        second={"warmup": (0, 100, 400)},
        recipe=lambda peak, total, warmup=0: sf.linear(peak, total=total, warmup=warmup),
    )
    assert own.knobs == {"warmup": 100}
    assert isinstance(own, Peak)


def test_no_other_value_is_taken_where_it_makes_no_difference():
    def task(schedule, beta1=0.9):
        yield from (x for x in bowl(schedule) if beta1 < 1)

    peak = tune(task, total=600, second={"beta1": (0.8, 0.9, 0.95)})
    assert peak.knobs == {"beta1": 0.9}
    assert "stays: no other is clearly better" in peak.why


def bowl(schedule):
    x = 1.0
    for step in range(schedule.total):
        x -= schedule(step) * 4 * x
        yield x * x


def test_a_budget_that_is_too_small_says_so():
    peak = tune(
        lambda schedule, beta1: (x + 0 * beta1 for x in bowl(schedule)),
        total=300,
        budget=0.12,
        second={"beta1": (0.8, 0.9)},
    )
    assert peak.knobs == {"beta1": 0.8}
    assert "The budget is too small to choose beta1, which stays at 0.8." in peak.why
    assert peak.cost_steps <= 0.12 * (1 - SHARE) * 300


def test_the_choice_resumes_from_its_journal_and_comes_back_from_json(tmp_path):
    path = tmp_path / "j.jsonl"
    second = {"weight_decay": (0.005, 0.05)}
    first = tune(decayed, total=600, second=second, journal=path)
    lines = path.read_bytes().splitlines(keepends=True)
    again = tune(decayed, total=600, second=second, journal=path)
    assert path.read_bytes().splitlines(keepends=True) == lines
    assert (again.lr, again.knobs, again.why, again.cost_steps) == (first.lr, first.knobs, first.why, first.cost_steps)
    assert Peak.from_json(first.to_json()).knobs == first.knobs
    assert hash(first) == hash(first)


@pytest.mark.parametrize("at", [20, -30])
def test_ctrl_c_keeps_what_was_found(at):
    whole = tune(decayed, total=600, second={"weight_decay": (0.005, 0.05)})
    stop = at if at > 0 else whole.cost_steps + at
    done = {"updates": 0}

    def task(schedule, weight_decay=0.0):
        for value in decayed(schedule, weight_decay):
            done["updates"] += 1
            if done["updates"] == stop:
                os.kill(os.getpid(), signal.SIGINT)
            yield value

    peak = tune(task, total=600, second={"weight_decay": (0.005, 0.05)})
    assert peak.curve.interrupted
    assert peak.cost_steps < whole.cost_steps
    assert peak.total == 600
    assert list(peak.knobs) == ["weight_decay"]


def plain(peak, total):
    return sf.constant(peak, total=total)


BAD = [
    ({"second": {}}, "must name one knob and its values"),
    ({"second": {"a": (1, 2), "b": (1, 2)}}, "must name one knob and its values"),
    ({"second": 3}, "second=3 must name one knob"),
    ({"second": {"weight_decay": (0.1,)}}, "must be two finite numbers"),
    ({"second": {"weight_decay": (0.1, math.nan)}}, "must be two finite numbers"),
    ({"second": {"weight_decay": 3}}, "must be two finite numbers"),
    ({"second": {"momentum": (0.9, 1.0)}}, "must be below 1"),
    ({"second": {"width": (1, 2)}}, "names 'width', which decayed does not take"),
    ({"second": {"weight_decay": (1, 2)}, "knobs": {"weight_decay": 1}}, "which knobs sets already"),
    ({"second": {"warmup": (1, 2)}, "recipe": plain}, "neither decayed nor recipe=plain takes"),
]


@pytest.mark.parametrize(("arguments", "sentence"), BAD)
def test_bad_knobs_are_named(arguments, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        tune(decayed, total=600, **arguments)


def test_a_recipe_with_a_warmup_of_its_own_makes_a_schedule():
    def recipe(peak, total, warmup):
        return sf.cosine(peak, total=total, warmup=warmup)

    def narrow(peak, total, warmup=1):
        return recipe(peak, total, warmup)

    assert isinstance(narrow(1.0, 10), Schedule)
    assert tune(bowl, total=300, recipe=narrow, second={"warmup": (1, 30)}).lr > 0
