"""What a curve looks like: trials, their mean and how well it is known, the range test, and what rules would say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.chart.data import Axis, Chart, Mark, Series
from surefoot.chart.numbers import drawn_steps, rate_text, smoothed, spread
from surefoot.chart.thinning import binned, thinned
from surefoot.errors import ArgumentError
from surefoot.rules.suggesting import Suggestion, suggestions

Array = NDArray[np.float64]
_RATES = 200
"""Rates above which a mean is taken over neighbours, and no band is drawn."""


def curve_chart(found: Any, *, title: str = "", rules: bool = True) -> Chart:
    """Return the chart of a Curve or a Peak: the rate (log) against the loss, what was tried, and what is recommended.

    The range test is a thin line, with what the field's rules say of it (``rules``); the trials are points by their
    stage, a few hundred of many; diverged ones are crosses at the upper edge. The trials of a sweep have their mean,
    its 90 % band over seeds, and its LR sensitivity; a Peak has its range (shaded), the peak itself, the edge, and what
    was measured of the curvature, within a decade of the rates that ran.
    Raises ArgumentError when there is nothing to draw.
    """
    curve = getattr(found, "curve", found)
    rows = curve.table
    rates = np.concatenate([rows.lr, np.asarray(curve.test_lrs, np.float64)])
    rates = rates[rates > 0]
    if not rates.size:
        raise ArgumentError("curve has neither trials nor a range test: there is nothing to draw.")
    ends = float(rates.min()), float(rates.max())
    beside = [rate for rate in _curvature(found).values() if ends[0] / 10 <= rate <= ends[1] * 10]
    x = Axis("learning rate", *spread((*ends, *beside), log=True, margin=0.03), log=True)
    y = _loss_axis(rows.loss[~rows.lost], curve.test_losses, curve.start_loss)
    line = _mean_lines(curve) if found is curve else ()
    series = (*_test_line(curve.test_lrs, curve.test_losses), *line, *_trial_series(rows, y))
    said = _rules(curve, x) if rules else ()
    marks = said if found is curve else (*said, *_answer(found, x))
    return Chart(title or "Loss by learning rate", x, y, series, marks, _said(found))


def _loss_axis(trials: Array, test: Sequence[float], start: float) -> Axis:
    """Return an axis that shows every trial; a range test's explosion, which has no upper limit, may leave it."""
    means = np.array([v for v in smoothed(test) if math.isfinite(v)])
    found = np.concatenate([trials, means])
    if not found.size:
        return Axis("loss", 0.0, 1.0)
    low = float(found.min())
    ceiling = start * 1.3 if math.isfinite(start) and start > low else float(np.quantile(found, 0.9))
    high = float(np.concatenate([trials, means[means <= ceiling]]).max(initial=low))
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


def _mean_lines(curve: Any) -> tuple[Series, ...]:
    """Return the line through the mean loss of each rate of a sweep, and its band where there are seeds.

    None where stages of a search are mixed: their trials are of different lengths.
    """
    if len(curve.table.stages) != 1:
        return ()
    rates, losses = curve.means()
    tried = len(rates)
    rates, losses = binned(rates, np.where(np.isfinite(losses), losses, np.nan), _RATES)
    value = curve.sensitivity()
    label = "mean" if value is None else f"mean, LR sensitivity {value:.2g}"
    line = Series("line", tuple(rates.tolist()), tuple(losses.tolist()), label, "soft")
    return (*_band(curve, tried), line)


def _band(curve: Any, rates: int) -> tuple[Series, ...]:
    if rates > _RATES or rates == len(curve.table.lr):
        return ()
    found = curve.band()
    kept = [k for k, low in enumerate(found.lows) if math.isfinite(low)]
    if len(kept) < 2:
        return ()
    columns = (tuple(column[k] for k in kept) for column in (found.lrs, found.lows, found.highs))
    lrs, lows, highs = columns
    return (Series("band", lrs, lows, f"{found.level:.0%} interval", "soft", highs),)


def _trial_series(rows: Any, y: Axis) -> tuple[Series, ...]:
    good = ~rows.lost
    stages = [k for k in range(len(rows.stages)) if (good & (rows.stage == k)).any()]
    done = []
    for k in stages:
        here = good & (rows.stage == k)
        lrs, losses = thinned(rows.lr[here], rows.loss[here])
        final = k == stages[-1]
        label, tone = rows.stages[k] or "trials", ("main" if final else "second")
        xs, ys = tuple(lrs.tolist()), tuple(losses.tolist())
        done.append(Series("points", xs, ys, label, tone, marker="dot" if final else "ring"))  # type: ignore[arg-type]  # a conditional of literals
    if not good.all():
        top = y.low + (y.high - y.low) * 0.97 if not y.log else y.high / (y.high / y.low) ** 0.03
        lost, _ = thinned(rows.lr[~good], np.zeros(int((~good).sum())))
        done.append(Series("points", tuple(lost.tolist()), (top,) * len(lost), "diverged", "bad", marker="cross"))
    return tuple(done)


def _rules(curve: Any, x: Axis) -> tuple[Mark, ...]:
    """Return a line for each rate that a rule says, labelled once: rules that agree to three digits share a label."""
    alike: dict[str, list[Suggestion]] = {}
    for said in suggestions(curve):
        alike.setdefault(" to ".join(map(rate_text, said.rates)), []).append(said)
    marks = []
    for text, several in alike.items():
        label = f"{', '.join(one.rule for one in several)} {text}"
        seen = [rate for rate in several[0].rates if x.low <= rate <= x.high]
        marks += [Mark("line", rate, label="" if k else label, tone="soft") for k, rate in enumerate(seen)]
    return tuple(marks)


def _curvature(found: Any) -> dict[str, float]:
    """Return the rates that a Peak's evidence names, by what the picture calls them."""
    evidence = getattr(found, "evidence", {})
    names = {"curvature_edge": "curvature edge", "headroom_edge": "headroom"}
    return {said: evidence[name] for name, said in names.items() if name in evidence}


def _answer(peak: Any, x: Axis) -> tuple[Mark, ...]:
    marks = [
        Mark("line", rate, label=f"{name} {rate_text(rate)}", tone="second")
        for name, rate in _curvature(peak).items()
        if x.low <= rate <= x.high
    ]
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
    curved = "".join(f" The {name} lies at {rate_text(rate)}." for name, rate in _curvature(found).items())
    return f"The recommended peak is {rate_text(lr)}{between}.{edge}{curved}"
