"""Repeats: further seeds for the rates of the last rung that its runs cannot tell apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from surefoot.search.climbing import asking, stepped
from surefoot.search.evidence import Climb, Step, judged
from surefoot.search.execution import Bench
from surefoot.search.question import Question
from surefoot.search.rungs import VALIDATION
from surefoot.search.running import Request
from surefoot.trial import Trial

NOISE = 0.006
"""Standard deviation of a final loss over seeds, in units of the whole gain: the median of 15 small tasks."""
_TRUST = 2.0
"""How many observed differences the assumed noise counts as."""
_SURE = 2.0
"""Standard errors by which a rate must be worse to be out of the question."""
_ENOUGH = 0.001
"""The standard error, in units of the gain, below which a further seed could change nothing that matters."""


def contenders(climb: Climb, question: Question, bench: Bench) -> list[Request]:
    """Return the runs to be repeated under one more seed: those within noise of the best; none where that is done.

    Complete runs only, and two of them at least: a run alone has nothing to be compared with.
    """
    if not climb.steps or not climb.steps[-1].rung.whole:
        return []
    step = climb.steps[-1]
    runs = sorted(step.trials, key=judged)
    steps = runs[0].total
    fitting = bench.left // (steps + VALIDATION)
    close = [trial for trial in runs if not trial.failed and _close(trial, runs[0], step, climb)][:fitting]
    if len(close) < 2:
        return []
    seed = max(trial.seed for trial in step.all_runs) + 1
    asked = (asking(question, trial.lr, steps, trial.stage, step.rung) for trial in close)
    return [replace(request, seed=seed) for request in asked]


def repeated(climb: Climb, bench: Bench, again: Sequence[Request]) -> Climb:
    """Run the last rung's contenders under one more seed, and take the mean over seeds for each."""
    step = climb.steps[-1]
    runs = (*step.all_runs, *bench.run(again))
    before = replace(climb, steps=climb.steps[:-1])
    return stepped(before, step.rung, step.fraction, pooled(runs), runs)


def pooled(runs: Sequence[Trial]) -> list[Trial]:
    """Return one trial a rate, its loss the mean over seeds.

    Rates that were run under fewer seeds are compared by the seeds they share with the rest: a seed's own level is
    taken off. A run that failed under any seed has failed.
    """
    rates = list(dict.fromkeys(trial.lr for trial in runs))
    seeds = list(dict.fromkeys(trial.seed for trial in runs))
    loss = {(trial.lr, trial.seed): judged(trial) for trial in runs}
    everywhere = [rate for rate in rates if all(math.isfinite(loss.get((rate, s), math.inf)) for s in seeds)]
    if not everywhere:
        return [trial for trial in runs if trial.seed == seeds[0]]
    level = {s: math.fsum(loss[rate, s] for rate in everywhere) / len(everywhere) for s in seeds}
    usual = math.fsum(level.values()) / len(seeds)
    means = {}
    for rate in rates:
        off = [loss[rate, s] - level[s] for s in seeds if (rate, s) in loss]
        means[rate] = usual + math.fsum(off) / len(off)
    return [_mean(trial, means[trial.lr]) for trial in runs if trial.seed == seeds[0]]


def _mean(trial: Trial, loss: float) -> Trial:
    return replace(trial, loss=loss) if math.isfinite(loss) else replace(trial, loss=loss, status="diverged")


def _close(trial: Trial, best: Trial, step: Step, climb: Climb) -> bool:
    """Say whether more seeds could show the trial to be the best one."""
    if trial.lr == best.lr:
        return True
    gain = climb.start - judged(best)
    error = _error(_differences(trial, best, step), gain)
    return judged(trial) - judged(best) < _SURE * error and error > _ENOUGH * gain


def _differences(trial: Trial, best: Trial, step: Step) -> list[float]:
    loss = {(run.lr, run.seed): run.loss for run in step.all_runs if not run.failed}
    seeds = {seed for rate, seed in loss if rate == best.lr}
    return [loss[trial.lr, seed] - loss[best.lr, seed] for seed in seeds if (trial.lr, seed) in loss]


def _error(differences: Sequence[float], gain: float) -> float:
    """Return the standard error of the mean difference of two rates: assumed noise and observed scatter together."""
    n = max(len(differences), 1)
    mean = math.fsum(differences) / n
    assumed = _TRUST * 2 * (NOISE * gain) ** 2
    variance = (assumed + math.fsum((d - mean) ** 2 for d in differences)) / (_TRUST + n - 1)
    return math.sqrt(variance / n)
