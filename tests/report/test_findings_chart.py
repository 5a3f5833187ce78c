from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

import surefoot as sf
from surefoot.chart.findings import findings_chart, marked, plans_chart
from surefoot.chart.runs import rates_chart
from surefoot.errors import ArgumentError
from surefoot.history.columns import History
from surefoot.history.origin import Origin
from surefoot.report.terminal import plot


def found(code, step, severity="error", **evidence):
    return SimpleNamespace(code=code, step=step, severity=severity, evidence=evidence)


def run(loss, **columns):
    return History({"step": np.arange(len(loss)), "loss": np.array(loss, dtype=float), **columns})


def by_label(chart):
    return {series.label: series for series in chart.series}


def test_a_short_run_is_drawn_value_by_value():
    chart = findings_chart(run([2.5, 2.4, 2.6, 3.1]))
    (loss,) = chart.series
    assert loss.y == (2.5, 2.4, 2.6, 3.1)
    assert loss.tone == "main"
    assert "no findings" in chart.description


def test_one_spike_in_a_million_rows_is_still_drawn():
    loss = np.ones(1_000_000) + np.linspace(1, 0, 1_000_000)
    loss[654_321] = 7.0
    chart = findings_chart(run(loss))
    raw = by_label(chart)["loss"]
    assert (654_321.0, 7.0) in set(zip(raw.x, raw.y, strict=True))
    assert len(raw.x) < 600
    assert chart.y.high >= 7.0


def test_smoothing_does_not_lag():
    smooth = by_label(findings_chart(run(np.linspace(10, 1, 5000))))["smoothed"]
    middle = len(smooth.x) // 2
    expected = np.interp(smooth.x[middle], np.arange(5000), np.linspace(10, 1, 5000))
    assert smooth.y[middle] == pytest.approx(expected, abs=0.05)


def test_losses_that_are_not_finite_are_crosses_inside_the_plot():
    loss = np.ones(400)
    loss[300:] = math.nan
    cross = by_label(findings_chart(run(loss)))["not finite"]
    assert cross.x[0] == 300.0
    assert 2 < len(cross.x) < 20
    assert cross.marker == "cross"


def test_findings_are_marks_at_their_steps_named_by_their_codes():
    chart = findings_chart(run(np.ones(50)), [found("SF101", 40), found("SF102", 20), found("SF401", None, "warning")])
    assert [(mark.x, mark.label, mark.tone) for mark in chart.marks] == [(20.0, "SF102", "bad"), (40.0, "SF101", "bad")]
    assert "SF102 at 20" in chart.description


def test_findings_at_one_step_share_a_mark_and_many_are_not_all_marked():
    same = findings_chart(run(np.ones(50)), [found("SF102", 20), found("SF103", 20, "warning")])
    assert [(mark.label, mark.tone) for mark in same.marks] == [("SF102 SF103", "bad")]
    many = findings_chart(run(np.ones(50)), [found("SF104", k, "info") for k in range(30)])
    assert len(many.marks) == 6


def test_a_step_that_is_not_on_the_chart_is_not_marked():
    assert findings_chart(run(np.ones(50)), [found("SF401", 5000)]).marks == ()


def test_the_band_that_the_loss_left_is_drawn():
    chart = findings_chart(run(np.linspace(3, 2, 50)), [found("SF102", 20, base=2.0, limit=2.6, level=9.0, share=0.4)])
    band = by_label(chart)["the band it left"]
    assert (band.kind, band.y, band.upper, band.x) == ("band", (2.0, 2.0), (2.6, 2.6), (0.0, 49.0))
    assert by_label(chart)["limit 2.6"].y == (2.6, 2.6)
    assert "level 9" not in by_label(chart)
    assert chart.y.high >= 2.6


