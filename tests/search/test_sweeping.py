from __future__ import annotations

import inspect
import math
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import surefoot as sf
from surefoot.curve import Curve
from surefoot.curve.surface import Surface
from surefoot.errors import ArgumentError, JournalError
from surefoot.laws.sweeps import Sweeps
from surefoot.schedule.core import Schedule
from surefoot.search.refining import Adaptive
from surefoot.search.sweeping import sweep


def valley(schedule, width=64, batch=1, seed=0):
    """Ends at a loss that is lowest at lr = 6.4 / width * sqrt(batch), under any seed."""
    for step in range(schedule.total):
        octaves = math.log2(schedule.peak * width / 6.4 / math.sqrt(batch))
        yield 5.0 if step == 0 else 1.0 + 0.05 * min(octaves, 6) ** 2 + 0.01 * seed


def two(schedule, muon_lr=1.0):
    """Lowest at lr = 0.1 and muon_lr = 0.01, which depend on one another."""
    second = muon_lr.peak if isinstance(muon_lr, Schedule) else muon_lr
    a, b = math.log10(schedule.peak / 0.1), math.log10(second / 0.01)
    for step in range(schedule.total):
        yield 9.0 if step == 0 else 1.0 + a * a + b * b + 0.5 * a * b


def bare(found):
    """What was found, without the time it took."""
    curves = [found] if isinstance(found, Curve) else list(found.values())
    return [[replace(trial, seconds=0.0) for trial in curve.trials] for curve in curves]


RATES = [10 ** (k / 2 - 4) for k in range(9)]


@given(st.floats(-8, 3), st.integers(6, 30))
def test_adaptive_rates_close_in_on_a_valley_wherever_it_is(place, count):
    chosen = Adaptive(count, 1e-5, 1.0, 1e-9, 1e4)
    losses: dict[float, float] = {}
    rates = chosen.first()
    while rates:
        assert not set(rates) & set(losses)
        losses |= {lr: (math.log10(lr) - place) ** 2 for lr in rates}
        rates = chosen.next(losses)
    assert len(losses) <= count
    best = min(losses, key=lambda lr: losses[lr])
    nearest = abs(math.log10(best) - place)
    outside = max(-5 - place, place - 0, 0)
    needed = 6 + math.ceil(outside) + 2 * math.ceil(math.log2(1 / 0.09))
    if count >= needed:
        assert nearest < 0.09


def test_where_everything_fails_lower_rates_are_tried():
    chosen = Adaptive(8, 1e-5, 1.0, 1e-9, 1e4)
    assert chosen.next(dict.fromkeys(chosen.first(), math.inf)) == pytest.approx([1e-6])
    bounded = Adaptive(8, 1e-5, 1.0, 1e-5, 1.0)
    assert bounded.next(dict.fromkeys(bounded.first(), math.inf)) == []


def test_a_sweep_chooses_its_rates_and_finds_the_best():
    curve = sweep(valley, total=4)
    assert len(curve.by_rate()) == 12
    assert abs(math.log2(curve.best.lr / 0.1)) < 0.5
    fine = sweep(valley, 30, total=4, seeds=2, low=1e-3, high=1.0)
    assert abs(math.log2(fine.best.lr / 0.1)) < 0.15
    assert all(1e-3 <= lr <= 1.0 for lr in fine.by_rate())
    assert {trial.seed for trial in fine.trials} == {0, 1}


@pytest.mark.parametrize("lrs", [None, 9, RATES])
@pytest.mark.parametrize("scale", [None, {"width": [32, 64]}])
def test_a_journaled_sweep_resumes_to_the_same_answer_without_running_again(tmp_path, lrs, scale):
    runs = []

    def task(schedule, width=64):
        runs.append(schedule.peak)
        yield from valley(schedule, width)

    path = tmp_path / "j.jsonl"
    first = sweep(task, lrs, total=3, scale=scale, journal=path)
    count = len(runs)
    assert sweep(task, lrs, total=3, scale=scale, journal=path) == first
    assert len(runs) == count
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: len(lines) // 2]))
    again = sweep(task, lrs, total=3, scale=scale, journal=path)
    assert bare(again) == bare(first)
    assert len(runs) == count + len(lines) - len(lines) // 2
    with pytest.raises(JournalError, match="another search"):
        sweep(task, [0.5], total=3, scale=scale, journal=path)


