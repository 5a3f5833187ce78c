"""A Chart as inline SVG: accessible, readable on light and dark pages, and without any request to the outside."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from html import escape

from surefoot.chart import Chart, Mark, Series

# One colour a role, light then dark; each pair keeps a contrast of 4.5 against its paper wherever it carries text.
_COLOURS = {
    "paper": ("#ffffff", "#16191d"),
    "ink": ("#1d2329", "#e4e7ea"),
    "faint": ("#68727d", "#97a1ac"),
    "grid": ("#e6e9ec", "#2b3138"),
    "soft": ("#a9b2bb", "#66707b"),
    "main": ("#1f5fbf", "#7fb2ff"),
    "second": ("#8a5a00", "#e0b25a"),
    "good": ("#17753a", "#62cc8b"),
    "bad": ("#b42318", "#ff8a7d"),
}
_LETTER, _ROW = 6.6, 17.0
_HALO = "paint-order:stroke;stroke:var(--sf-paper);stroke-width:4px"


def _variables(column: int) -> str:
    return ";".join(f"--sf-{role}:{pair[column]}" for role, pair in _COLOURS.items())


STYLE = (
    f".sf-chart{{{_variables(0)}}}"
    f"@media(prefers-color-scheme:dark){{.sf-chart{{{_variables(1)}}}}}"
    ".sf-chart text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:var(--sf-faint)}"
    ".sf-chart .sf-name{fill:var(--sf-ink);font-weight:600;font-size:13px}"
)


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where the plot lies inside the picture, in pixels."""

    chart: Chart
    width: float
    height: float
    left: float
    top: float
    right: float
    bottom: float

    def x(self, value: float) -> float:
        return self.left + self.chart.x.at(value) * (self.right - self.left)

    def y(self, value: float) -> float:
        return self.bottom - self.chart.y.at(value) * (self.bottom - self.top)


def svg(chart: Chart, *, width: int = 720, height: int = 320, titled: bool = True, file: bool = False) -> str:
    """Return ``chart`` as one ``<svg>`` element of ``width`` x ``height`` [px] that scales with its container.

    ``titled=False`` leaves the title to the page around it; screen readers get title and description either way.
    ``file=True`` adds the namespace that a file of its own needs and a page does not.

    >>> from surefoot.chart import Axis
    >>> svg(Chart("A & B", Axis("x", 0, 1), Axis("y", 0, 1)))[:28]
    '<svg class="sf-chart" viewBo'
    """
    rows = _label_rows(chart, width)
    legend = _legend_places([s for s in chart.series if s.label] if len(chart.series) > 1 else [], width)
    y_texts = [chart.y.text(v) for v in chart.y.ticks()]
    left = 14.0 + _LETTER * max(map(len, y_texts), default=1)
    top = (
        10.0
        + 20.0 * titled
        + 18.0 * (1 + max((r for *_, r in legend), default=-1))
        + 18.0
        + _ROW * (1 + max((r for _, r in rows), default=-1))
    )
    frame = _Frame(chart, width, height, left, top, width - 14.0, height - 40.0)
    key = f"sf{zlib.crc32(repr((chart, width, height)).encode()):08x}"
    body = (
        f'<title id="{key}t">{escape(chart.title)}</title><desc id="{key}d">{escape(chart.description)}</desc>',
        f"<style>{STYLE}</style>",
        f'<clipPath id="{key}c"><rect {_box(left, top - 1, frame.right - left, frame.bottom - top + 2)}/></clipPath>',
        f'<rect {_box(0, 0, width, height)} rx="6" fill="var(--sf-paper)"/>',
        f'<text class="sf-name" x="14" y="22">{escape(chart.title)}</text>' if titled else "",
        _legend(legend, 20.0 + 20.0 * titled),
        _axes(frame),
        *(_region(frame, mark) for mark in chart.marks if mark.kind == "region"),
        f'<g clip-path="url(#{key}c)">',
        *(_series(frame, series) for series in chart.series),
        "</g>",
        *(_line_mark(frame, mark, row) for mark, row in rows),
        *(_line_label(frame, mark, row) for mark, row in rows if mark.label),
        *(_label(frame, mark) for mark in chart.marks if mark.kind == "label"),
    )
    opening = f'<svg class="sf-chart" viewBox="0 0 {width} {height}" width="{width}" role="img" '
    space = ' xmlns="http://www.w3.org/2000/svg"' if file else ""
    style = f'aria-labelledby="{key}t {key}d" style="max-width:100%;height:auto"{space}>'
    return opening + style + "".join(body) + "</svg>"


