from __future__ import annotations

import math
from dataclasses import replace

import pytest

from surefoot.chart.curves import curve_chart
from surefoot.chart.nouns import schedule_chart
from surefoot.chart.numbers import drawn_steps, rate_text, smoothed
from surefoot.chart.runs import losses_chart, rates_chart
from surefoot.curve import Curve
from surefoot.errors import ArgumentError
from surefoot.history.columns import History
from surefoot.report.terminal import plot
from surefoot.rules import suggestions
from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import hold, ramp
from surefoot.svg import svg
from surefoot.trial import Trial


def test_a_schedule_is_drawn_through_every_corner_by_its_own_values(examples):
    chart = schedule_chart(examples.schedule)
    (rate,) = chart.series
    assert {0.0, 99.0, 100.0, 799.0, 800.0, 999.0} <= set(rate.x)
    assert list(rate.y) == [examples.schedule(int(step)) for step in rate.x]
    assert len(rate.x) < 420


def test_an_open_schedule_is_drawn_past_its_last_corner_or_as_far_as_asked():
    schedule = Schedule(1e-3, (ramp(0, 1, 500), hold(None)))
    assert schedule_chart(schedule).x.high == 2000
    assert schedule_chart(schedule, stop=50).x.high == 50
    with pytest.raises(ArgumentError, match="stop=0 must be at least 1"):
        schedule_chart(schedule, stop=0)


def test_drawn_steps_of_a_short_run_are_all_of_them():
    assert drawn_steps(5, ()) == (0, 1, 2, 3, 4)


def test_a_peak_shows_its_range_edge_and_rate(examples):
    chart = curve_chart(examples.peak)
    by_label = {mark.label: mark for mark in chart.marks}
    assert by_label["peak 4e-3"].x == 4e-3
    assert by_label["edge 0.1"].x == 0.1
    (region,) = [mark for mark in chart.marks if mark.kind == "region"]
    assert (region.x, region.end) == (2e-3, 7e-3)
    assert chart.x.log
    assert "4e-3" in chart.description


def test_what_was_measured_of_the_curvature_is_marked_beside_the_peak_and_the_edge(examples):
    measured = {"curvature_edge": 0.02, "headroom_edge": 0.9, "noise_scale": 300.0}
    plain, chart = curve_chart(examples.peak), curve_chart(replace(examples.peak, evidence=measured))
    marks = {mark.label: mark for mark in chart.marks}
    assert marks["curvature edge 0.02"].x == 0.02
    assert marks["headroom 0.9"].x == 0.9
    assert {mark.label for mark in plain.marks} == set(marks) - {"curvature edge 0.02", "headroom 0.9"}
    # The picture is widened for a mark outside the rates that ran, but not by more than a decade.
    assert plain.x.high < 0.9 < chart.x.high < 2.0
    assert "The curvature edge lies at 0.02." in chart.description
    far = curve_chart(replace(examples.peak, evidence={"curvature_edge": 1e-9}))
    assert far.x == plain.x
    assert far.marks == plain.marks
    assert "The curvature edge lies at 1e-9." in far.description
    for drawn in (plot(chart, 100).plain, svg(chart)):
        assert "curvature edge 0.02" in drawn


def test_trials_are_told_apart_by_stage_and_the_diverged_are_crosses_inside_the_plot(examples):
    chart = curve_chart(examples.curve)
    labels = [series.label for series in chart.series]
    assert labels == ["range test, smoothed", "probe", "verify", "diverged"]
    cross = chart.series[-1]
    assert cross.marker == "cross"
    assert cross.x == (0.1,)
    assert chart.y.low < cross.y[0] < chart.y.high
    assert {mark.tone for mark in chart.marks} == {"soft"}
    assert curve_chart(examples.curve, rules=False).marks == ()


