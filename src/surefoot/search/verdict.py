"""The verdict: from what a climb showed to a recommended peak, with its range, its confidence and its reason."""

from __future__ import annotations

import math
from dataclasses import dataclass

from surefoot.curve import Curve, Peak
from surefoot.search.belief import Belief, believed
from surefoot.search.climbing import bracket
from surefoot.search.evidence import Climb, Step, apart, broken_above, deaf, judged, resolved, trained
from surefoot.search.execution import Bench
from surefoot.search.memorising import memorising
from surefoot.search.question import Question
from surefoot.search.ranging import LOW, rising
from surefoot.search.rungs import SHORTEST, VALIDATION

_MEAN_RATE = 0.5
_MARGIN = 2.5
"""Octaves to stay below a rate that broke a short run."""
_ABOVE = 0.35
_TOLD, _BELOW, _BELOW_RUNS = 0.09, 0.8, 0.4
"""From probes of T/11 on the answer lies at most so many octaves below their parabola (mean 3.8 to 3.6 % for T/8), and
where that goes through complete runs, one of them worse on either side, at most so many."""
_MEMORISED = 0.2
_STEEP = 0.08
"""The regret of the next lower rate from which the highest one, if best, is not too high (find: mean 4.8 to 4.5 %)."""
_MORE, _NARROWEST, _WIDEST = 0.02, 0.35, 1.0
"""The expected regret that a region may add to that of the peak, and the octaves it reaches at least and at most."""
_SHORT = 0.18
"""The share of a run up to which a probe is short: T/8, and what a budget makes of it."""


@dataclass(frozen=True, slots=True)
class _Aim:
    """Where to aim, in octaves, and what moved it there."""

    octave: float
    notes: tuple[str, ...] = ()

    def moved(self, octaves: float, why: str) -> _Aim:
        return self if abs(octaves) < 0.01 else _Aim(self.octave + octaves, self.notes).noted(why)

    def noted(self, why: str) -> _Aim:
        return _Aim(self.octave, (*self.notes, why))


def verdict(climb: Climb, question: Question, bench: Bench, *, verb: str, interrupted: bool = False) -> Peak:
    """Return the answer that the climb so far carries; its ``lr`` is None where it carries none."""
    curve = curve_of(climb, question, bench, interrupted=interrupted)
    if climb.steps:
        peak = _from_trials(climb, question, curve)
    elif climb.marks is not None:
        peak = _from_test(climb, question, curve)
    else:
        peak = _nothing(curve, "the search was stopped before its first trial ended.")
    note = " The search was interrupted: this is the best answer so far." if interrupted else ""
    return Peak(
        peak.lr,
        peak.low,
        peak.high,
        peak.edge,
        verb,
        round(peak.confidence * (0.8 if interrupted else 1.0), 3),
        bench.spent,
        peak.why + note,
        question.total,
        bench.seconds,
        curve,
    )


def too_small(question: Question, bench: Bench, verb: str) -> Peak:
    """Return the answer to a question whose budget allows no trial at all."""
    least = SHORTEST + VALIDATION
    why = (
        f"a budget of {question.updates} updates allows no trial: give at least {least} "
        f"(budget={least / question.total:.2g} for total={question.total})."
    )
    return Peak(None, None, None, None, verb, 0.0, bench.spent, why, question.total, bench.seconds)


def curve_of(climb: Climb, question: Question, bench: Bench, *, interrupted: bool = False) -> Curve:
    """Return everything that was measured as a Curve, the range test as its own columns."""
    trials = tuple(trial for trial in bench.trials if trial is not climb.test)
    if climb.test is None:
        return Curve(trials, climb.start, interrupted=interrupted)
    low = question.low or LOW
    rates = rising(low, climb.test.lr, climb.test.total).array(0, climb.test.steps)
    return Curve(trials, climb.start, tuple(rates.tolist()), climb.test.losses, interrupted)


