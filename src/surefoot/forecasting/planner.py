"""The planner: every schedule that could be run, with what a law or theory expects of it, ranked, ties said."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from surefoot.errors import ArgumentError
from surefoot.forecasting.bound import bound
from surefoot.forecasting.forecasting import forecast
from surefoot.forecasting.planner_candidates import Candidate, fresh, onward
from surefoot.forecasting.planner_nouns import NOISE, THEORY_TIE, Comparison, Expected, Predict, Prospect
from surefoot.history.columns import History
from surefoot.laws.numbers import positive
from surefoot.schedule import facts
from surefoot.schedule.core import Schedule
from surefoot.schedule.recipes.decays import linear
from surefoot.schedule.recognition.recognising import recognise

_SAME_PEAK = 0.01


def compare(
    run: History | Sequence[History] | Schedule | None = None,
    *,
    total: int,
    ran: Schedule | None = None,
    at: int | None = None,
    peak: float | None = None,
    warmup: int | None = None,
    predict: Predict | None = None,
    theory: bool = False,
    tuned_for: Schedule | None = None,
) -> Comparison:
    """Return the schedules of ``total`` updates, ranked by the final loss that is expected of them.

    ``run`` is a run so far: its History, or several of one model and peak, of which the last is the one to go on; then
    the ways on from it are candidates beside fresh runs. ``ran`` is the schedule it followed (read from its rates
    unless given), ``at`` the updates it has done (its last step), ``warmup`` [updates] and ``peak`` are its own.

    The losses of the run are fitted by a law (see ``forecast``), which expects a final loss of each candidate, all at
    the one peak; another is refused. ``predict`` takes the place of that law. Fitted to 124M runs with decays of .1, .4
    and .9, of half the length and of the same, what it put first was within .001 of the best measured, at 3 peaks [X].

    Without a history, of a Schedule or with ``theory``, the convex bound ranks: theory, at the distance at which
    ``peak`` is the best one for ``tuned_for`` (the plan of the run, else linear to 0), and each fresh run gets the peak
    that is then best for it: a peak never goes from one shape to another unchanged. So it ordered 11 schedules of a
    124M transformer as measured (Kendall's tau 0.95 beyond the noise); with all at one peak it did less well (0.76, at
    a low peak 0.31) [X]. Raises ArgumentError for arguments that do not fit together, and where ``forecast`` does.

    >>> print(compare(total=1000, peak=1e-3).prospects[0])
    1. linear to 0 at 0.001: bound x1.000

    Source: arXiv 2310.07831 (2023), 2501.18965 (2025) [C]; the ties of theory: 124M matrix [X].
    """
    seen = _histories(run)
    plan, done = _applied(seen[-1] if seen else run, ran, at)
    level, whole = _peak(plan, peak), _whole(total)
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
    if predict is None and seen and not theory:
        predict = _forecasts(seen, ran)
    if predict is None or theory:
        found = [_at_its_best(candidate, distance) for candidate in found]
        why = _THEORY.format(peak=tuned.peak, told=told)
        return Comparison(tuple(_by_theory(found, _bounds(found, distance))), "theory", why)
    ranked = tuple(_by_law(found, _bounds(found, distance), predict))
    return Comparison(ranked, "law", _LAW + (_doubt(ranked) if len(seen) == 1 else ""))


_THEORY = (
    "Ranked by the convex bound (arXiv 2310.07831, 2023): theory, no losses. The peak of {peak:.3g} is taken to be the "
    "best one for {told}, each fresh run gets its own; what differs by less than 3 % is a tie."
)
_LAW = (
    "Ranked by a law fitted on runs at this peak; what differs by less than 0.002, the noise of repeats, or by less "
    "than its own interval, is a tie. Such a law never chooses the peak."
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
        near = said[k].loss <= best.loss + NOISE or said[k].low <= best.high
        tied = near if said[k].tied is None else bool(said[k].tied)
        yield Prospect(rank, found[k], relative[k], said[k], tied)


def _doubt(ranked: Sequence[Prospect]) -> str:
    """Return a sentence where theory would rather run what the law does not put among the best."""
    rather = min(ranked, key=lambda prospect: prospect.bound)
    first, other = ranked[0].expected, rather.expected
    if rather.tied or first is None or other is None:
        return ""
    return (
        f" The convex bound would rather run {rather.candidate.name!r}, which the law puts "
        f"{other.loss - first.loss:.2g} behind: a law fitted on one run knows little of other decays; a second "
        "run, with another decay, would tell."
    )


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


def _histories(run: Any) -> tuple[History, ...]:
    found = (run,) if isinstance(run, History) else run
    if found is None or isinstance(found, Schedule):
        return ()
    if not isinstance(found, Sequence) or not found or not all(isinstance(one, History) for one in found):
        raise ArgumentError("run must be a History (sf.read(path) makes one), several, or the Schedule of a run.")
    return tuple(found)


def _forecasts(seen: Sequence[History], ran: Schedule | None) -> Predict:
    def predict(schedules: Sequence[Schedule]) -> list[Expected]:
        known = [None] * (len(seen) - 1) + [ran]
        return [Expected(one.loss, one.low, one.high, one.tied) for one in forecast(seen, schedules, ran=known)]

    return predict


def _applied(run: Any, ran: Schedule | None, at: int | None) -> tuple[Schedule | None, int]:
    """Return the plan a run follows and the updates it has done; None and 0 where there is no run."""
    if run is None:
        if at is not None or ran is not None:
            raise ArgumentError("at= and ran= need a run: pass its history, or the schedule it follows.")
        return None, 0
    if isinstance(run, Schedule):
        if at is None and run.total is None:
            raise ArgumentError("at=None needs a schedule with an end: pass at=, the updates done so far.")
        return run, (run.total or 0) if at is None else at
    plan = ran or recognised(run)
    done = int(run["step"].max()) if at is None else at
    # A log may count its last update from 0 or from 1: a run that has come down to its last rate is over.
    over = plan.total is not None and done == plan.total - 1 and plan(done) < 0.5 * plan.peak
    return plan, done + 1 if over else done


def recognised(history: History) -> Schedule:
    """Return the schedule that the logged rates of ``history`` follow; see ``surefoot.recognise``."""
    if "lr" not in history.names:
        raise ArgumentError("history has no column lr: pass the Schedule that the run follows instead, as ran=.")
    rates, step = history["lr"], history["step"]
    seen = {int(t): float(lr) for t, lr in zip(step, rates, strict=True) if math.isfinite(lr) and t >= 0}
    if not seen:
        raise ArgumentError("history logs no learning rate: pass the Schedule that the run follows instead, as ran=.")
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