def test_chance_and_best_are_levels():
    labels = by_label(findings_chart(run(np.linspace(3, 2, 50)), [found("SF103", 20, chance=2.303)]))
    assert labels["chance 2.3"].y == (2.303, 2.303)
    labels = by_label(findings_chart(run(np.linspace(3, 2, 50)), [found("SF202", 20, "warning", level=2.1)]))
    assert labels["level 2.1"].x == (20.0, 49.0)


def test_a_run_that_is_too_slow_is_drawn_beside_the_straight_line():
    line = by_label(findings_chart(run(np.linspace(3, 2.9, 50)), [found("SF201", None, start=3.0, end=2.9)]))
    assert line["a straight line"].y == (3.0, 2.9)


def test_evidence_that_is_no_loss_is_not_drawn():
    for one in (
        found("SF109", 20, limit=2.5),
        found("SF404", 3, "warning", limit=2.5),
        found("SF104", 3, "info", base=2.5),
    ):
        assert set(by_label(findings_chart(run(np.linspace(3, 2, 50)), [one]))) == {"loss", "smoothed"}
    odd = found("SF102", 20, limit=math.nan, base="low", best=True)
    assert set(by_label(findings_chart(run(np.linspace(3, 2, 50)), [odd]))) == {"loss", "smoothed"}


def test_evidence_far_away_does_not_flatten_the_loss():
    chart = findings_chart(run(np.linspace(3, 2, 50)), [found("SF102", 20, limit=1e9)])
    assert chart.y.high < 10


def test_an_explosion_gets_a_logarithm():
    assert findings_chart(run([*np.linspace(3, 2, 50), 100.0, 1e5])).y.log
    assert not findings_chart(run(np.linspace(3, 2, 50))).y.log
    low = findings_chart(run([*np.linspace(1, -2, 200), 1e9]))
    assert low.y.high < 10
    assert not low.y.log


def test_a_run_with_validation_alone_is_drawn():
    val = np.array([math.nan, 2.0, math.nan, 1.0])
    chart = findings_chart(History({"step": np.arange(4), "loss": np.full(4, math.nan), "val_loss": val}))
    assert by_label(chart)["validation"].y == (2.0, 1.0)


def test_nothing_to_draw_is_said():
    with pytest.raises(ArgumentError, match="nothing to draw"):
        findings_chart(run([math.nan, math.nan]))


def test_the_axis_is_named_by_what_the_steps_count():
    history = History({"step": [0, 1], "loss": [1.0, 2.0]}, origin=Origin(facts={"unit": "epoch"}))
    assert findings_chart(history).x.label == "epoch"
    assert findings_chart(run([1.0, 2.0])).x.label == "update"


def test_two_plans_are_drawn_on_the_same_axes():
    old, new = sf.cosine(1e-2, total=1000, warmup=10), sf.cosine(1e-3, total=1500, warmup=100)
    chart = plans_chart(old, new)
    now, then = chart.series
    assert (now.label, then.label) == ("now", "edited")
    assert list(then.y) == [new(int(step)) for step in then.x]
    assert list(now.y) == [old(int(step)) for step in now.x]
    assert {0.0, 10.0, 100.0} <= set(now.x)
    assert chart.x.high == 1500.0
    assert chart.y.high > 1e-2
    assert plans_chart(old.scaled(0), old.scaled(0)).y.high == 1.0


def test_findings_about_the_rate_are_marked_on_the_rate():
    history = run(np.ones(50), lr=np.linspace(0, 1, 50))
    chart = marked(rates_chart(history.columns), [found("SF108", 20), found("SF301", 30)], ("SF1",))
    assert [mark.label for mark in chart.marks] == ["SF108"]


@pytest.mark.parametrize("plain", [True, False])
def test_a_terminal_shows_band_marks_and_crosses(plain):
    loss = [*np.linspace(3, 2, 60), 5.0, 6.0, math.nan]
    text = plot(findings_chart(run(loss), [found("SF102", 60, base=2.0, limit=2.6)]), 80, 10, plain=plain).plain
    assert "SF102" in text
    assert "the band it left" in text
    assert ("x" if plain else "×") in text
    assert text.isascii() is plain