def _from_trials(climb: Climb, question: Question, curve: Curve) -> Peak:
    step = _deepest(climb)
    best = min(step.trials, key=judged)
    error = 0.5 * climb.tolerance if curve.validated else 4 * climb.noise / math.sqrt(best.total / 10)
    fell = judged(best) < climb.start - max(error, 1e-6 * abs(climb.start))
    if not (fell or any(trained(trial, climb) or apart(trial, climb) for trial in step.trials)):
        return _nothing(curve, _why_not(climb, step, climb.noise))
    if deaf(curve.trials):
        return _nothing(curve, "the loss does not depend on the rate: apply schedule(step) in the task.")
    belief = believed(climb, 1.0, whole=True)
    aim = _aimed(climb, question, step, belief)
    lr = min(max(2.0**aim.octave, question.low or 0.0), question.high or math.inf)
    low, high = _region(belief, math.log2(lr))
    why = _why(climb, step, curve, aim)
    return Peak(lr, 2.0**low, 2.0**high, _edge(climb, curve, lr), "", _confidence(step, curve), 0, why)


def _deepest(climb: Climb) -> Step:
    """Return the last rung that has an answer; one cut short by Ctrl-C after a single trial has none."""
    for step in reversed(climb.steps):
        if len(step.trials) > 1 and resolved(step.trials, climb):
            return step
    return climb.steps[-1]


def _aimed(climb: Climb, question: Question, step: Step, belief: Belief | None) -> _Aim:
    fraction = min(step.fraction, 1.0)
    by_heart = memorising(climb) > _MEMORISED
    aim = _Aim(step.parabola.center if belief is None else belief.aim())
    if step.parabola.inside and step.parabola.curvature > 0:
        # Where the belief lies above a parabola that has both its sides, it has taken a cliff for a misfit.
        aim = aim.moved(min(step.parabola.center - aim.octave, 0.0), "kept from going above the parabola through them")
    if fraction >= _TOLD and not by_heart:
        below = _BELOW_RUNS if step.rung.whole and step.parabola.inside else _BELOW
        aim = aim.moved(max(step.parabola.center - below - aim.octave, 0.0), "kept near the parabola through them")
    rising = None if step.rung.whole or len(climb.steps) < 2 else _rising(step, climb)
    if rising is not None and not by_heart:
        aim = aim.moved(max(rising - aim.octave, 0.0), "kept at the best of them, up to which the loss still falls")
    # Hardly above what was tried: twice too high costs more than twice too low.
    highest = max(math.log2(trial.lr) for trial in step.trials) + (0.0 if step.rung.whole else _ABOVE)
    aim = aim.moved(min(highest - aim.octave, 0.0), "kept from going above what was tried")
    if fraction < 1 and by_heart:
        aim = aim.noted("longer runs memorise, so the full one wants less")
    broken = broken_above(step, climb)
    if broken is not None:
        margin = _MARGIN if fraction <= _SHORT else 0.4 * _MARGIN
        aim = aim.moved(min(broken - margin - aim.octave, 0.0), "a higher rate diverged, and longer runs break sooner")
    if not step.rung.whole:
        aim = aim.moved(_for_recipe(question), "the recipe's mean rate is not half its peak")
    return aim


def _rising(step: Step, climb: Climb) -> float | None:
    """Return the octave of the highest rate that did not fail, if it is the best by far; else None."""
    known = sorted((trial for trial in step.trials if not trial.failed), key=lambda trial: trial.lr)
    if len(known) < 2 or min(known, key=judged) is not known[-1]:
        return None
    gain = climb.start - known[-1].loss
    return math.log2(known[-1].lr) if known[-2].loss - known[-1].loss > _STEEP * gain else None


def _region(belief: Belief | None, octave: float) -> tuple[float, float]:
    """Return the octaves that should hold a rate within a percent of the best and hardly one that is much worse."""
    low, high = (octave, octave) if belief is None else belief.region(octave, _MORE, _WIDEST)
    return min(low, octave - _NARROWEST), max(high, octave + _NARROWEST)


