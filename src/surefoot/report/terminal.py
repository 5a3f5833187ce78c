"""A Chart as text: a braille plot with axes and ticks, as wide as the terminal allows."""

from __future__ import annotations

import numpy as np
from rich.text import Text

from surefoot.chart import Chart, Mark, Series
from surefoot.report.braille import Canvas

STYLES = {
    "ink": "default",
    "soft": "bright_black",
    "main": "bright_blue",
    "second": "yellow",
    "good": "green",
    "bad": "red",
    "": "default",
}
Glyphs = dict[str, str]
_UNICODE: Glyphs = {
    "corner": "└", "across": "─", "up": "│", "tick": "┤", "notch": "┬", "range": "━", "line": "━",
    "dot": "●", "ring": "○", "cross": "×",
}  # fmt: skip
_PLAIN: Glyphs = {
    "corner": "+", "across": "-", "up": "|", "tick": "+", "notch": "+", "range": "=", "line": "-",
    "dot": "@", "ring": "o", "cross": "x",
}  # fmt: skip


def plot(chart: Chart, width: int = 80, height: int = 14, *, plain: bool = False) -> Text:
    """Return ``chart`` as text of ``width`` x about ``height`` characters; ``plain`` keeps to ASCII.

    Raises no error on a narrow terminal: below 30 columns it is drawn 30 wide.

    >>> from surefoot.chart import Axis
    >>> chart = Chart("t", Axis("x", 0, 1), Axis("y", 0, 1), (Series("line", (0, 1), (0, 1)),))
    >>> print(plot(chart, 30, 4, plain=True).plain.splitlines()[-3])
        ++-----------+-----------+
    """
    glyphs = _PLAIN if plain else _UNICODE
    texts = {value: chart.y.text(value) for value in chart.y.ticks(max(2, height // 3))}
    left = max(map(len, texts.values()), default=1) + 1
    inner = max(width, 30) - left - 1
    canvas = drawn(chart, inner, height, glyphs)
    ticks = {round((1 - chart.y.at(value)) * (height - 1)): text for value, text in texts.items()}
    out = Text(no_wrap=True, overflow="crop")
    _head(out, chart, glyphs, max(width, 30))
    for row in range(height):
        out.append(ticks.get(row, "").rjust(left - 1) + " ", STYLES["soft"])
        out.append(glyphs["tick" if row in ticks else "up"], STYLES["soft"])
        for column in range(inner):
            character, tone = canvas.cell(row, column, plain=plain)
            out.append(character, STYLES[tone])
        out.append("\n")
    _foot(out, chart, left, inner, glyphs)
    return out


def drawn(chart: Chart, width: int, height: int, glyphs: Glyphs = _UNICODE) -> Canvas:
    """Return the canvas of ``width`` x ``height`` cells with marks below and series above."""
    canvas = Canvas(width, height)
    for mark in chart.marks:
        if mark.kind == "line":
            _upright(canvas, chart, mark)
    for series in chart.series:
        _draw(canvas, chart, series, glyphs)
    return canvas


def _upright(canvas: Canvas, chart: Chart, mark: Mark) -> None:
    x, rows = chart.x.at(mark.x), canvas.height * 4
    gap = 2 if mark.tone in ("good", "main") else 4
    for k in range(0, rows, gap):
        canvas.dot(x, k / (rows - 1), mark.tone)


def _draw(canvas: Canvas, chart: Chart, series: Series, glyphs: Glyphs) -> None:
    if series.kind == "points":
        for x, y in zip(series.x, series.y, strict=True):
            canvas.stamp(chart.x.at(x), chart.y.at(y), glyphs[series.marker], series.tone)
        return
    if series.kind == "band":
        _edges(canvas, chart, series)
        return
    for run in series.runs():
        points = [(chart.x.at(x), chart.y.at(y)) for x, y in run]
        for a, b in zip(points, points[1:] or points, strict=False):
            if series.kind == "steps":
                canvas.line(a, (b[0], a[1]), series.tone)
                canvas.line((b[0], a[1]), b, series.tone)
            else:
                canvas.line(a, b, series.tone)


def _edges(canvas: Canvas, chart: Chart, series: Series) -> None:
    """Dot the two edges of a band: a shade would hide the lines within it."""
    columns = canvas.width * 2
    for edge in (series.y, series.upper):
        places = [chart.x.at(x) for x in series.x]
        for k in range(0, columns, 4):
            canvas.dot(k / columns, float(np.interp(k / columns, places, [chart.y.at(v) for v in edge])), series.tone)


def _head(out: Text, chart: Chart, glyphs: Glyphs, width: int) -> None:
    marks = [m for m in chart.marks if m.label]
    named = [(glyphs["up"] if m.kind == "line" else glyphs["dot"], m.label, m.tone) for m in marks]
    if any(mark.kind == "region" for mark in chart.marks):
        named.append((glyphs["range"] * 2, "recommended range", "good"))
    if len(chart.series) > 1:
        named += [(_sign(s, glyphs), s.label, s.tone) for s in chart.series if s.label]
    out.append(chart.title + "\n", "bold")
    used = 0
    for glyph, label, tone in named:
        text = f"{glyph} {label}"[:width] + "   "
        if used and used + len(text.rstrip()) > width:
            out.append("\n")
            used = 0
        out.append(text, STYLES[tone])
        used += len(text)
    out.append("\n" * bool(named) + chart.y.label + "\n", STYLES["soft"])


def _sign(series: Series, glyphs: Glyphs) -> str:
    if series.kind == "band":
        return glyphs["across"] * 2
    return glyphs[series.marker] if series.kind == "points" else glyphs["line"]


def _foot(out: Text, chart: Chart, left: int, inner: int, glyphs: Glyphs) -> None:
    line, styles, names = [glyphs["across"]] * inner, ["soft"] * inner, [" "] * (inner + left + 1)
    for mark in chart.marks:
        if mark.kind == "region" and mark.end is not None:
            for column in range(_column(chart, mark.x, inner), _column(chart, mark.end, inner) + 1):
                line[column], styles[column] = glyphs["range"], "good"
    for value in chart.x.ticks(max(2, inner // 14)):
        column, text = _column(chart, value, inner), chart.x.text(value)
        if styles[column] == "soft":
            line[column] = glyphs["notch"]
        first = min(max(column + left + 1 - len(text) // 2, 0), len(names) - len(text))
        if all(c == " " for c in names[max(first - 1, 0) : first + len(text) + 1]):
            names[first : first + len(text)] = text
    out.append(" " * left + glyphs["corner"], STYLES["soft"])
    for character, tone in zip(line, styles, strict=True):
        out.append(character, STYLES[tone])
    out.append("\n" + "".join(names).rstrip() + "\n", STYLES["soft"])
    out.append(chart.x.label.rjust(left + 1 + inner), STYLES["soft"])


def _column(chart: Chart, value: float, inner: int) -> int:
    return min(max(round(chart.x.at(value) * (inner - 1)), 0), inner - 1)
