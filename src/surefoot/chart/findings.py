"""What a diagnosis looks like: the loss with its findings and their evidence, and a plan beside the edited one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from surefoot.chart.data import Axis, Chart, Mark, Series, Tone
from surefoot.chart.nouns import Planned, drawn_end
from surefoot.chart.numbers import LARGEST, drawn_steps, rate_text, spread
from surefoot.errors import ArgumentError

Column = NDArray[np.float64]
_BINS, _CALM, _MARKS, _CROSSES = 240, 40, 6, 40
_TONES: Mapping[str, Tone] = {"error": "bad", "warning": "second", "info": "soft"}
# Findings whose evidence is stated in the loss: only that has a place on this chart.
_OF_LOSS = ("SF101", "SF102", "SF103", "SF104", "SF105", "SF106", "SF107", "SF108", "SF2", "SF3")
_LEVELS: Mapping[str, tuple[str, Tone]] = {
    "limit": ("limit", "bad"),
    "threshold": ("threshold", "bad"),
    "chance": ("chance", "bad"),
    "base": ("level before", "good"),
    "best": ("best", "good"),
    "level": ("level", "second"),
}


class Found(Protocol):
    """What is read of a Finding."""

    @property
    def code(self) -> str: ...
    @property
    def step(self) -> int | None: ...
    @property
    def severity(self) -> str: ...


def findings_chart(history: Any, findings: Sequence[Found] = (), *, title: str = "") -> Chart:
    """Return the chart of a History's losses, with a mark where each finding begins and the evidence of the gravest.

    Every spike is kept however long the run is (the lowest and the highest value of each stretch are drawn); losses
    that are not finite are crosses at the upper edge. Evidence is drawn by its names: ``base`` to ``limit`` is the band
    the loss left; ``limit``, ``threshold``, ``chance``, ``best`` and ``level`` are levels; of a run that is too slow
    the straight line is drawn that its loss follows. Raises ArgumentError when the run holds no finite loss.
    """
    step, loss = _said(history)
    good = np.abs(loss) <= LARGEST
    judged = _judged(history.columns)
    if not (good.any() or judged):
        raise ArgumentError("history holds no finite loss: there is nothing to draw.")
    last = float(max(step.max(), *(s.x[-1] for s in judged), 1.0))
    lines = (*(_lines(step[good], loss[good]) if good.any() else ()), *judged)
    grave = [one for one in findings if one.severity != "info" and one.code.startswith(_OF_LOSS)]
    evidence = next(filter(None, (_evidence(one, 0.0, last) for one in grave)), ())
    y = _axis([*lines, *evidence], [*lines])
    unit = str(history.origin.facts.get("unit", "step")) if hasattr(history, "origin") else "step"
    # A last loss that is not finite is a cross: it must not be cut at the edge.
    room = 1.0 if good[-1] else 1.02
    x = Axis({"step": "update"}.get(unit, unit), min(0.0, float(step.min())), last * room)
    marks = _marks(findings, x)
    crosses = _crosses(step[~good], x, y)
    return Chart(title or f"Loss by {x.label}", x, y, (*evidence, *lines, *crosses), marks, _description(findings, x))


def plans_chart(now: Planned, then: Planned, *, title: str = "") -> Chart:
    """Return the chart of two schedules over their updates: the plan as it is, and as an edit makes it."""
    last = max(drawn_end(now), drawn_end(then))
    steps = drawn_steps(last, (*now.starts, *then.starts))
    x = tuple(map(float, steps))
    old, new = (tuple(plan(t) for t in steps) for plan in (now, then))
    return Chart(
        title or "The schedule as it is, and edited",
        Axis("update", 0.0, float(max(last, 1))),
        Axis("learning rate", 0.0, max((*old, *new)) * 1.1 or 1.0),
        (Series("line", x, old, "now", "second"), Series("line", x, new, "edited", "main")),
        (),
        f"The highest rate goes from {rate_text(max(old))} to {rate_text(max(new))}.",
    )


def marked(chart: Chart, findings: Sequence[Found], codes: tuple[str, ...]) -> Chart:
    """Return ``chart`` with a mark at each finding whose code begins with one of ``codes``."""
    marks = _marks([one for one in findings if one.code.startswith(codes)], chart.x)
    return Chart(chart.title, chart.x, chart.y, chart.series, (*chart.marks, *marks), chart.description)


def _said(history: Any) -> tuple[Column, Column]:
    step, loss = history.columns["step"], history.columns["loss"]
    said = history.said("loss") if hasattr(history, "said") else np.ones(len(loss), dtype=bool)
    said = said & np.isfinite(step)
    return (step[said], loss[said]) if said.any() else (np.zeros(1), np.full(1, np.nan))


def _judged(columns: Mapping[str, Column]) -> tuple[Series, ...]:
    values, step = columns.get("val_loss"), columns["step"]
    if values is None:
        return ()
    kept = (np.abs(values) <= LARGEST) & np.isfinite(step)
    return (_line(*_thinned(step[kept], values[kept]), "validation", "second"),) if kept.any() else ()


def _lines(step: Column, loss: Column) -> tuple[Series, ...]:
    raw = _thinned(step, loss)
    if len(loss) < _CALM:
        return (_line(*raw, "loss", "main"),)
    cuts = np.unique(np.linspace(0, len(loss), min(len(loss), _BINS) + 1).astype(int))[:-1]
    counts = np.diff(np.append(cuts, len(loss)))
    means = np.add.reduceat(loss, cuts) / counts
    return (_line(*raw, "loss", "soft"), _line(step[cuts], _centred(means), "smoothed", "main"))


def _centred(values: Column, reach: int = 3) -> Column:
    """Return the mean of each value and ``reach`` neighbours on both sides: unlike a running mean it never lags."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    high, low = np.minimum(at + reach + 1, len(values)), np.maximum(at - reach, 0)
    mean: Column = (sums[high] - sums[low]) / (high - low)
    return mean