def _for_recipe(question: Question) -> float:
    """Return half the octaves between the recipe's mean rate and that of warmup and cosine (a hypothesis).

    Probes were calibrated on runs whose mean rate is about half their peak; a recipe that holds its peak for longer
    wants a lower one.
    """
    rates = question.recipe(1.0, question.total).array()
    mean = float(rates.mean()) / max(float(rates.max()), 1e-12)
    octaves = 0.5 * math.log2(_MEAN_RATE / max(mean, 1e-3))
    return octaves if abs(octaves) > 0.1 else 0.0


def _edge(climb: Climb, curve: Curve, lr: float) -> float | None:
    blew = None if climb.marks is None or climb.marks.blew is None else 2.0**climb.marks.blew
    seen = [t.lr for t in curve.trials if t.lr > lr and (t.failed or t.status == "stuck")]
    return min([*seen, *([] if blew is None else [blew])], default=None)


def _confidence(step: Step, curve: Curve) -> float:
    doublings = math.log2(1 / min(step.fraction, 1.0))
    sure = 0.95 - 0.1 * doublings
    sure -= 0.0 if step.parabola.inside else 0.15
    sure -= 0.0 if step.parabola.curvature > 0 else 0.1
    sure -= 0.0 if curve.validated else 0.1
    return min(max(sure, 0.1), 0.95)


def _why(climb: Climb, step: Step, curve: Curve, aim: _Aim) -> str:
    best = min(step.trials, key=judged)
    kind = "validation loss" if curve.validated else "training loss (the task gives no val_loss)"
    runs = "runs of the recipe" if step.rung.whole else "probes"
    seeds = len({run.seed for run in step.all_runs})
    under = f" under up to {seeds} seeds" if seeds > 1 else ""
    tried = (
        f"{len(step.all_runs)} {runs} of {best.total} updates{under}, judged by {kind}, put the best near {best.lr:.2g}"
    )
    fall = f" (loss {climb.start:.3g} to {best.loss:.3g})"
    side = "" if step.parabola.inside else ", at the end of what could be tried"
    moved = "".join(f"; {note}" for note in aim.notes)
    settled = "; more runs would have changed nothing, so they were not made" if climb.settled else ""
    return f"{tried}{fall}{side}{moved}{settled}."


def _why_not(climb: Climb, step: Step, noise: float) -> str:
    if all(trial.failed for trial in step.trials):
        low = min(step.trials, key=lambda trial: trial.lr)
        return f"every run diverged, down to a rate of {low.lr:.2g} ({low.message}): look at the data and the loss."
    best = min(step.trials, key=judged)
    within = " by more than its noise" if noise > 0 else ""
    return (
        f"the loss never fell{within}: {climb.start:.4g} at the start, {best.loss:.4g} after {best.total} updates at "
        f"the best rate tried, {best.lr:.2g}; check that the task applies schedule(step) and can learn so soon."
    )


def _nothing(curve: Curve, why: str) -> Peak:
    return Peak(None, None, None, curve.edge, "", 0.0, 0, why)


def _from_test(climb: Climb, question: Question, curve: Curve) -> Peak:
    """Answer from the range test alone: a bracket of some five octaves, no more."""
    marks = climb.marks
    if marks is None or not marks.gain > 3 * marks.noise / math.sqrt(3):
        return _nothing(curve, "the loss did not fall in the range test: give a budget for probes (budget=, total=).")
    octave = bracket(marks)
    lr = min(max(2.0**octave, question.low or 0.0), question.high or math.inf)
    edge = None if marks.blew is None else 2.0**marks.blew
    seen = "never blew up" if edge is None else f"blew up at {edge:.2g}"
    why = f"a range test alone, which {seen}: only a bracket; runs at fixed rates have to settle it."
    return Peak(lr, lr / 2**2.6, lr * 2**2.6, edge, "", 0.2, 0, why)