def _label_rows(chart: Chart, width: float) -> list[tuple[Mark, int]]:
    """Give every vertical line a row for its label, so that neighbours do not write over one another."""
    # The name of the y axis stands at the left end of the first row.
    ends = [14.0 + len(chart.y.label) * _LETTER]
    placed = []
    for mark in sorted((m for m in chart.marks if m.kind == "line"), key=lambda m: m.x):
        if not mark.label:
            placed.append((mark, -1))
            continue
        half = len(mark.label) * _LETTER / 2 + 8
        middle = min(chart.x.at(mark.x) * (width - 60), width - 45 - half)
        row = next((k for k, end in enumerate(ends) if middle - half > end), len(ends))
        ends[row : row + 1] = [middle + half]
        placed.append((mark, row))
    return placed


def _axes(frame: _Frame) -> str:
    chart, parts = frame.chart, []
    for value in chart.y.ticks(4 if frame.height < 260 else 5):
        y = frame.y(value)
        parts.append(f'<path d="M{frame.left:.1f} {y:.1f}H{frame.right:.1f}" stroke="var(--sf-grid)"/>')
        parts.append(_text(frame.left - 7, y + 4, chart.y.text(value), "end"))
    for value in chart.x.ticks(max(2, int((frame.right - frame.left) / 90))):
        x = frame.x(value)
        parts.append(f'<path d="M{x:.1f} {frame.bottom:.1f}v5" stroke="var(--sf-soft)"/>')
        parts.append(_text(_kept(x, chart.x.text(value), frame), frame.bottom + 18, chart.x.text(value), "middle"))
    parts.append(f'<path d="M{frame.left:.1f} {frame.bottom:.1f}H{frame.right:.1f}" stroke="var(--sf-soft)"/>')
    parts.append(_text(frame.right, frame.bottom + 34, chart.x.label, "end"))
    parts.append(_text(14, frame.top - 9, chart.y.label, "start"))
    return "".join(parts)


def _series(frame: _Frame, series: Series) -> str:
    if series.kind == "points":
        return "".join(_point(frame, series, x, y) for x, y in zip(series.x, series.y, strict=True))
    if series.kind == "band":
        there = [(frame.x(x), frame.y(y)) for x, y in zip(series.x, series.upper, strict=True)]
        back = [(frame.x(x), frame.y(y)) for x, y in zip(series.x, series.y, strict=True)][::-1]
        d = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in there + back if math.isfinite(x + y)) + "Z"
        return f'<path d="{d}" fill="var(--sf-{series.tone})" opacity=".16"/>'
    width = 1.3 if series.tone == "soft" else 2
    d = "".join(_path(frame, run, stepped=series.kind == "steps") for run in series.runs())
    stroke = f'stroke="var(--sf-{series.tone})" stroke-width="{width}"'
    return f'<path d="{d}" fill="none" {stroke} stroke-linejoin="round" stroke-linecap="round"/>'


def _path(frame: _Frame, run: tuple[tuple[float, float], ...], *, stepped: bool) -> str:
    # Values far outside are drawn a little outside: the clip hides them, and coordinates stay short.
    limit = 4 * frame.height
    points = [(frame.x(x), min(max(frame.y(y), -limit), limit)) for x, y in run]
    kept = [(x, y) for x, y in points if math.isfinite(x + y)]
    if not kept:
        return ""
    first = f"M{kept[0][0]:.1f} {kept[0][1]:.1f}"
    if stepped:
        return first + "".join(f"H{x:.1f}V{y:.1f}" for x, y in kept[1:])
    return first + "".join(f"L{x:.1f} {y:.1f}" for x, y in kept[1:])


