"""The planner: every schedule that could be run, with what a law or theory expects of it, ranked, ties said."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from surefoot.errors import ArgumentError
from surefoot.forecasting.bound import bound
from surefoot.forecasting.planner_candidates import Candidate, fresh, onward
from surefoot.history.columns import History
from surefoot.laws.numbers import positive
from surefoot.schedule import facts
from surefoot.schedule.core import Schedule
from surefoot.schedule.recipes.decays import linear
from surefoot.schedule.recognition.recognising import recognise

NOISE = 0.002
"""Losses [nats] that are closer than this tie: repeats of one 124M configuration differ by 0.0002 to 0.002 [X]."""
THEORY_TIE = 0.03
"""Bounds closer than this share tie: five 124M schedules within 3 % of bound ended within 0.0023 of loss [X]."""
_SAME_PEAK = 0.01


class Expected(NamedTuple):
    """The final ``loss`` a law expects of a schedule, with an interval from ``low`` to ``high``."""

    loss: float
    low: float
    high: float


Predict = Callable[[Sequence[Schedule]], Sequence[Expected]]
"""A law fitted at one peak: the final losses it expects of schedules, in their order."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """A candidate with its rank (from 1), its ``bound`` relative to the lowest of all, and what a law expects.

    ``expected`` is None where only theory speaks. ``tied`` says that it cannot be told from the best one.
    """

    rank: int
    candidate: Candidate
    bound: float
    expected: Expected | None
    tied: bool

    def __str__(self) -> str:
        said = (
            f"bound x{self.bound:.3f}"
            if self.expected is None
            else "loss {:.4f} ({:.4f} to {:.4f})".format(*self.expected)
        )
        start = f" from step {self.candidate.start}" if self.candidate.start else ""
        peak = f" at {self.candidate.schedule.peak:.3g}"
        tie = ", tied with the best" if self.tied and self.rank > 1 else ""
        return f"{self.rank}. {self.candidate.name}{start}{peak}: {said}{tie}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The ``prospects`` from best to worst; ``basis`` is "law" or "theory", ``why`` says what the ranking rests on."""

    prospects: tuple[Prospect, ...]
    basis: str
    why: str

    @property
    def best(self) -> Prospect:
        """The prospect with the lowest expectation; ``choice`` also looks at what a tie costs."""
        return self.prospects[0]

    @property
    def choice(self) -> Prospect:
        """The prospect to run: of those tied with the best, the one of the fewest updates whose rate never rises again.

        What a rise late in a run costs is in no law here: such a way is taken only where it alone is best.
        """
        tied = [prospect for prospect in self.prospects if prospect.tied and not prospect.candidate.rises]
        return min(tied, key=lambda prospect: (prospect.candidate.cost, prospect.rank), default=self.best)

    def __str__(self) -> str:
        return "\n".join((*map(str, self.prospects), self.why))


def compare(
    run: History | Schedule | None = None,
    *,
    total: int,
    peak: float | None = None,
    warmup: int | None = None,
    predict: Predict | None = None,
    at: int | None = None,
    tuned_for: Schedule | None = None,
) -> Comparison:
    """Return the schedules of ``total`` updates, ranked by the final loss that is expected of them.

    ``run`` is a run so far, as a History that logs its rates, or the Schedule it follows with ``at``, the updates done:
    then the ways on from it are candidates beside fresh runs. ``peak`` and ``warmup`` [updates] are those of the run
    unless given. ``predict`` gives the expected losses of schedules, by a law fitted at this peak: all candidates have
    it, and another peak than the run's is refused, since loss-curve laws fail when pooled over peaks.

    Without ``predict`` the convex bound ranks. That is theory, at the distance at which ``peak`` is the best one for
    ``tuned_for`` (the plan of the run, else linear to 0), and each fresh run gets the peak that is then best for it: a
    peak never goes from one shape to another unchanged. So it ordered 11 schedules of a 124M transformer as measured
    (Kendall's tau 0.95 beyond the noise); all at one peak it did so less well (0.76, at a low peak 0.31) [X]. Raises
    ArgumentError for arguments that do not fit together.

    >>> print(compare(total=1000, peak=1e-3).prospects[0])
    1. linear to 0 at 0.001: bound x1.000

    Source: arXiv 2310.07831 (2023), 2501.18965 (2025) [C]; the ties of theory: 124M matrix [X].
    """
    plan, done = _applied(run, at)
    level = _peak(plan, peak)
    whole = _whole(total)
    rise = _warmup(plan, warmup, whole)
    found = list(fresh(level, whole, rise))
    if plan is not None and done < whole:
        found += onward(plan, done, whole)
    tuned, told = tuned_for, "the schedule it was tuned for"
    if tuned is None:
        tuned, told = plan, "the plan of the run"
    if tuned is None or tuned.total is None:
        tuned, told = linear(level, total=whole, warmup=rise), "linear decay to 0"
    distance = tuned.peak / bound(tuned).best_peak
    if predict is None:
        found = [_at_its_best(candidate, distance) for candidate in found]
    relative = _bounds(found, distance)
    if predict is None:
        return Comparison(tuple(_by_theory(found, relative)), "theory", _THEORY.format(peak=tuned.peak, told=told))
    return Comparison(tuple(_by_law(found, relative, predict)), "law", _LAW)


