from __future__ import annotations

import io

import pytest
from rich.console import Console

from surefoot.chart import Axis, Chart, Mark, Series
from surefoot.chart.curves import curve_chart
from surefoot.chart.nouns import schedule_chart
from surefoot.chart.runs import losses_chart
from surefoot.report.braille import Canvas
from surefoot.report.terminal import plot


def charts(examples):
    return curve_chart(examples.peak), schedule_chart(examples.schedule), losses_chart(examples.trials)


@pytest.mark.parametrize("width", [30, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal(examples, width):
    for chart in charts(examples):
        assert max(len(line.rstrip()) for line in plot(chart, width, 10).plain.splitlines()) <= width


def test_plain_is_ascii(examples):
    for chart in charts(examples):
        assert plot(chart, 60, 8, plain=True).plain.isascii()


@pytest.mark.parametrize(
    ("x", "y", "row", "column", "bit"), [(0, 1, 0, 0, 0x01), (1, 1, 0, 3, 0x08), (0, 0, 1, 0, 0x40), (1, 0, 1, 3, 0x80)]
)
def test_a_dot_sets_the_bit_of_its_corner(x, y, row, column, bit):
    canvas = Canvas(4, 2)
    canvas.dot(x, y, "main")
    assert canvas.cell(row, column) == (chr(0x2800 + bit), "main")


@pytest.mark.parametrize("point", [(float("nan"), 0.5), (1.5, 0.5), (0.5, -0.2)])
def test_what_lies_outside_is_not_drawn(point):
    canvas = Canvas(4, 2)
    canvas.dot(*point, "main")
    canvas.stamp(*point, "x", "main")
    canvas.line(point, (float("nan"), 0.0), "main")
    assert {canvas.cell(r, c)[0] for r in range(2) for c in range(4)} == {" "}


def test_a_line_has_no_hole():
    canvas = Canvas(10, 3)
    canvas.line((0, 0), (1, 1), "main")
    assert all(any(canvas.cell(r, c)[0] != " " for r in range(3)) for c in range(10))


def test_a_rising_line_rises():
    chart = Chart("t", Axis("x", 0, 1), Axis("y", 0, 1), (Series("line", (0, 1), (0, 1)),))
    rows = [line for line in plot(chart, 40, 6, plain=True).plain.splitlines() if "*" in line]
    assert [row.index("*") for row in rows] == sorted((row.index("*") for row in rows), reverse=True)


def test_points_have_the_mark_of_their_series(examples):
    text = plot(curve_chart(examples.peak), 80, 12).plain
    body = text.split("loss\n", 1)[1]
    assert body.count("○") == 3
    assert body.count("●") == 1
    assert body.count("×") == 1


def test_the_recommended_range_lies_on_the_axis():
    chart = Chart("t", Axis("x", 0, 10), Axis("y", 0, 1), marks=(Mark("region", 5, 6),))
    line = next(row for row in plot(chart, 60, 4).plain.splitlines() if "└" in row)
    assert 0.4 < line.index("━") / len(line) < 0.6


def test_steps_are_drawn_square():
    chart = Chart("t", Axis("x", 0, 1), Axis("y", 0, 1), (Series("steps", (0, 1), (1, 0)),))
    top = next(row for row in plot(chart, 40, 6, plain=True).plain.splitlines() if "*" in row)
    assert top.count("*") > 30


def test_rich_prints_it_with_colours(examples):
    out = io.StringIO()
    Console(file=out, force_terminal=True, width=80, color_system="standard").print(plot(curve_chart(examples.peak)))
    assert "\x1b[" in out.getvalue()
