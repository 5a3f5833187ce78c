"""What a curve and a schedule look like: the charts of surefoot's nouns, as data.

The nouns are described by what is read from them, so that they can show themselves (``_repr_html_``) by calling down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from surefoot.chart.data import Axis, Chart, Mark, Series
from surefoot.chart.numbers import drawn_steps, rate_text, smoothed, spread
from surefoot.chart.runs import Tried
from surefoot.errors import ArgumentError


class Planned(Protocol):
    """What is read of a Schedule."""

    @property
    def peak(self) -> float: ...
    @property
    def total(self) -> int | None: ...
    @property
    def starts(self) -> tuple[int, ...]: ...
    def __call__(self, step: int) -> float: ...


def schedule_chart(schedule: Planned, *, stop: int | None = None, title: str = "") -> Chart:
    """Return the chart of a schedule's rate over its updates, phases told apart by thin lines.

    ``stop`` is how far it is drawn, in updates: unless given its total, or for an open one four times its last corner.
    Raises ArgumentError for a ``stop`` below 1.
    """
    last = drawn_end(schedule) if stop is None else stop
    if last < 1:
        raise ArgumentError(f"stop={stop} must be at least 1 update.")
    steps = drawn_steps(last, schedule.starts)
    rates = tuple(schedule(t) for t in steps)
    top = max((schedule.peak, *rates)) or 1.0
    marks = tuple(Mark("line", float(s), tone="soft") for s in schedule.starts if 0 < s < last)
    high = Mark("label", float(steps[int(np.argmax(rates))]), label=f"peak {rate_text(max(rates))}", y=max(rates))
    end = Mark("label", float(last), label=f"end {rate_text(rates[-1])}", y=rates[-1])
    return Chart(
        title or "Learning rate by update",
        Axis("update", 0.0, float(max(last, 1))),
        Axis("learning rate", 0.0, top * 1.15),
        (Series("line", tuple(map(float, steps)), rates, "rate"),),
        (*marks, high, end) if 0.02 < rates[-1] / top < 0.9 else (*marks, high),
        f"The rate peaks at {rate_text(max(rates))} and ends at {rate_text(rates[-1])} after {last} updates.",
    )


def drawn_end(schedule: Planned) -> int:
    """Return the update at which a drawing of ``schedule`` ends."""
    return schedule.total or max(1000, 4 * schedule.starts[-1])


def curve_chart(found: Any, *, title: str = "") -> Chart:
    """Return the chart of a Curve or a Peak: the rate (log) against the loss, what was tried, and what is recommended.

    The range test is a thin line, the trials points by their stage, diverged ones crosses at the upper edge; of a
    Peak also its range (shaded), the peak itself and the edge. Raises ArgumentError when there is nothing to draw.
    """
    curve = getattr(found, "curve", found)
    trials: tuple[Tried, ...] = tuple(curve.trials)
    rates = [t.lr for t in trials if t.lr > 0] + [lr for lr in curve.test_lrs if lr > 0]
    if not rates:
        raise ArgumentError("curve has neither trials nor a range test: there is nothing to draw.")
    x = Axis("learning rate", *spread(rates, log=True, margin=0.03), log=True)
    y = _loss_axis([t.loss for t in trials if not _lost(t)], curve.test_losses, curve.start_loss)
    line = _mean_line(trials) if found is curve else ()
    series = (*_test_line(curve.test_lrs, curve.test_losses), *line, *_trial_series(trials, y))
    marks = () if found is curve else _answer(found, x)
    return Chart(title or "Loss by learning rate", x, y, series, marks, _said(found))


def _lost(trial: Tried) -> bool:
    return trial.status in {"diverged", "failed"} or not math.isfinite(trial.loss)


def _loss_axis(trials: Sequence[float], test: Sequence[float], start: float) -> Axis:
    """Return an axis that shows every trial; a range test's explosion, which has no upper limit, may leave it."""
    means = [v for v in smoothed(test) if math.isfinite(v)]
    found = [*trials, *means]
    if not found:
        return Axis("loss", 0.0, 1.0)
    low = min(found)
    ceiling = start * 1.3 if math.isfinite(start) and start > low else float(np.quantile(found, 0.9))
    high = max([low, *trials, *(v for v in means if v <= ceiling)])
    log = low > 0 and high / low > 4
    if log:
        return Axis("loss", *spread((low, high), log=True), log=True)
    bottom, top = spread((low, high), margin=0.08)
    return Axis("loss", max(bottom, 0.0) if low >= 0 else bottom, top)


def _test_line(lrs: Sequence[float], losses: Sequence[float]) -> tuple[Series, ...]:
    if not lrs:
        return ()
    kept = drawn_steps(len(lrs), (), 300)
    means = smoothed(losses)
    line = Series("line", tuple(lrs[k] for k in kept), tuple(means[k] for k in kept), "range test, smoothed", "soft")
    return (line,)


def _mean_line(trials: Sequence[Tried]) -> tuple[Series, ...]:
    """Return the line through the mean loss of each rate of a sweep; none where stages of a search are mixed."""
    if len({trial.stage for trial in trials}) != 1:
        return ()
    by_rate: dict[float, list[float]] = {}
    for trial in trials:
        by_rate.setdefault(trial.lr, []).append(math.nan if _lost(trial) else trial.loss)
    rates = tuple(sorted(by_rate))
    return (Series("line", rates, tuple(math.fsum(by_rate[lr]) / len(by_rate[lr]) for lr in rates), "mean", "soft"),)


def _trial_series(trials: Sequence[Tried], y: Axis) -> tuple[Series, ...]:
    good = [t for t in trials if not _lost(t)]
    lost = sorted(t.lr for t in trials if _lost(t))
    stages = tuple(dict.fromkeys(t.stage for t in good))
    done = []
    for k, stage in enumerate(stages):
        tried = sorted((t.lr, t.loss) for t in good if t.stage == stage)
        final = k == len(stages) - 1
        label, tone = stage or "trials", ("main" if final else "second")
        xs, ys = zip(*tried, strict=True)
        done.append(Series("points", xs, ys, label, tone, marker="dot" if final else "ring"))  # type: ignore[arg-type]  # a conditional of literals
    if lost:
        top = y.low + (y.high - y.low) * 0.97 if not y.log else y.high / (y.high / y.low) ** 0.03
        done.append(Series("points", tuple(lost), (top,) * len(lost), "diverged", "bad", marker="cross"))
    return tuple(done)


def _answer(peak: Any, x: Axis) -> tuple[Mark, ...]:
    marks = []
    if peak.low is not None and peak.high is not None and peak.low < peak.high:
        marks.append(Mark("region", max(peak.low, x.low), min(peak.high, x.high), tone="good"))
    if peak.edge is not None and x.low <= peak.edge <= x.high:
        marks.append(Mark("line", peak.edge, label=f"edge {rate_text(peak.edge)}", tone="bad"))
    if peak.lr is not None:
        marks.append(Mark("line", peak.lr, label=f"peak {rate_text(peak.lr)}", tone="good"))
    return tuple(marks)


def _said(found: Any) -> str:
    lr = getattr(found, "lr", None)
    if lr is None:
        return f"{len(getattr(found, 'curve', found).trials)} trials, loss against learning rate."
    between = "" if found.low is None or found.high is None else f" ({rate_text(found.low)} to {rate_text(found.high)})"
    edge = "" if found.edge is None else f" Runs diverge from {rate_text(found.edge)} on."
    return f"The recommended peak is {rate_text(lr)}{between}.{edge}"