def test_scales_are_curves_that_a_law_is_fitted_on():
    sweeps = sweep(valley, [2.0**-k for k in range(1, 12)], total=5, scale={"width": [32, 64, 128, 256]}, seeds=3)
    assert isinstance(sweeps, Sweeps)
    assert [scale.width for scale in sweeps] == [32, 64, 128, 256]
    assert sf.fit_law(sweeps).rate.slopes[0] == pytest.approx(-1.0, abs=0.02)
    assert [one.lr * one.at("width") for one in sweeps.optima] == pytest.approx([6.4] * 4, rel=0.05)
    for one in sweeps.optima:
        assert one.low < one.lr < one.high
    curve = sweeps[sf.Scale(width=64, steps=5)]
    assert abs(math.log2(curve.best.lr / 0.1)) <= 0.5
    assert len(curve.trials) == 33
    assert curve.start_loss == 5.0
    assert sweeps.cost_steps == 4 * 33 * 5


def test_the_transfer_plot_draws_every_optimum_with_its_interval():
    sweeps = sweep(valley, [2.0**-k for k in range(1, 12)], total=5, scale={"width": [32, 64, 128]})
    chart = sweeps.chart()
    points = next(series for series in chart.series if series.kind == "points")
    assert points.x == (32, 64, 128)
    assert chart.x.label == "width"
    assert len([series for series in chart.series if series.kind == "line"]) == 4
    assert sweeps._repr_html_().startswith("<svg")
    with pytest.raises(ArgumentError, match="quantity='depth' must be one that every scale has: width"):
        sweeps.chart("depth")


def test_scales_over_two_quantities_draw_a_line_for_each_of_the_other():
    sweeps = sweep(valley, [2.0**-k for k in range(12)], total=5, scale={"width": [32, 64], "batch": [1, 4]})
    assert len(sweeps) == 4
    with pytest.raises(ArgumentError, match="quantity is needed"):
        sweeps.chart()
    labels = [series.label for series in sweeps.chart("width").series if series.kind == "points"]
    assert sorted(labels) == ["batch 1", "batch 4"]


def test_a_rate_at_the_edge_is_drawn_as_not_bracketed():
    sweeps = sweep(valley, [0.2, 0.4, 0.8, 1.6], total=5, scale={"width": [32, 128]})
    assert [one.status for one in sweeps.optima] == ["low", "low"] or "low" in {one.status for one in sweeps.optima}
    assert any(series.marker == "cross" for series in sweeps.chart().series)


def test_the_length_of_the_run_is_a_scale_too():
    lengths = []

    def task(schedule, width=64):
        lengths.append(schedule.total)
        yield from valley(schedule, width)

    sweeps = sweep(task, RATES, scale={"total": [4, 8]})
    assert sorted(set(lengths)) == [4, 8]
    assert [scale.steps for scale in sweeps] == [4, 8]
    assert sweeps.chart().x.label == "steps of the run"
    given = sweep(task, RATES, scale=[sf.Scale(width=32, steps=6), sf.Scale(width=64, batch=10, samples=120)])
    assert [{trial.total for trial in curve.trials} for curve in given.values()] == [{6}, {12}]


def test_scales_give_whole_numbers_to_the_task():
    seen = []

    def task(schedule, width=64, optimizer=""):
        seen.append((width, optimizer))
        yield from valley(schedule, width)

    sweep(task, [0.1], total=3, scale=[sf.Scale(width=32, params=1e6, optimizer="sgd"), sf.Scale(width=64)])
    assert seen == [(32, "sgd"), (64, "")]
    assert isinstance(seen[0][0], int)


@pytest.mark.parametrize("second", ["rate", "schedule"])
@pytest.mark.parametrize("by", ["grid", "coordinate"])
def test_two_rates_at_once_find_the_best_pair(by, second):
    lrs = {"lr": RATES, "muon_lr": [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0]}
    surface = sweep(two, lrs, total=3, by=by, second=second)
    assert isinstance(surface, Surface)
    assert (surface.best.lr, surface.best.other) == (pytest.approx(0.1), 1e-2)
    assert surface.names == ("lr", "muon_lr")
    assert len(surface.trials) == 54 if by == "grid" else len(surface.trials) < 40
    assert len({(t.stage, t.lr) for t in surface.trials}) == len(surface.trials)
    assert [pair.other for pair in surface.along()] == [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0]
    assert surface._repr_html_().startswith("<svg")


def test_the_best_first_rate_follows_the_second():
    surface = sweep(two, {"lr": RATES, "muon_lr": [1e-4, 1.0]}, total=3)
    low, high = surface.along()
    assert low.lr > high.lr
    assert surface.curve(1.0).best.lr == high.lr
    with pytest.raises(ArgumentError, match=r"other=2\.0 was not run: muon_lr was 0\.0001, 1"):
        surface.curve(2.0)


