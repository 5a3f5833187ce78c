"""What runs look like: losses and rates over updates, as charts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from surefoot.chart.data import Axis, Chart, Series, Tone
from surefoot.chart.numbers import LARGEST, POINTS, drawn_steps, rate_text, smoothed, spread
from surefoot.errors import ArgumentError


class Tried(Protocol):
    """What is read of a Trial."""

    @property
    def lr(self) -> float: ...
    @property
    def loss(self) -> float: ...
    @property
    def status(self) -> str: ...
    @property
    def stage(self) -> str: ...
    @property
    def points(self) -> Sequence[int]: ...
    @property
    def losses(self) -> Sequence[float]: ...


def losses_chart(runs: Any, *, title: str = "") -> Chart:
    """Return the chart of loss over update: of a History (its columns by name), or of trials.

    Of trials the best is drawn in the main tone and named by its rate, the others behind it. Raises ArgumentError
    when no run holds a finite loss.
    """
    lines = _history_lines(runs.columns) if hasattr(runs, "columns") else _trial_lines(tuple(runs))
    steps = [s for line in lines for s in line.x]
    losses = [v for line in lines for v in line.y if math.isfinite(v)]
    if not losses:
        raise ArgumentError("runs hold no finite loss: there is nothing to draw.")
    low, high = min(losses), float(np.quantile(losses, 0.995))
    log = low > 0 and high / low > 30
    y = Axis("loss", *spread((low, high), log=log), log=log)
    x = Axis("update", 0.0, float(max((*steps, 1))))
    return Chart(title or "Loss by update", x, y, lines, (), f"{len(lines)} series over {int(x.high)} updates.")


def _history_lines(columns: Mapping[str, NDArray[np.float64]]) -> tuple[Series, ...]:
    steps, losses = columns["step"], columns["loss"]
    kept = np.array(drawn_steps(len(steps), ()), dtype=int)[: len(steps)]
    means = np.array(smoothed(losses.tolist(), 0.95))
    lines = [_line(steps[kept], losses[kept], "loss", "soft"), _line(steps[kept], means[kept], "smoothed", "main")]
    judged = columns.get("val_loss")
    if judged is not None and np.isfinite(judged).any():
        found = np.isfinite(judged)
        lines.append(_line(steps[found], judged[found], "validation", "second"))
    return tuple(lines)


def rates_chart(columns: Mapping[str, NDArray[np.float64]], *, title: str = "") -> Chart | None:
    """Return the chart of the rate that a History logged, by its columns; None where it logged none."""
    rates, steps = columns.get("lr", np.zeros(0)), columns["step"]
    kept = np.flatnonzero((rates >= 0) & (rates <= LARGEST) & np.isfinite(steps)) if rates.size else np.zeros(0, int)
    if kept.size == 0:
        return None
    kept = kept[np.array(drawn_steps(kept.size, ()))]
    x = Axis("update", 0.0, float(max(steps[np.isfinite(steps)].max(), 1.0)))
    y = Axis("learning rate", 0.0, float(rates[kept].max()) * 1.15 or 1.0)
    line = _line(steps[kept], rates[kept], "rate", "main")
    said = f"The rate that was logged, at most {rate_text(float(rates[kept].max()))}."
    return Chart(title or "Logged learning rate", x, y, (line,), (), said)


def _line(x: NDArray[np.float64], y: NDArray[np.float64], label: str, tone: Tone) -> Series:
    return Series("line", tuple(map(float, x)), tuple(map(float, y)), label, tone)


def _trial_lines(trials: tuple[Tried, ...]) -> tuple[Series, ...]:
    drawn = [t for t in trials if len(t.losses) > 1]
    best = min((t for t in drawn if math.isfinite(t.loss)), key=lambda t: t.loss, default=None)
    # All lines together keep to a few thousand points: a page of forty trials stays small, one trial stays fine.
    points = max(24, 4 * POINTS // max(len(drawn), 1))
    others = [_trial_line(t, "soft", "", points) for t in drawn if t is not best]
    return (*others, *([_trial_line(best, "main", f"best, {rate_text(best.lr)}", POINTS)] if best else []))


def _trial_line(trial: Tried, tone: Tone, label: str, points: int) -> Series:
    means = smoothed(trial.losses, 0.8)
    kept = drawn_steps(len(means), (), points)
    return Series("line", tuple(float(trial.points[k]) for k in kept), tuple(means[k] for k in kept), label, tone)