def _thinned(x: Column, y: Column) -> tuple[Column, Column]:
    """Return at most two points a stretch, its lowest and its highest, in their order."""
    if len(y) <= 2 * _BINS:
        return x, y
    cuts = np.linspace(0, len(y), _BINS + 1).astype(int)
    both = ((a + int(np.argmin(y[a:b])), a + int(np.argmax(y[a:b]))) for a, b in pairwise(cuts.tolist()))
    kept = np.unique([0, len(y) - 1, *(k for pair in both for k in pair)])
    return x[kept], y[kept]


def _axis(drawn: Sequence[Series], lines: Sequence[Series]) -> Axis:
    values = np.array([v for one in lines for v in _telling(one) if math.isfinite(v)])
    low, high, usual = float(values.min()), float(values.max()), float(np.quantile(values, 0.98))
    # A loss of 1e-300 is 0 to a reader.
    low = max(low, high * 1e-12) if low > 0 else low
    log = low > 0 and high / low > 30
    if not log and high - low > 20 * (usual - low) > 0:
        high = usual * 1.5
    near = [v for one in drawn for v in (*one.y, *one.upper) if low - (high - low) < v < high + (high - low)]
    low, high = min([low, *(v for v in near if v > 0 or not log)]), max([high, *near])
    return Axis("loss", *spread((low, high), log=log), log=log)


def _telling(series: Series) -> tuple[float, ...]:
    """Return the values that an axis must hold: a first evaluation may be a hundred times what follows."""
    whole = series.label != "validation" or len(series.y) < 10
    return series.y if whole else series.y[max(1, len(series.y) // 100) :]


def _evidence(finding: Any, first: float, last: float) -> tuple[Series, ...]:
    numbers = {name: float(v) for name, v in finding.evidence.items() if _is_level(v)}
    at = first if finding.step is None else float(finding.step)
    found: list[Series] = []
    base, limit = numbers.get("base"), numbers.get("limit")
    banded = base is not None and limit is not None and base < limit
    if banded and base is not None and limit is not None:
        found.append(Series("band", (first, last), (base, base), "the band it left", "good", (limit, limit)))
    for name, (words, tone) in _LEVELS.items():
        if name in numbers and not (banded and name in {"base", "level"}):
            value, begin = numbers[name], at if name == "level" else first
            found.append(Series("line", (begin, last), (value, value), f"{words} {value:.3g}", tone))
    if finding.code == "SF201" and {"start", "end"} <= numbers.keys():
        found.append(Series("line", (first, last), (numbers["start"], numbers["end"]), "a straight line", "second"))
    return tuple(found)


def _is_level(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= LARGEST


def _crosses(step: Column, x: Axis, y: Axis) -> tuple[Series, ...]:
    if not len(step):
        return ()
    # One cross a stretch of the axis: more would be a bar.
    _, first = np.unique(np.floor((step - x.low) / (x.high - x.low) * _CROSSES), return_index=True)
    kept = step[first]
    top = y.high / (y.high / y.low) ** 0.03 if y.log else y.high - (y.high - y.low) * 0.03
    return (Series("points", tuple(map(float, kept)), (top,) * len(kept), "not finite", "bad", marker="cross"),)


def _marks(findings: Sequence[Found], x: Axis) -> tuple[Mark, ...]:
    """Return a line a step, named by the codes that begin there, in the tone of the gravest."""
    places: dict[int, list[Found]] = {}
    for one in findings:
        if one.step is not None and x.low <= one.step <= x.high and (one.step in places or len(places) < _MARKS):
            places.setdefault(one.step, []).append(one)
    return tuple(
        Mark("line", float(at), label=" ".join(one.code for one in here), tone=_TONES.get(here[0].severity, "soft"))
        for at, here in sorted(places.items())
    )


def _description(findings: Sequence[Found], x: Axis) -> str:
    told = [f"{one.code} at {one.step}" for one in findings if one.step is not None]
    return f"The loss over {x.high:g} {x.label}s; " + (f"findings: {', '.join(told)}." if told else "no findings.")


def _line(x: Column, y: Column, label: str, tone: Tone) -> Series:
    return Series("line", tuple(map(float, x)), tuple(map(float, y)), label, tone)