def _point(frame: _Frame, series: Series, x: float, y: float) -> str:
    px, py = frame.x(x), frame.y(y)
    if not math.isfinite(px + py):
        return ""
    colour = f"var(--sf-{series.tone})"
    said = f"<title>{escape(series.label)}: {frame.chart.x.text(x)}, {frame.chart.y.label} {y:.4g}</title>"
    if series.marker == "cross":
        d = f"M{px - 4:.1f} {py - 4:.1f}l8 8m0 -8l-8 8"
        return f'<path d="{d}" stroke="{colour}" stroke-width="1.8" fill="none">{said}</path>'
    fill = colour if series.marker == "dot" else "var(--sf-paper)"
    return (
        f'<circle cx="{px:.1f}" cy="{py:.1f}" r="4" fill="{fill}" stroke="{colour}" stroke-width="1.6">{said}</circle>'
    )


def _region(frame: _Frame, mark: Mark) -> str:
    a, b = frame.x(mark.x), frame.x(mark.x if mark.end is None else mark.end)
    return f'<rect {_box(a, frame.top, b - a, frame.bottom - frame.top)} fill="var(--sf-{mark.tone})" opacity=".14"/>'


def _line_mark(frame: _Frame, mark: Mark, row: int) -> str:
    x, colour = frame.x(mark.x), f"var(--sf-{mark.tone})"
    start = frame.top - 14 - _ROW * row if row >= 0 else frame.top
    dash = ' stroke-dasharray="3 4"' if mark.tone in ("soft", "second", "bad") else ""
    return f'<path d="M{x:.1f} {start + 3:.1f}V{frame.bottom:.1f}" stroke="{colour}" stroke-width="1.4"{dash}/>'


def _line_label(frame: _Frame, mark: Mark, row: int) -> str:
    middle, y = _kept(frame.x(mark.x), mark.label, frame), frame.top - 16 - _ROW * row
    # Lines of marks above pass behind it. The tone that lies behind everything is too faint to be read.
    look = "" if mark.tone == "soft" else f";fill:var(--sf-{mark.tone});font-weight:600"
    return _text(middle, y, mark.label, "middle", _HALO + look)


def _label(frame: _Frame, mark: Mark) -> str:
    x, y = frame.x(mark.x), frame.y(mark.y if mark.y is not None else frame.chart.y.low)
    colour = f"var(--sf-{mark.tone})"
    dot = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.2" fill="{colour}"/>'
    middle = _kept(x, mark.label, frame)
    return dot + _text(middle, max(y - 9, 12), mark.label, "middle", f"fill:{colour}")


def _kept(x: float, text: str, frame: _Frame) -> float:
    """Return the middle of ``text`` nearest to ``x`` that keeps it inside the picture."""
    half = len(text) * _LETTER / 2
    return min(max(x, half + 2), frame.width - half - 2)


def _legend_places(series: list[Series], width: float) -> list[tuple[Series, float, int]]:
    """Give every entry its x and its row, so that a narrow picture wraps instead of losing entries."""
    places, x, row = [], 14.0, 0
    for one in series:
        long = 17 + len(one.label) * _LETTER
        if x > 14 and x + long > width - 8:
            x, row = 14.0, row + 1
        places.append((one, x, row))
        x += long + 14
    return places


def _legend(places: list[tuple[Series, float, int]], top: float) -> str:
    parts = []
    for one, x, row in places:
        y, colour = top + 18 * row, f"var(--sf-{one.tone})"
        if one.kind == "points" and one.marker == "cross":
            parts.append(f'<path d="M{x + 2:.1f} {y - 8:.1f}l8 8m0 -8l-8 8" stroke="{colour}" stroke-width="1.8"/>')
        elif one.kind == "points":
            fill = colour if one.marker == "dot" else "none"
            parts.append(f'<circle cx="{x + 6:.1f}" cy="{y - 4:.1f}" r="4" fill="{fill}" stroke="{colour}"/>')
        else:
            parts.append(f'<path d="M{x:.1f} {y - 4:.1f}h12" stroke="{colour}" stroke-width="2"/>')
        parts.append(_text(x + 17, y, one.label, "start"))
    return "".join(parts)


def _text(x: float, y: float, text: str, anchor: str, style: str = "") -> str:
    styled = f' style="{style}"' if style else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{styled}>{escape(text)}</text>'


def _box(x: float, y: float, width: float, height: float) -> str:
    return f'x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{max(height, 0):.1f}"'
