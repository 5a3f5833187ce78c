from __future__ import annotations

import sys

import pytest

from surefoot.chart import Axis, Chart, Mark, Series
from surefoot.chart.curves import curve_chart
from surefoot.chart.nouns import schedule_chart
from surefoot.errors import ArgumentError, MissingExtraError
from surefoot.report.plot import figure, save


def test_the_figure_holds_what_the_chart_holds(examples):
    chart = curve_chart(examples.peak)
    (axes,) = figure(chart).axes
    assert axes.get_xscale() == "log"
    assert axes.get_xlim() == pytest.approx((chart.x.low, chart.x.high))
    assert [line.get_label() for line in axes.lines][: len(chart.series)] == [s.label for s in chart.series]
    assert tuple(axes.lines[0].get_ydata()) == chart.series[0].y


def test_bands_and_steps_are_drawn():
    band = Series("band", (0.0, 1.0), (0.0, 0.1), upper=(0.5, 0.6), label="band")
    steps = Series("steps", (0.0, 1.0), (0.0, 1.0), "steps")
    (axes,) = figure(Chart("t", Axis("x", 0, 1), Axis("y", 0, 1), (band, steps), (Mark("line", 0.5),))).axes
    assert len(axes.collections) == 1
    assert axes.lines[0].get_drawstyle() == "steps-post"


@pytest.mark.parametrize(("ending", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_a_picture_file_is_what_its_name_says(examples, tmp_path, ending, magic):
    path = save(schedule_chart(examples.schedule), tmp_path / f"a.{ending}")
    assert path.read_bytes().startswith(magic)


def test_an_unknown_ending_is_refused(examples, tmp_path):
    with pytest.raises(ArgumentError, match=r"must end in one of \.pdf, \.png, \.svg"):
        save(schedule_chart(examples.schedule), tmp_path / "a.gif")


def test_without_matplotlib_the_sentence_holds_the_command(examples, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'surefoot\[plot\]'"):
        figure(schedule_chart(examples.schedule))
