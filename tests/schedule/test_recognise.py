"""recognise: logs made from known schedules, dense, rounded, sparse and cut off, give them back."""

import numpy as np
import pytest

from surefoot.errors import ArgumentError
from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import hold, ramp
from surefoot.schedule.recipes.cycles import cyclic, restarts
from surefoot.schedule.recipes.decays import cosine, one_minus_sqrt
from surefoot.schedule.recipes.long import infinite, wsd
from surefoot.schedule.recipes.one_cycle import one_cycle
from surefoot.schedule.recipes.stairs import step_decay
from surefoot.schedule.recognition.legs import Log, fitted
from surefoot.schedule.recognition.recognising import recognise

PEAK = 3e-4
W = ramp(0, 1, 50)
PLANS = {
    "constant": (hold(500),),
    "linear": (ramp(1, 0, 500),),
    "cosine": (ramp(1, 0, 1000, "cosine"),),
    "1-sqrt": (ramp(1, 0, 1000, "1-sqrt"),),
    "exponential": (ramp(1, 0.01, 1000, "exponential"),),
    "warmup + constant": (W, hold(450)),
    "warmup + linear": (W, ramp(1, 0, 450)),
    "warmup + cosine": (W, ramp(1, 0.1, 950, "cosine")),
    "warmup + polynomial": (W, ramp(1, 0, 950, "polynomial", power=2.0)),
    "warmup + inverse-sqrt": (W, ramp(1, 0, 950, "inverse-sqrt", timescale=50)),
    "wsd": (W, hold(750), ramp(1, 0, 200, "1-sqrt")),
    "step": (hold(300), hold(300, 0.1), hold(300, 0.01), hold(100, 0.001)),
    "one-cycle": (ramp(0.04, 1, 300, "cosine"), ramp(1, 0.004, 700, "cosine")),
    "restarts": tuple(ramp(1, 0, 200, "cosine") for _ in range(4)),
    "warmup + restarts": (W, ramp(1, 0.1, 100, "cosine"), ramp(0.8, 0.1, 200, "cosine")),
    "cyclic": (ramp(0.1, 1, 100), ramp(1, 0.1, 100)) * 3,
    "warmup + decays": (W, ramp(1, 0.5, 300, "cosine"), hold(400, 0.5), ramp(0.5, 0.05, 200, "exponential")),
}


def made(name):
    return Schedule(PEAK, PLANS[name])


def agrees(found, schedule):
    return np.allclose(found.schedule.array(0, schedule.total), schedule.array(), rtol=2e-3, atol=1e-3 * PEAK)


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("text", [None, "float32", "6 digits"])
def test_a_full_log_gives_its_schedule_back(name, text):
    schedule = made(name)
    rates = schedule.array()
    if text == "float32":
        rates = rates.astype(np.float32)
    elif text:
        rates = [float(f"{rate:.6g}") for rate in rates]
    found = recognise(rates)
    assert found.recipe == name
    assert found.schedule.total == schedule.total
    assert found.schedule.peak == PEAK
    assert found.complete
    assert agrees(found, schedule)
    assert found.error < (1e-12 if text is None else 2e-5)


def test_the_plan_itself_comes_back_from_a_full_log():
    for name in ("linear", "cosine", "warmup + linear", "warmup + cosine", "wsd", "step", "restarts"):
        assert recognise(made(name).array()).schedule == made(name)


@pytest.mark.parametrize("name", ["warmup + linear", "warmup + cosine", "wsd", "cosine", "warmup + inverse-sqrt"])
@pytest.mark.parametrize(("first", "every"), [(9, 10), (10, 10), (0, 50)])
def test_a_sparse_log_is_enough(name, first, every):
    schedule = made(name)
    steps = np.arange(first, schedule.total + 1, every)
    found = recognise([schedule(int(t)) for t in steps], steps)
    assert found.recipe == name
    assert found.error < 2e-4
    assert agrees(found, schedule)


def test_a_peak_between_two_samples_is_found():
    schedule = Schedule(PEAK, (ramp(0, 1, 123), ramp(1, 0, 877, "cosine")))
    steps = np.arange(10, 1000, 10)
    found = recognise([schedule(int(t)) for t in steps], steps)
    assert found.schedule.peak == pytest.approx(PEAK, rel=1e-4)
    assert found.schedule.total == 1000


@pytest.mark.parametrize("name", ["linear", "cosine", "warmup + linear", "warmup + polynomial", "one-cycle"])
@pytest.mark.parametrize("every", [1, 10])
def test_of_a_log_cut_off_the_total_is_estimated(name, every):
    schedule = made(name)
    steps = np.arange(0, int(0.6 * schedule.total), every)
    found = recognise([schedule(int(t)) for t in steps], steps)
    assert found.recipe == name
    assert not found.complete
    assert "the total is an estimate" in found.why
    assert found.schedule.total == pytest.approx(schedule.total, abs=2)


def test_a_warmup_that_counts_from_one_is_a_ramp_that_starts_higher():
    rates = [PEAK * (t + 1) / 50 for t in range(50)] + list(PEAK * (1 - np.arange(50) / 50))
    found = recognise(rates)
    assert found.recipe in {"wsd", "warmup + linear"}
    np.testing.assert_allclose(found.schedule.array(0, 100), rates, rtol=1e-9, atol=1e-12)


