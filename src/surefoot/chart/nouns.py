"""What a schedule looks like, as data.

A schedule is described by what is read from it, so that it can show itself (``_repr_html_``) by calling down.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from surefoot.chart.data import Axis, Chart, Mark, Series
from surefoot.chart.numbers import drawn_steps, rate_text
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
