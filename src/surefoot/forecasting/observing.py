"""What a fit sees of a run: the course of its rates, and a few dozen losses spread evenly over the log of the step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from surefoot.errors import ArgumentError
from surefoot.forecasting.course import Course, Floats, Ints, thinned
from surefoot.forecasting.ran import Past, course_of, logs_rates
from surefoot.history.columns import History
from surefoot.schedule.core import Schedule

POINTS = 48
_TOLD = 3
LEAST = 12
"""Losses a run needs after its warmup. Chosen here: no source."""
SKIPPED = 0.1
"""The share at the start of a run that no law is asked to follow. Chosen here: the laws miss it on published curves."""


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """One run as a fit sees it: ``losses`` [n] after ``steps`` [n] updates of ``course``, each within ``error`` [n].

    ``noise`` is the spread from row to row, ``shift`` what was added to all but the last loss (see ``shifted``).
    """

    course: Course
    steps: Ints
    losses: Floats
    error: Floats
    noise: float
    shift: float = 0.0


def observed(
    histories: Sequence[History], ran: Sequence[Schedule | None], loss: str | None, rise: float = 0.0
) -> tuple[tuple[Observed, ...], str, tuple[str, ...]]:
    """Return what a fit sees of ``histories``, the column it is seen in, and notes; ArgumentError for too little.

    ``loss`` names the column: the validation loss where every run has enough of it unless given. ``ran`` are the
    schedules that they ran under, None where the log tells; ``rise`` see ``Past``.
    """
    column = loss or _column(histories)
    past = Past(max((float(np.nanmax(h["lr"])) for h in histories if logs_rates(h)), default=0.0), rise)
    courses: list[Course] = []
    notes: list[str] = []
    for k, history in enumerate(histories):
        others = [other for other in histories if other is not history]
        course, said = course_of(history, ran[k], _named(k, len(histories)), others, past)
        courses.append(course)
        notes += said
    if len(notes) > _TOLD:
        notes = [notes[0], f"The same of {len(notes) - 1} other runs."]
    rows = [
        _rows(h, column, c, _named(k, len(histories))) for k, (h, c) in enumerate(zip(histories, courses, strict=True))
    ]
    shift = shifted([loss for _, loss in rows])
    if shift:
        notes.append(
            f"The last {column} of each run lies {abs(shift):.4g} {'above' if shift > 0 else 'below'} its curve: it is "
            "taken for an evaluation on other data, and what is forecast is that evaluation."
        )
    seen = [_thinned(c, steps, loss, shift) for c, (steps, loss) in zip(courses, rows, strict=True)]
    return tuple(seen), column, tuple(notes)


def shifted(curves: Sequence[Floats]) -> float:
    """Return by how much the last loss of every curve lies off the curve before it; 0 unless all do, and alike.

    A last evaluation on a larger set does not lie on the curve of a small sample. The curve is carried on to the last
    row by half of its last slope, since a cooldown flattens there. It counts where each curve jumps by 10 times its
    noise and 2 permille of the loss, and all jump alike within a quarter. Chosen here: no source.

    >>> shifted([np.append(np.linspace(3.1, 3.0, 20), 3.04)])
    0.0426
    """
    jumps = []
    for losses in curves:
        before = losses[-6:-1]
        if len(before) < 5:
            return 0.0
        slope, level = np.polyfit(np.arange(-4.0, 1.0), before, 1)
        jump = float(losses[-1] - level - slope / 2)
        if abs(jump) < max(10 * _noise(losses[-40:-1]), 2e-3 * abs(losses[-1])):
            return 0.0
        jumps.append(jump)
    middle = float(np.median(jumps))
    alike = all(abs(jump - middle) <= 0.25 * abs(middle) for jump in jumps)
    return round(middle, 4) if alike else 0.0


def _column(histories: Sequence[History]) -> str:
    return "val_loss" if all(_enough(history) for history in histories) else "loss"


def _enough(history: History) -> bool:
    """Return whether the validation loss is there often enough after the first tenth."""
    if "val_loss" not in history.names:
        return False
    steps = history["step"][np.isfinite(history["val_loss"])]
    return int((steps >= SKIPPED * np.nanmax(history["step"])).sum()) >= LEAST


def _named(k: int, runs: int) -> str:
    return "history" if runs == 1 else f"history[{k}]"


def _rows(history: History, column: str, course: Course, name: str) -> tuple[Ints, Floats]:
    """Return step and loss of the rows that a law is asked to follow."""
    said = np.isfinite(history[column]) & np.isfinite(history["step"])
    # A step that was logged twice, after a resume, counts as it was logged last.
    order = np.argsort(history["step"][said], kind="stable")
    steps = history["step"][said][order].astype(np.int64)
    losses = history[column][said][order]
    last = np.diff(steps, append=np.iinfo(np.int64).max) > 0
    kept = last & (steps >= max(course.warm, SKIPPED * course.total, 1)) & (steps <= course.total)
    steps, losses = steps[kept], losses[kept]
    if len(steps) < LEAST:
        raise ArgumentError(
            f"{name} has {len(steps)} values of {column!r} after its warmup and its first tenth; a forecast needs "
            f"at least {LEAST}: log more often, or name another column with loss=."
        )
    if losses.min() <= 0:
        raise ArgumentError(f"{name} has a {column!r} of {losses.min():.3g}: the laws are of losses > 0.")
    quarter = max(len(losses) // 4, 1)
    if np.median(losses[-quarter:]) >= np.median(losses[:quarter]):
        raise ArgumentError(
            f"{name} ends no lower than it was after its warmup ({column!r}): there is no progress to carry on; see "
            "sf.diagnose."
        )
    return steps, losses


def _thinned(course: Course, steps: Ints, losses: Floats, shift: float) -> Observed:
    """Return about ``POINTS`` of the losses; noisy ones are means of the rows around, the last of those before it."""
    moved = losses + shift
    moved[-1] = losses[-1]
    noise = _noise(moved[:-1] if shift else moved)
    at = np.unique(np.searchsorted(steps, thinned(int(steps[0]), int(steps[-1]), POINTS)).clip(0, len(steps) - 1))
    wanted = (noise / (5e-4 * float(np.median(moved)))) ** 2
    found = [_mean(steps, moved, int(i), wanted) for i in at]
    means = np.array([loss for _, loss, _ in found])
    error = np.array([noise / np.sqrt(rows) for _, _, rows in found])
    middle = np.array([step for step, _, _ in found]).round().astype(np.int64)
    return Observed(course, middle, means, error, noise, shift)


def _mean(steps: Ints, losses: Floats, i: int, wanted: float) -> tuple[float, float, int]:
    """Return mean step, mean loss and number of the rows around row ``i``: ``wanted`` rows, within 5 % of the step."""
    half = int(min(np.ceil((wanted - 1) / 2), len(steps)))
    reach = steps[i] * 0.025
    low, high = max(i - half, 0), min(i + half + 1, len(steps))
    low = max(low, int(np.searchsorted(steps, steps[i] - reach)))
    high = min(high, int(np.searchsorted(steps, steps[i] + reach, side="right")))
    return float(steps[low:high].mean()), float(losses[low:high].mean()), high - low


def _noise(losses: Floats) -> float:
    """Return the standard deviation from row to row: second differences have six times its variance."""
    if len(losses) < 4:
        return 0.0
    bends = np.diff(losses, 2)
    return float(1.4826 * np.median(np.abs(bends - np.median(bends))) / np.sqrt(6))
