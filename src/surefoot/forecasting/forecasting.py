"""sf.forecast: what a schedule will do, from one to a few runs at the same peak."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from surefoot.errors import ArgumentError
from surefoot.forecasting.fitting import ACCURACY, fit
from surefoot.forecasting.foreseeing import NEAR, NINE_IN_TEN, Fitted
from surefoot.forecasting.law import LossLaw
from surefoot.forecasting.multipower import MULTIPOWER
from surefoot.forecasting.naming import distinct, named
from surefoot.forecasting.nouns import Forecast, Prediction
from surefoot.forecasting.observing import Observed, observed
from surefoot.forecasting.spreading import constants, drawn
from surefoot.forecasting.tissue import TISSUE
from surefoot.history.columns import History
from surefoot.schedule.core import Schedule

LAWS = {"multi-power": MULTIPOWER, "tissue": TISSUE}
_ALSO = {"mpl": "multi-power", "multipower": "multi-power"}
_TIE = 0.002
"""Losses closer than this are noise: reruns of one configuration differ by .0002 to .002 at 124M [X]."""
_MISSED = 5 * ACCURACY

Histories = History | Iterable[History]
Schedules = Schedule | Iterable[Schedule] | Mapping[str, Schedule]
Ran = Schedule | Sequence[Schedule | None] | None


def forecast(
    history: Histories,
    schedules: Schedules,
    *,
    law: str | LossLaw | None = None,
    ran: Ran = None,
    loss: str | None = None,
) -> Forecast:
    """Return the final loss that a loss-curve law, fitted to ``history``, expects of each of ``schedules``.

    ``loss = L0 + A S1^-alpha - (what the falls of the rate are worth)``, S1 the sum of the rates; the multi-power law
    unless ``law`` is "tissue". ``history`` is one run or a few of one model at one peak, ``schedules`` are whole plans
    from update 0 at the same peak (a mapping names them). ``ran`` is the schedule a run had (one each, None where the
    log has it), ``loss`` the column: the validation loss where all runs have 12 values of it. Steps are updates.

    Intervals hold nine in ten. At one peak the decay is forecast within .003 of loss, twice the horizon within .005 (a
    mean, 124M [X]). Raises ArgumentError for runs or schedules at different peaks (pooled over peaks these laws fail,
    they never choose one), for too few losses, for a run that does not learn, and for an open schedule.

    >>> from surefoot.schedule.recipes.long import wsd
    >>> plan = wsd(1e-3, total=3000, warmup=100, decay=0.3)
    >>> steps = np.arange(0, 3001, 50)
    >>> rates = plan.array(0, 3001)
    >>> losses = 2.5 + 2 * (rates.cumsum()[steps] + 0.02) ** -0.4 - 100 * (1e-3 - rates[steps])
    >>> run = History({"step": steps, "loss": losses, "lr": rates[steps]})
    >>> found = forecast(run, {"long": plan.extend(3000), "same": plan})
    >>> [one.name for one in found.ranking], found.law
    (['long', 'same'], 'multi-power')

    Source: A Multi-Power Law for Loss Curve Prediction (arXiv 2503.12811, 2025); Scaling Law with Learning Rate
    Annealing (arXiv 2408.11029, 2024).
    """
    fitted, column, notes = foresight(history, law=law, ran=ran, loss=loss)
    plans = _plans(schedules)
    ranked = _ranked(fitted, [fitted.predict(plan, name) for name, plan in plans])
    one = fitted.fit
    return Forecast(
        ranked,
        one.law.name,
        one.law.formula,
        str(one.law.source),
        one.law.mark,
        constants(one, fitted.draws),
        fitted.peak,
        column,
        one.sigma,
        tuple((tuple(map(int, run.steps)), tuple(map(float, run.losses))) for run in one.runs),
        notes,
    )


def foresight(
    history: Histories, *, law: str | LossLaw | None = None, ran: Ran = None, loss: str | None = None
) -> tuple[Fitted, str, tuple[str, ...]]:
    """Return the law fitted to ``history`` (as ``forecast`` does), the column it was fitted to, and notes."""
    histories = _histories(history)
    chosen = _law(law)
    runs, column, notes = observed(histories, _schedules_of(ran, len(histories)), loss)
    peaks = [run.course.peak for run in runs]
    if max(peaks) / min(peaks) > 1 + NEAR:
        raise ArgumentError(
            f"history has peaks from {min(peaks):.3g} to {max(peaks):.3g}: loss-curve laws hold at one peak (pooled "
            "over peaks they fail: R2 < 0, off by .06 to .17 at 124M); forecast each peak from its own runs."
        )
    best = fit(chosen, runs)
    rival = fit(TISSUE if chosen is not TISSUE else MULTIPOWER, runs)
    return Fitted(best, rival, drawn(best)), column, (*_doubts(runs, best.sigma), *notes)


def _doubts(runs: Sequence[Observed], sigma: float) -> tuple[str, ...]:
    """Return what to doubt in a fit: a decay that no run has, a rate that no run holds, runs that are not alike."""
    notes = []
    if not any(run.course.falls for run in runs):
        notes.append(
            "No run lets its rate fall, so what a decay is worth is not from your runs but from published ones, .033 "
            "to .062 of the loss (arXiv 2503.12811) [X]: the intervals are wide; a run with a decay narrows them."
        )
    elif len(runs) == 1 and _falls_all_along(runs[0]):
        notes.append(
            "One run whose rate falls all along cannot tell what the decay did from what the time did: a second run, "
            "or one with a hold, narrows the intervals."
        )
    if sigma > _MISSED:
        notes.append(f"The law misses these runs by {sigma:.2g} of the loss: are they of one model, and undisturbed?")
    return tuple(notes)


def _falls_all_along(run: Observed) -> bool:
    shares = run.course.shares[run.course.warm :]
    return bool(np.mean(shares >= 1 - NEAR) < 0.2)


def _ranked(fitted: Fitted, found: Sequence[Prediction]) -> tuple[Prediction, ...]:
    """Return the predictions in their order, each with its rank and whether it ties with the best."""
    order = sorted(range(len(found)), key=lambda k: found[k].loss)
    best = fitted.course(found[order[0]].schedule, "")
    made = list(found)
    for place, k in enumerate(order):
        apart, sigma = fitted.difference(fitted.course(found[k].schedule, ""), best)
        made[k] = replace(found[k], rank=place + 1, tied=apart <= max(_TIE, NINE_IN_TEN * sigma))
    return tuple(made)


def _law(law: str | LossLaw | None) -> LossLaw:
    if law is None:
        return MULTIPOWER
    if isinstance(law, LossLaw):
        return law
    name = _ALSO.get(str(law).lower(), str(law).lower())
    if name not in LAWS:
        raise ArgumentError(f"law={law!r} must be one of {', '.join(LAWS)}, or a LossLaw.")
    return LAWS[name]


def _histories(history: Any) -> tuple[History, ...]:
    found = (history,) if isinstance(history, History) else tuple(history) if isinstance(history, Iterable) else ()
    if not found or not all(isinstance(one, History) for one in found):
        raise ArgumentError(f"history={history!r} must be a History (sf.read(path) makes one), or several.")
    return found


def _schedules_of(ran: Any, runs: int) -> tuple[Schedule | None, ...]:
    found = (
        (ran,) * runs if ran is None or isinstance(ran, Schedule) else tuple(ran) if isinstance(ran, Iterable) else ()
    )
    if len(found) != runs or not all(one is None or isinstance(one, Schedule) for one in found):
        raise ArgumentError(f"ran={ran!r} must be the Schedule that the runs had, or a list of one (or None) for each.")
    return found


def _plans(schedules: Any) -> tuple[tuple[str, Schedule], ...]:
    """Return names and schedules; ArgumentError unless there is at least one, all of them schedules."""
    given = schedules
    if isinstance(schedules, Schedule):
        given = (schedules,)
    plans = tuple(given.values()) if isinstance(given, Mapping) else tuple(given) if isinstance(given, Iterable) else ()
    if not plans or not all(isinstance(plan, Schedule) for plan in plans):
        raise ArgumentError(f"schedules={schedules!r} must be a Schedule, such as sf.cosine(...), or several.")
    if isinstance(given, Mapping):
        return tuple(zip(map(str, given), plans, strict=True))
    return tuple(zip(distinct(map(named, plans)), plans, strict=True))
