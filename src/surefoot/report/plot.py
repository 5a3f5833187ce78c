"""A Chart as a matplotlib figure: for papers and picture files. matplotlib is an extra, imported at use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from surefoot.chart import Axis, Chart, Mark, Series
from surefoot.errors import ArgumentError, MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = {
    "ink": "#1d2329",
    "soft": "#a9b2bb",
    "main": "#1f5fbf",
    "second": "#8a5a00",
    "good": "#17753a",
    "bad": "#b42318",
}
_MARKERS = {"dot": "o", "ring": "o", "cross": "x"}
_KINDS = ("pdf", "png", "svg")


def figure(chart: Chart, *, width: float = 7.2, height: float = 3.4) -> Figure:
    """Return ``chart`` as a matplotlib Figure of ``width`` x ``height`` [inches], with no global state touched.

    Raises MissingExtraError without matplotlib.
    """
    try:
        from matplotlib.figure import Figure as Made  # noqa: PLC0415  an extra, imported at the point of use
    except ImportError:
        raise MissingExtraError("matplotlib is not installed: pip install 'surefoot[plot]'.") from None
    made = Made(figsize=(width, height), layout="constrained")
    axes = made.add_subplot()
    axes.set_title(chart.title, loc="left", fontsize=10, fontweight="bold")
    for series in chart.series:
        _draw(axes, series)
    for mark in chart.marks:
        _mark(axes, mark)
    _dress(axes, chart)
    return made


def save(chart: Chart, path: str | Path) -> Path:
    """Write ``chart`` to ``path`` (.png, .pdf or .svg) and return the path; raises ArgumentError for another ending."""
    target = Path(path)
    if target.suffix.lower().removeprefix(".") not in _KINDS:
        raise ArgumentError(f"path={str(path)!r} must end in one of {', '.join('.' + kind for kind in _KINDS)}.")
    figure(chart).savefig(target, dpi=150)
    return target


def _draw(axes: Axes, series: Series) -> None:
    colour, label = _COLOURS[series.tone], series.label or None
    look: dict[str, Any]
    if series.kind == "band":
        axes.fill_between(series.x, series.y, series.upper, color=colour, alpha=0.16, linewidth=0, label=label)
    elif series.kind == "points":
        face = "white" if series.marker == "ring" else colour
        look = {"markerfacecolor": face, "markeredgecolor": colour, "markersize": 5, "linestyle": "none"}
        axes.plot(series.x, series.y, marker=_MARKERS[series.marker], label=label, zorder=3, **look)
    else:
        drawstyle = "steps-post" if series.kind == "steps" else "default"
        width = 0.9 if series.tone == "soft" else 1.6
        axes.plot(series.x, series.y, color=colour, linewidth=width, drawstyle=drawstyle, label=label)


def _mark(axes: Axes, mark: Mark) -> None:
    colour = _COLOURS[mark.tone]
    if mark.kind == "region" and mark.end is not None:
        axes.axvspan(mark.x, mark.end, color=colour, alpha=0.14, linewidth=0)
    elif mark.kind == "line":
        style = {"soft": ":", "bad": ":", "second": "--"}.get(mark.tone, "-")
        named = mark.tone != "soft"
        axes.axvline(mark.x, color=colour, linewidth=1, linestyle=style, label=(mark.label or None) if named else None)
        if mark.label and not named:
            # Many lines of one colour are told apart where they stand, not in the legend.
            look: dict[str, Any] = {"rotation": 90, "fontsize": 6.5, "color": "#68727d", "va": "bottom", "ha": "right"}
            axes.text(mark.x, 0.02, mark.label, transform=axes.get_xaxis_transform(), **look)
    elif mark.y is not None:
        axes.annotate(mark.label, (mark.x, mark.y), xytext=(0, 5), textcoords="offset points", ha="center", fontsize=8)


def _dress(axes: Axes, chart: Chart) -> None:
    axes.set_xscale("log" if chart.x.log else "linear")
    axes.set_yscale("log" if chart.y.log else "linear")
    axes.set(xlabel=chart.x.label, ylabel=chart.y.label, xlim=_limits(chart.x), ylim=_limits(chart.y))
    axes.set_xticks(chart.x.ticks(), [chart.x.text(v) for v in chart.x.ticks()])
    axes.set_yticks(chart.y.ticks(), [chart.y.text(v) for v in chart.y.ticks()])
    axes.minorticks_off()
    axes.grid(axis="y", color="#e6e9ec", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    if len(chart.series) > 1:
        axes.legend(frameon=False, fontsize=8, loc="best")


def _limits(axis: Axis) -> tuple[float, float]:
    return axis.low, axis.high
