"""Fitting a law to the runs of a user, and what to doubt in the fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from surefoot.errors import ArgumentError
from surefoot.forecasting.arguments import Histories, Ran, histories_of, law_of, ran_of
from surefoot.forecasting.fitting import ACCURACY, fit
from surefoot.forecasting.foreseeing import NEAR, Fitted
from surefoot.forecasting.law import LossLaw
from surefoot.forecasting.multipower import MULTIPOWER
from surefoot.forecasting.observing import Observed, observed
from surefoot.forecasting.ran import silent
from surefoot.forecasting.spreading import drawn
from surefoot.forecasting.tissue import TISSUE

_RISES = (0.25, 0.5, 0.75, 1.0)
_MISSED = 5 * ACCURACY


def foresight(
    history: Histories, *, law: str | LossLaw | None = None, ran: Ran = None, loss: str | None = None
) -> Fitted:
    """Return a law fitted to ``history``, as ``forecast`` does: its ``predict(schedule)`` is a Prediction."""
    histories = histories_of(history)
    chosen = law_of(law)
    schedules = ran_of(ran, len(histories))
    runs, column, notes = observed(histories, schedules, loss)
    best = fit(chosen, _alike(runs))
    if any(silent(h, plan, [o for o in histories if o is not h]) for h, plan in zip(histories, schedules, strict=True)):
        for rise in _RISES:
            again, _, said = observed(histories, schedules, loss, rise)
            other = fit(chosen, _alike(again))
            if other.cost < best.cost:
                best, notes = other, said
    rival = fit(TISSUE if chosen is not TISSUE else MULTIPOWER, best.runs)
    return Fitted(best, rival, drawn(best), column, (*_doubts(best.runs, best.sigma), *notes))


def _alike(runs: Sequence[Observed]) -> tuple[Observed, ...]:
    """Return the runs with rates in units of one peak, the highest; ArgumentError where their peaks differ."""
    peaks = [run.course.peak for run in runs]
    if max(peaks) / min(peaks) > 1 + NEAR:
        raise ArgumentError(
            f"history has peaks from {min(peaks):.3g} to {max(peaks):.3g}: loss-curve laws hold at one peak (pooled "
            "over peaks they fail: R2 < 0, off by .06 to .17 at 124M); forecast each peak from its own runs."
        )
    return tuple(replace(run, course=run.course.at(max(peaks))) for run in runs)


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