def test_what_rules_say_is_drawn_beside_the_peak_and_named_once(examples):
    soft = [mark for mark in curve_chart(examples.peak).marks if mark.tone == "soft"]
    rates = sorted(rate for said in suggestions(examples.peak) for rate in said.rates)
    assert {mark.x for mark in soft} <= set(rates)
    labels = [mark.label for mark in soft if mark.label]
    assert len(labels) == len(set(labels))
    valley = next(said.rates[0] for said in suggestions(examples.peak) if said.rule == "valley")
    (label,) = [mark.label for mark in soft if mark.x == valley and "valley" in mark.label]
    assert label.endswith(rate_text(valley))
    text = plot(curve_chart(examples.peak), 100).plain
    assert label in text
    assert "peak 4e-3" in text
    assert label in svg(curve_chart(examples.peak))


def test_the_seeds_of_a_sweep_are_joined_by_their_mean():
    trials = tuple(Trial(lr, seed, 9, 9, lr + seed, stage="sweep") for lr in (1.0, 2.0) for seed in (0, 1))
    lost = Trial(3.0, 0, 2, 9, math.inf, "diverged", stage="sweep")
    band, mean, points, crosses = curve_chart(Curve((*trials, lost))).series
    assert (band.kind, band.label, band.x) == ("band", "90% interval", (1.0, 2.0))
    assert mean.x == (1.0, 2.0, 3.0)
    assert mean.y[:2] == (1.5, 2.5)
    assert math.isnan(mean.y[2])
    assert (len(points.x), len(crosses.x)) == (4, 1)


def test_an_explosion_does_not_flatten_the_rest(examples):
    chart = curve_chart(examples.curve)
    assert chart.y.high < 4.0
    assert chart.y.low < 0.5


def test_nothing_to_draw_is_said():
    with pytest.raises(ArgumentError, match="nothing to draw"):
        curve_chart(Curve())
    with pytest.raises(ArgumentError, match="nothing to draw"):
        losses_chart((Trial(1e-3, 0, 0, 10, math.nan, "failed"),))


def test_only_diverged_trials_still_make_a_chart():
    chart = curve_chart(Curve((Trial(1e-3, 0, 3, 10, math.nan, "diverged"),)))
    assert [series.label for series in chart.series] == ["mean", "diverged"]


def test_the_best_trial_stands_before_the_others(examples):
    chart = losses_chart(examples.trials)
    assert chart.series[-1].label == "best, 4e-3"
    assert [s.tone for s in chart.series[:-1]] == ["soft"] * 4


NAN = math.nan
HISTORY = History(
    {"step": [0, 1, 2, 3], "loss": [2, 1, NAN, 0.5], "val_loss": [NAN, 1.1, NAN, 0.6], "lr": [0, 1, 1, NAN]}
)


def test_a_history_shows_its_loss_its_mean_and_its_validation():
    chart = losses_chart(HISTORY)
    assert [series.label for series in chart.series] == ["loss", "smoothed", "validation"]
    assert chart.series[2].x == (1.0, 3.0)
    assert chart.x.high == 3.0


def test_a_history_shows_the_rate_it_logged_if_it_did():
    chart = rates_chart(HISTORY.columns)
    assert chart is not None
    assert chart.series[0].y == (0.0, 1.0, 1.0)
    assert rates_chart({"step": HISTORY["step"], "loss": HISTORY["loss"]}) is None


def test_smoothing_keeps_a_constant_and_passes_gaps_on():
    means = smoothed((3.0, math.nan, 3.0))
    assert means[0] == pytest.approx(3.0)
    assert math.isnan(means[1])
    assert means[2] == pytest.approx(3.0)


def test_a_high_but_finite_loss_is_a_point_and_no_cross():
    trials = (Trial(1e-3, 0, 9, 9, 0.1), Trial(1e-5, 0, 9, 9, 50.0), Trial(3e-3, 0, 9, 9, 0.2))
    chart = curve_chart(Curve(trials))
    _, points = chart.series
    assert points.y == (50.0, 0.1, 0.2)
    assert chart.y.low < 0.1
    assert chart.y.high > 50.0
