"""sf.forecast: what a schedule will do, from one to a few runs at the same peak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from surefoot.forecasting.arguments import Histories, Ran, Schedules, plans_of
from surefoot.forecasting.foreseeing import NINE_IN_TEN, Fitted
from surefoot.forecasting.foresight import foresight
from surefoot.forecasting.law import LossLaw
from surefoot.forecasting.nouns import Forecast, Prediction
from surefoot.forecasting.spreading import constants

_TIE = 0.002
"""Losses closer than this are noise: reruns of one configuration differ by .0002 to .002 at 124M [X]."""


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

    >>> import numpy as np
    >>> from surefoot.history.columns import History
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
    return foreseen(foresight(history, law=law, ran=ran, loss=loss), schedules)


def foreseen(fitted: Fitted, schedules: Schedules) -> Forecast:
    """Return what ``fitted`` expects of each of ``schedules``, ranked."""
    plans = plans_of(schedules)
    one = fitted.fit
    return Forecast(
        _ranked(fitted, [fitted.predict(plan, name) for name, plan in plans]),
        one.law.name,
        one.law.formula,
        str(one.law.source),
        one.law.mark,
        constants(one, fitted.draws),
        fitted.peak,
        fitted.column,
        one.sigma,
        tuple((tuple(map(int, run.steps)), tuple(map(float, run.losses))) for run in one.runs),
        fitted.notes,
    )


def _ranked(fitted: Fitted, found: Sequence[Prediction]) -> tuple[Prediction, ...]:
    """Return the predictions in their order, each with its rank and whether it ties with the best."""
    order = sorted(range(len(found)), key=lambda k: found[k].loss)
    best = fitted.course(found[order[0]].schedule, "")
    made = list(found)
    for place, k in enumerate(order):
        apart, sigma = fitted.difference(fitted.course(found[k].schedule, ""), best)
        made[k] = replace(found[k], rank=place + 1, tied=apart <= max(_TIE, NINE_IN_TEN * sigma))
    return tuple(made)
