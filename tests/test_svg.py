from __future__ import annotations

import math
import re
from xml.etree import ElementTree as ET

import pytest

from surefoot.chart import Axis, Chart, Mark, Series
from surefoot.svg import svg

X, Y = Axis("update", 0.0, 10.0), Axis("loss", 0.0, 2.0)
SPACE = "{http://www.w3.org/2000/svg}"


def chart(**parts):
    return Chart("Title & <more>", X, Y, description='said "so"', **parts)


@pytest.mark.parametrize("kind", ["line", "steps", "points"])
def test_every_kind_is_drawn_as_well_formed_xml(kind):
    series = Series(kind, (0.0, 5.0, 10.0), (0.0, math.nan, 2.0), "a < b")
    root = ET.fromstring(svg(chart(series=(series, series)), file=True))  # noqa: S314  the text is our own
    assert root.tag == SPACE + "svg"
    assert root.find(SPACE + "title").text == "Title & <more>"
    assert root.find(SPACE + "desc").text == 'said "so"'
    assert root.get("role") == "img"


def test_a_band_is_closed():
    band = Series("band", (0.0, 10.0), (0.5, 0.5), upper=(1.0, 1.5))
    assert re.search(r'd="M[^"]+Z"', svg(chart(series=(band,))))


def test_points_land_where_the_axes_say():
    picture = svg(chart(series=(Series("points", (0.0, 10.0), (0.0, 2.0)),)))
    (left, bottom), (right, top) = [
        (float(a), float(b)) for a, b in re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', picture)
    ]
    assert right - left == pytest.approx(
        float(re.search(r'<rect x="[\d.]+" y="[\d.]+" width="([\d.]+)"', picture)[1]), abs=0.2
    )
    assert bottom > top


def test_neither_script_nor_request_nor_foreign_number_is_in_it():
    marks = (
        Mark("line", 5.0, label="<script>alert(1)</script>"),
        Mark("region", 2.0, 4.0),
        Mark("label", 1.0, y=1.0, label="x"),
    )
    picture = svg(chart(marks=marks, series=(Series("line", (0.0, 1.0), (math.inf, 1e300)),)))
    assert "<script" not in picture
    assert "://" not in picture
    assert "nan" not in picture
    assert "inf" not in picture


def test_labels_of_neighbouring_lines_take_rows_of_their_own():
    marks = tuple(Mark("line", x, label="a rather long label") for x in (5.0, 5.1))
    picture = svg(chart(marks=marks))
    ys = re.findall(r'y="([\d.]+)"[^>]*>a rather long label', picture)
    assert len(set(ys)) == 2


def test_no_label_leaves_the_picture():
    marks = (Mark("line", 0.0, label="at the very left"), Mark("line", 10.0, label="at the very right"))
    picture = svg(chart(marks=marks), width=400)
    xs = [float(x) for x in re.findall(r'x="([\d.]+)"[^>]*>at the very', picture)]
    assert min(xs) > 40
    assert max(xs) < 360


def test_the_same_chart_gives_the_same_picture_and_another_size_another_id():
    assert svg(chart()) == svg(chart())
    ids = {re.search(r'<title id="(\w+)t"', svg(chart(), width=w))[1] for w in (400, 720)}
    assert len(ids) == 2


def test_both_colour_schemes_are_in_it():
    assert "prefers-color-scheme:dark" in svg(chart())


def test_the_title_can_be_left_to_the_page():
    assert 'class="sf-name"' not in svg(chart(), titled=False)
    assert "<title" in svg(chart(), titled=False)