def test_a_surface_resumes_and_runs_on_an_executor(tmp_path):
    lrs = {"lr": RATES, "muon_lr": [1e-3, 1e-2, 1e-1]}
    path = tmp_path / "j.jsonl"
    first = sweep(two, lrs, total=3, journal=path, by="coordinate")
    assert sweep(two, lrs, total=3, journal=path, by="coordinate") == first
    with ThreadPoolExecutor(2) as executor:
        there = sweep(two, lrs, total=3, executor=executor, by="coordinate")
    assert there.by_rates() == first.by_rates()


def test_ctrl_c_returns_the_curves_so_far():
    runs = []

    def task(schedule, width=64):
        runs.append(width)
        if len(runs) == 12:
            os.kill(os.getpid(), signal.SIGINT)
        yield from valley(schedule, width)

    sweeps = sweep(task, RATES, total=3, scale={"width": [32, 64]})
    assert sweeps.interrupted
    assert [len(curve.trials) for curve in sweeps.values()] == [9, 2]
    runs.clear()
    assert sweep(task, 30, total=3).interrupted
    runs.clear()

    def second(schedule, muon_lr):
        yield from task(schedule, muon_lr)

    surface = sweep(second, {"lr": RATES, "muon_lr": [1.0, 2.0]}, total=3)
    assert surface.interrupted
    assert len(surface.trials) == 11


BAD = [
    ({"lrs": 2}, "lrs=2 must be an int >= 3"),
    ({"lrs": RATES, "low": 0.1}, "low and high bound the rates that are chosen"),
    ({"seeds": []}, r"seeds=\[\] is empty"),
    ({"seeds": 0}, "seeds=0 must be an int >= 1"),
    ({"scale": {}}, r"scale=\{\} is empty"),
    ({"scale": {"width": []}}, r"scale\['width'\] is empty"),
    ({"scale": {"width": 3}}, r"scale\['width'\]=3 must be values"),
    ({"scale": {"hidden": [3]}}, "scale names 'hidden'"),
    ({"scale": {"depth": [3]}}, "names 'depth', which valley does not take"),
    ({"scale": 3}, "scale=3 must be values by name"),
    ({"scale": []}, r"scale=\[\] must hold sf.Scales"),
    ({"scale": [sf.Scale(params=1e6), sf.Scale(params=1e7)]}, "valley cannot tell apart"),
    ({"scale": {"width": [3]}, "total": None}, "total is missing"),
    ({"scale": {"width": [64, 64]}}, "is given twice"),
    ({"lrs": {"lr": RATES}}, "lrs names 'lr': name two rates"),
    ({"lrs": {"a": RATES, "b": RATES}}, "lrs names 'a', 'b': name two rates"),
    ({"lrs": {"lr": RATES, "muon": RATES}}, "names 'muon', which valley does not take"),
    ({"lrs": {"lr": RATES, "width": []}}, r"lrs\['width'\]=\[\] is empty"),
    ({"lrs": {"lr": RATES, "width": [1.0]}, "knobs": {"width": 2}}, "lrs names 'width', which knobs sets already"),
    ({"lrs": {"lr": RATES, "width": [1.0]}, "low": 0.1}, "goes without scale, low and high"),
    ({"by": "coordinate"}, "by and second are for two rates"),
    ({"by": "guess"}, "by='guess' must be 'grid' or 'coordinate'"),
]


@pytest.mark.parametrize(("arguments", "sentence"), BAD)
def test_bad_arguments_are_named(arguments, sentence):
    with pytest.raises(ArgumentError, match=sentence):
        sweep(valley, **({"total": 3} | arguments))


def test_a_surface_of_failures_has_no_best_and_no_picture():
    def task(schedule, second):
        for step in range(schedule.total):
            yield math.nan if step else second

    surface = sweep(task, {"lr": [0.1], "second": [1.0]}, total=3)
    assert surface.best is None
    assert surface.along() == ()
    assert surface._repr_html_() is None


def test_a_sweep_without_scale_is_a_curve_as_before():
    curve = sweep(valley, RATES, total=3, seeds=2)
    assert isinstance(curve, Curve)
    assert {trial.stage for trial in curve.trials} == {"sweep"}
    assert {"task", "lrs", "total", "recipe", "seeds", "executor", "journal"} <= set(
        inspect.signature(sweep).parameters
    )
    assert np.isfinite(list(curve.by_rate().values())).all()