_THEORY = (
    "Ranked by the convex bound (arXiv 2310.07831, 2023): theory, no losses. The peak of {peak:.3g} is taken to be the "
    "best one for {told}, each fresh run gets its own; what differs by less than 3 % is a tie."
)
_LAW = (
    "Ranked by a law fitted on runs at this peak; what differs by less than 0.002, the noise of repeats, or by less "
    "than the intervals, is a tie. A law in summed rates never chooses the peak."
)


def _by_theory(found: Sequence[Candidate], relative: Sequence[float]) -> Iterator[Prospect]:
    order = sorted(range(len(found)), key=lambda k: relative[k])
    for rank, k in enumerate(order, 1):
        yield Prospect(rank, found[k], relative[k], None, relative[k] <= 1.0 + THEORY_TIE)


def _by_law(found: Sequence[Candidate], relative: Sequence[float], predict: Predict) -> Iterator[Prospect]:
    said = predict([candidate.schedule for candidate in found])
    bad = [candidate.name for candidate, one in zip(found, said, strict=True) if not math.isfinite(one.loss)]
    if bad:
        raise ArgumentError(f"predict gave no finite loss for {bad[0]!r}: fit the law on runs at this peak.")
    order = sorted(range(len(found)), key=lambda k: said[k].loss)
    best = said[order[0]]
    for rank, k in enumerate(order, 1):
        tied = said[k].loss <= best.loss + NOISE or said[k].low <= best.high
        yield Prospect(rank, found[k], relative[k], said[k], tied)


def _at_its_best(candidate: Candidate, distance: float) -> Candidate:
    """Return a fresh run at the peak that the bound finds best; what goes on from a run keeps the run's."""
    if candidate.start:
        return candidate
    best = bound(candidate.schedule, distance=distance).best_peak
    return replace(candidate, schedule=candidate.schedule.with_peak(best))


def _bounds(found: Sequence[Candidate], distance: float) -> list[float]:
    """Return each candidate's bound over the lowest."""
    values = [bound(candidate.schedule, distance=distance).value for candidate in found]
    return [value / min(values) for value in values]


def _applied(run: Any, at: int | None) -> tuple[Schedule | None, int]:
    """Return the plan a run follows and the updates it has done; None and 0 where there is no run."""
    if run is None:
        if at is not None:
            raise ArgumentError(f"at={at!r} needs a run: pass its history, or the schedule it follows.")
        return None, 0
    if isinstance(run, Schedule):
        if at is None and run.total is None:
            raise ArgumentError("at=None needs a schedule with an end: pass at=, the updates done so far.")
        return run, (run.total or 0) if at is None else at
    if not isinstance(run, History) or "lr" not in run.names:
        raise ArgumentError("run must be a History with a column lr, or the Schedule that the run follows.")
    plan = recognised(run)
    done = int(run["step"].max()) + 1
    if plan.total is not None:
        done = min(done, plan.total)
    return plan, done if at is None else at


def recognised(history: History) -> Schedule:
    """Return the schedule that the logged rates of ``history`` follow; see ``surefoot.recognise``."""
    rates, step = history["lr"], history["step"]
    seen = {int(t): float(lr) for t, lr in zip(step, rates, strict=True) if math.isfinite(lr) and t >= 0}
    if not seen:
        raise ArgumentError("history logs no learning rate: pass the Schedule that the run follows instead.")
    steps = sorted(seen)
    return recognise([seen[t] for t in steps], steps).schedule


def _peak(plan: Schedule | None, peak: float | None) -> float:
    if plan is None:
        if peak is None:
            raise ArgumentError("peak=None needs a run to take it from: pass peak=, a rate.")
        return positive(peak, "peak", "a rate")
    if peak is not None and not abs(positive(peak, "peak", "a rate") / plan.peak - 1.0) <= _SAME_PEAK:
        raise ArgumentError(
            f"peak={peak!r} is not the peak of the run, {plan.peak:.4g}: laws of loss curves hold at one peak "
            "and never choose it (pooled over peaks they fail); tune the peak, or leave it out."
        )
    return plan.peak


def _whole(total: Any) -> int:
    if isinstance(total, bool) or not isinstance(total, int) or total < 2:
        raise ArgumentError(f"total={total!r} must be an int >= 2: the updates of the whole run.")
    return total


def _warmup(plan: Schedule | None, warmup: int | None, total: int) -> int:
    steps = (0 if plan is None else facts.warmup_steps(plan)) if warmup is None else warmup
    if isinstance(steps, bool) or not isinstance(steps, int) or not 0 <= steps < total:
        raise ArgumentError(f"warmup={steps!r} must be an int >= 0 and below total={total}: updates.")
    return steps