def test_what_no_recipe_fits_becomes_a_table_within_the_tolerance():
    t = np.arange(400)
    rates = PEAK * (1.2 + np.sin(t / 20) * np.cos(t / 7)) / 2.2
    found = recognise(rates)
    assert found.recipe == "table"
    assert found.error < 2e-4
    np.testing.assert_allclose(found.schedule.array(0, 400), rates, rtol=2e-4)


def test_values_that_are_missing_are_left_out():
    rates = list(made("cosine").array())
    rates[5] = None
    rates[7] = float("nan")
    assert recognise(rates).recipe == "cosine"


def test_one_value_is_a_constant():
    found = recognise([0.1])
    assert (found.recipe, found.schedule) == ("constant", Schedule(0.1, (hold(1),)))


@pytest.mark.parametrize(
    ("rates", "steps", "sentence"),
    [
        ([], None, "lrs holds no numbers"),
        ([float("nan")] * 3, None, "lrs holds no numbers"),
        ([None, None], None, "lrs holds no numbers"),
        ([0.0] * 4, None, "lrs is 0 throughout"),
        ([0.1, -0.1], None, "a rate must be >= 0"),
        ([0.1, 0.2], [0], "give one step to each rate"),
        ([0.1, 0.2], [1, 1], "each above the one before"),
        ([0.1, 0.2], [-1, 1], "whole numbers of updates >= 0"),
        ([0.1, 0.2], [0.5, 1], "whole numbers of updates >= 0"),
        (["a"], None, "must be columns of numbers"),
    ],
)
def test_a_column_that_is_no_schedule_is_refused_with_a_sentence(rates, steps, sentence):
    with pytest.raises(ArgumentError) as refusal:
        recognise(rates, steps)
    assert sentence in str(refusal.value)


RECIPES = {
    "warmup + step": step_decay(PEAK, total=1000, warmup=50),
    "step": step_decay(PEAK, total=1000),
    "warmup + decays": infinite(PEAK, total=1000, warmup=50),
    "decays": infinite(PEAK, total=1000),
    "one-cycle": one_cycle(PEAK, total=1000, three_phase=True),
    "cyclic": cyclic(PEAK, total=1000, rise=50, floor=0.1, mode="triangular2"),
    "restarts": restarts(PEAK, total=1000),
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_whole_column_of_a_recipe_gets_its_name(recipe):
    found = recognise(RECIPES[recipe].array())
    assert (found.recipe, found.complete, found.schedule.total) == (recipe, True, 1000)
    np.testing.assert_allclose(found.schedule.array(), RECIPES[recipe].array(), rtol=1e-9, atol=1e-12 * PEAK)


def test_one_cycle_in_three_phases_of_torch_is_one_cycle():
    schedule = one_cycle(PEAK, total=1000, three_phase=True, convention="torch")
    assert recognise(schedule.array()).recipe == "one-cycle"


@pytest.mark.parametrize(
    ("recipe", "schedule"),
    [
        ("1-sqrt", one_minus_sqrt(PEAK, total=1000)),
        ("one-cycle", one_cycle(PEAK, total=1000)),
        ("one-cycle", one_cycle(PEAK, total=1000, three_phase=True)),
        ("restarts", restarts(PEAK, total=1000)),
        ("restarts", restarts(PEAK, total=1000, period=60, growth=1.0)),
        ("decays", infinite(PEAK, total=1000)),
        ("wsd", wsd(PEAK, total=1000, warmup=50)),
        ("warmup + cosine", cosine(PEAK, total=1000, warmup=50)),
        ("cyclic", cyclic(PEAK, total=1000, rise=50, floor=0.1, mode="triangular2")),
    ],
)
def test_a_column_that_counts_updates_from_one_gets_its_name(recipe, schedule):
    rates = schedule.array(1, 1001)
    found = recognise(rates)
    assert (found.recipe, found.complete, found.schedule.total) == (recipe, True, 1000)
    np.testing.assert_allclose(found.schedule.array(), rates, rtol=1e-9, atol=1e-9 * PEAK)


@pytest.mark.parametrize("mode", ["triangular", "triangular2"])
@pytest.mark.parametrize(("first", "every"), [(9, 10), (0, 7), (5, 3)])
def test_sparse_cycles_are_cycles(mode, first, every):
    schedule = cyclic(PEAK, total=1000, rise=50, floor=0.1, mode=mode)
    steps = np.arange(first, 1000, every)
    found = recognise(schedule.array()[steps], steps)
    assert found.recipe == "cyclic"
    last = int(steps[-1]) + 1
    assert found.schedule == cyclic(PEAK, total=last, rise=50, floor=0.1, mode=mode)


def test_sparse_equal_restarts_are_restarts():
    schedule = restarts(PEAK, total=1000, period=50, growth=1.0)
    steps = np.arange(9, 1000, 10)
    assert recognise(schedule.array()[steps], steps).schedule == schedule


def test_a_log_may_only_cost_so_many_searches():
    t = np.arange(0.0, 600.0, 10.0)
    log = Log(t, 1 - (t / 610) ** 3 * 0.9, 0.0, 2e-4)
    assert fitted(log.working(0), (0.0,), (600.0,), None) is None
    curved = Log(t, 0.5 * (1 + np.cos(np.pi * t / 777)), 0.0, 2e-4)
    assert fitted(curved.working(0), (0.0,), (590.0,), None) is None
    whole = curved.working(100)
    assert fitted(whole, (0.0,), (590.0,), None).end == 777
    assert 0 <= whole.work.left < 100
    parts = whole.cut(0, 30), whole.thinned()
    assert {part.work.left for part in parts} == {whole.work.left}
