"""From a fit to what it expects of a schedule: the final loss, its interval, the curve, the elbow of a decay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from surefoot.errors import ArgumentError
from surefoot.forecasting.course import Course, Floats, thinned
from surefoot.forecasting.fitting import Fit
from surefoot.forecasting.naming import named
from surefoot.forecasting.nouns import Prediction
from surefoot.forecasting.planner_elbow import Elbow
from surefoot.forecasting.spreading import RERUN, losses_drawn
from surefoot.schedule import facts
from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import hold
from surefoot.schedule.slices import before

NINE_IN_TEN = 1.645
NEAR = 0.05
"""Peaks within a twentieth of one another count as one: a sparse log of a decay may miss its highest rate."""
# Relative to the loss; the law's own error is that of three runs, and more for fewer. Set so that nine in ten intervals
# hold on 339 forecasts of published curves (25M, 100M, 124M), from one run, two, three, and all shorter horizons: the
# count is in-sample (benchmarks/results/laws_curves.md).
_LAW, _BETWEEN, _DOUBLING = 1.2e-3, 0.6, 1.5e-3
_FEW = {1: 4.0, 2: 2.0}
_POINTS = 120


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A law fitted to runs at one peak, with all it takes to say how sure it is.

    ``fit`` is what is forecast with, ``rival`` another law fitted to the same runs (their difference is part of the
    interval), ``draws`` [draws, p] sets of constants that would do as well. ``column`` was fitted, ``notes`` are what
    to doubt.
    """

    fit: Fit
    rival: Fit
    draws: Floats
    column: str = "loss"
    notes: tuple[str, ...] = ()

    @property
    def peak(self) -> float:
        """The peak of the runs."""
        return self.fit.runs[0].course.peak

    @property
    def warmup(self) -> int:
        """The updates before the first run reached its peak."""
        return self.fit.runs[0].course.warm

    @property
    def longest(self) -> int:
        """The last update of the longest run."""
        return max(run.course.total for run in self.fit.runs)

    def predict(self, schedule: Schedule, name: str = "") -> Prediction:
        """Return what the law expects of ``schedule``; ArgumentError if it is open or has another peak."""
        label = name or named(schedule)
        course = self.course(schedule, label)
        steps = thinned(max(course.warm, course.total // 50, 1), course.total, _POINTS)
        losses = self.fit.losses(course, steps)
        loss = float(losses[-1])
        half = NINE_IN_TEN * loss * self.spread(course)
        return Prediction(
            label,
            schedule,
            loss,
            max(loss - half, 0.0),
            loss + half,
            tuple(map(int, steps)),
            tuple(map(float, losses)),
            self.elbow(schedule, course),
            self._notes(course),
        )

    def course(self, schedule: Schedule, name: str) -> Course:
        """Return the course of ``schedule``; ArgumentError if it is open or has another peak than the runs."""
        if not isinstance(schedule, Schedule):
            raise ArgumentError(f"schedules hold {schedule!r}: each must be a Schedule, such as sf.cosine(...).")
        if schedule.total is None:
            raise ArgumentError(f"{name} is open: a forecast needs an end; cut it with head(total).")
        course = Course.of(schedule.array(), name)
        if abs(course.peak / self.peak - 1) > NEAR:
            raise ArgumentError(
                f"{name} peaks at {course.peak:.3g}, the runs at {self.peak:.3g}: loss-curve laws hold at one peak and "
                "never choose it (pooled over peaks they fail: R2 < 0, off by .06 to .17 at 124M); forecast each peak "
                "from its own runs, and choose the peak with sf.tune or sf.transfer."
            )
        return course.at(self.peak)

    def spread(self, course: Course) -> float:
        """Return the standard deviation of the final loss of ``course``, relative to the loss."""
        end = np.array([course.total])
        drawn = losses_drawn(self.fit, self.draws, course, end)[:, 0]
        between = np.log(self.fit.losses(course, end)[0] / self.rival.losses(course, end)[0])
        beyond = max(np.log2(course.total / self.longest), 0.0)
        law = _LAW * _FEW.get(len(self.fit.runs), 1.0)
        parts = (np.std(np.log(drawn)), law, _BETWEEN * between, _DOUBLING * beyond, RERUN)
        return float(np.linalg.norm(np.array(parts)))

    def difference(self, one: Course, other: Course) -> tuple[float, float]:
        """Return by how much ``one`` ends above ``other``, and its standard deviation, what both share left out."""
        a, b = np.array([one.total]), np.array([other.total])
        drawn = losses_drawn(self.fit, self.draws, one, a)[:, 0] - losses_drawn(self.fit, self.draws, other, b)[:, 0]
        own = float(self.fit.losses(one, a)[0] - self.fit.losses(other, b)[0])
        rival = float(self.rival.losses(one, a)[0] - self.rival.losses(other, b)[0])
        return own, float(np.hypot(np.std(drawn), _BETWEEN * (own - rival)))

    def elbow(self, schedule: Schedule, course: Course) -> Elbow | None:
        """Return what the last decay of ``schedule`` is worth against a hold carried on; None without a hold before."""
        start = facts.decay_start(schedule)
        if start is None or start - course.warm < course.total // 20 or start >= course.total:
            return None
        level = schedule(start - 1) / schedule.peak
        held = Course.of(Schedule(schedule.peak, (*before(schedule, start), hold(course.total - start, level))).array())
        steps = np.unique(np.linspace(start, course.total, 33).round().astype(np.int64))
        depth, sigma = self.difference(held, course)
        come: Floats = self.fit.losses(held, steps) - self.fit.losses(course, steps)
        middle = int(steps[int(np.argmax(come >= depth / 2))])
        return Elbow(start, middle, depth, depth - NINE_IN_TEN * sigma, depth + NINE_IN_TEN * sigma)

    def _notes(self, course: Course) -> tuple[str, ...]:
        notes = []
        if course.idle_end > course.total / 100:
            notes.append(f"The last {course.idle_end} updates have (almost) no rate and change nothing: not counted.")
        times = course.total / self.longest
        if times > 1.5:
            notes.append(
                f"{times:.3g} times as long as the longest run: such forecasts were off by .004 of loss on average at "
                "124M, twice as long [X]" + ("; nothing is known this far out." if times > 3 else ".")
            )
        if course.total < min(int(run.steps[0]) for run in self.fit.runs):
            notes.append("Shorter than the part of the runs that was skipped at their start: not to be trusted.")
        return tuple(notes)
