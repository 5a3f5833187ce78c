"""Optuna's tree-structured Parzen estimator with successive halving, asked until the budget is spent."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from methods import Answer, Counted
from setup import Entry

RUNGS = (1 / 16, 1 / 4, 1.0)
"""Fractions of a full run at which a trial is judged, and may be pruned."""


def halving(budget: float, entry: Entry, seed: int) -> Answer:
    """Ask for rates between 1e-6 and 10 until ``budget`` runs are spent; the answer is the best of the longest."""
    import optuna  # noqa: PLC0415  a peer that need not be there

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=4)
    # The first ten rates are random: under one state for all tasks the whole table would rest on three draws of them.
    state = int(np.random.SeedSequence([seed, *entry.name.encode()]).generate_state(1)[0])
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=state), pruner=pruner)
    task = Counted(entry)
    while task.runs < budget:
        trial = study.ask()
        loss = _run(task, trial, seed, budget)
        if loss is None:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, loss)
    # A rung is called by its share of a run in sixteenths, because Optuna's are whole numbers.
    longest = max((max(t.intermediate_values, default=0) for t in study.trials), default=0)
    ends = {t.params["lr"]: t.intermediate_values[longest] for t in study.trials if longest in t.intermediate_values}
    lr = min(ends, key=lambda rate: ends[rate], default=None)
    return Answer(entry.name, f"Optuna {budget:g}", seed, lr, None, None, task.runs)


def _run(task: Counted, trial: Any, seed: int, budget: float) -> float | None:
    """Return the loss at the end; None if the trial was pruned, diverged, or the budget ran out."""
    total = task.entry.total
    rungs = {max(round(share * total), 1) - 1: round(share * 16) for share in RUNGS}
    loss = None
    for reading in task(task.entry.recipe(trial.suggest_float("lr", 1e-6, 10, log=True), total), seed=seed):
        if not math.isfinite(reading.loss) or task.runs >= budget:
            return None
        if reading.step in rungs:
            loss = reading.val_loss()  # type: ignore[operator]  # every task of the suite gives a function
            if not math.isfinite(loss):
                return None
            trial.report(loss, rungs[reading.step])
            if reading.step < total - 1 and trial.should_prune():
                return None
    return loss
