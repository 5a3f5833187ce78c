"""Outcomes: what became of a run that was made here, as facts, and the label that fault and outcome give it.

The facts are taken from every update and every validation, whatever the logger then leaves of them; no detector of
surefoot is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from labels import (
    COLLAPSED,
    DIVERGED,
    HEALTHY,
    NAN,
    NOT_TRAINING,
    OSCILLATING,
    OVERFITTING,
    SLOW,
    SPIKES,
    STUCK,
    UNCLEAR,
)  # fmt: skip
from training import Fault

DISTURBED = frozenset({"resume", "rate", "batch"})
"""Faults that happen at one time in a run that is well otherwise."""


@dataclass(frozen=True)
class Facts:
    """A run in numbers.

    ``start, low, end``: validation loss at initialisation, lowest (running median of three), and last (median of
    three). ``first, middle, late, tail, top``: training loss of the first update, means over 60-75 %, 75-90 % and the
    last 10 % of the run, highest mean of five. ``spread``: standard error of ``tail``. ``then``: training loss when
    validation was lowest. ``bad``: updates whose loss is not finite. ``turns``: share of updates in the second half at
    which the loss turns round; ``swing``: its median step there, by its median. ``jump``: highest loss in the 2 % of
    the run after a fault, by the median ``level`` of those before; ``noise``: their spread, by the same.
    """

    start: float
    low: float
    end: float
    first: float
    middle: float
    late: float
    tail: float
    top: float
    spread: float
    then: float
    bad: int
    turns: float
    swing: float
    jump: float
    noise: float
    chance: float
    level: float = np.nan

    def row(self) -> dict[str, float]:
        return {name: float(f"{value:.5g}") for name, value in asdict(self).items()}


def facts(run: Mapping[str, np.ndarray], chance: float, fault: Fault) -> Facts:
    loss, total = run["loss"], len(run["loss"])
    judged = np.flatnonzero(np.isfinite(run["val_loss"]))
    val = run["val_loss"][judged]
    smooth = np.array([np.median(val[max(k - 1, 0) : k + 2]) for k in range(len(val))])
    lowest = int(judged[smooth.argmin()])
    half = loss[total // 2 :]
    steps = np.diff(half)
    at = int(fault.at * total)
    before, after = loss[max(at - 20, 0) : at], loss[at : at + max(total // 50, 5)]
    level, part = np.median(before), lambda a, b: float(loss[int(a * total) : int(b * total)].mean())
    return Facts(
        *(float(val[0]), float(smooth.min()), float(np.median(val[-3:])) if judged[-1] == total - 1 else np.nan),
        *(float(loss[0]), part(0.6, 0.75), part(0.75, 0.9), part(0.9, 1)),
        float(np.convolve(loss, np.ones(5) / 5, "valid").max()),
        float(loss[-total // 10 :].std() / (total / 10) ** 0.5),
        float(loss[max(lowest - total // 20, 0) : lowest + total // 20 + 1].mean()),
        int((~np.isfinite(loss)).sum()),
        float(np.mean(np.sign(steps[1:]) * np.sign(steps[:-1]) < 0)),
        float(np.median(np.abs(steps)) / np.median(half)),
        float(after.max() / level),
        float(1.4826 * np.median(np.abs(before - level)) / level),
        chance,
    )  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A run with what was done to it: ``multiple`` of the best rate, ``regret`` = (end - best) / (start - best).

    ``validated`` says whether its log holds validation losses.
    """

    run: Facts
    fault: Fault
    multiple: float
    regret: float
    validated: bool


def label(run: Facts, fault: Fault, multiple: float, tuned: float, *, validated: bool = True) -> tuple[str, str]:
    """Return the label of a run at ``multiple`` times the best rate, whose best sister ends at ``tuned``, and why.

    In this order: nan (losses that are not finite, up to the end), then as the functions below say. What is left is
    unclear, and not counted.
    """
    regret = (run.end - tuned) / (run.start - tuned)
    said = f"{fault.kind}, x {multiple:.2g}, regret {100 * regret:.0f} %, train {run.first:.2g} to {run.tail:.2g}"
    if run.bad:
        return (NAN if not np.isfinite(run.tail) else UNCLEAR), said
    case = Case(run, fault, multiple, regret, validated)
    found = (rule(case) for rule in (_untrained, _high, _oscillating, _overfitting, _disturbed, _slow, _healthy))
    return next((one for one in found if one), UNCLEAR), said


def _untrained(case: Case) -> str:
    """Not training: the optimizer holds no weight of the model, or labels are random and it learns under 5 %."""
    run, kind = case.run, case.fault.kind
    random = kind == "shuffled" and run.first * 0.95 <= run.tail <= run.first * 1.1
    return NOT_TRAINING if kind == "frozen" or random else ""


def _high(case: Case) -> str:
    """Diverged: the training loss ends 10 % above its start.

    Collapsed: a rate of at least 3 x the best, or a run that was disturbed, ends within 5 % of chance, or above it,
    with a regret of at least a quarter. Where chance lies well below the start (a mean square, characters), such a
    run falls, and goes flat: stuck high, unless it ends within 5 % of its start or rose to 1.2 x of it.
    """
    run = case.run
    if run.tail >= 1.1 * run.first:
        return DIVERGED
    high = case.multiple >= 3 or case.fault.kind in DISTURBED
    if not (high and run.tail >= 0.95 * run.chance and case.regret >= 0.25):
        return ""
    return COLLAPSED if run.tail >= 0.95 * run.first or run.top >= 1.2 * run.first else STUCK


def _oscillating(case: Case) -> str:
    """Oscillating: with all data in every batch, the loss turns round at 60 % of the updates, by 5 % or more."""
    run = case.run
    return OSCILLATING if case.fault.kind == "full" and run.turns >= 0.6 and run.swing >= 0.05 else ""


def _overfitting(case: Case) -> str:
    """Overfitting: validation ends 10 % above its lowest, by 5 % of all it had fallen, and training fell by 20 % since.

    From 3 % on, and where the log does not show validation, unclear.
    """
    run = case.run
    if run.tail > 0.8 * run.then or run.end < 1.03 * run.low:
        return ""
    clear = run.end >= 1.1 * run.low and run.end - run.low >= 0.05 * (run.start - run.low)
    return OVERFITTING if clear and case.validated else UNCLEAR


def _disturbed(case: Case) -> str:
    """Spike that recovered: the logged loss of a disturbed run jumped by 30 % and 8 sigma, and it came back.

    That is: the regret is at most 5 %, or the training loss ends at most 15 % above its level before.
    Healthy where nothing was to be seen (under 3 sigma); unclear between, and where it did not come back.
    """
    run = case.run
    if case.fault.kind not in DISTURBED:
        return ""
    sigmas = (run.jump - 1) / max(run.noise, 1e-9)
    if case.regret > 0.05 and not run.tail <= 1.15 * run.level:
        return UNCLEAR
    if sigmas < 3:
        return _healthy(case) or UNCLEAR
    return SPIKES if sigmas >= 8 and run.jump >= 1.3 else UNCLEAR


def _slow(case: Case) -> str:
    """Too slow: a rate of at most 0.1 x the best, a regret of over one half."""
    slow = case.multiple <= 0.1 and case.regret > 0.5 and case.run.tail <= 1.02 * case.run.first
    return SLOW if slow else ""


def _healthy(case: Case) -> str:
    """Healthy: at most 5 % regret (15 % with wrong labels or tiny batches) at 0.1 to 3 x the best rate.

    And its training loss was never above 1.2 x its start, and validation ends at most 5 % above its lowest.
    """
    most = 0.15 if case.fault.kind in {"noise", "tiny"} else 0.05
    run = case.run
    steady = run.top <= 1.2 * run.first and run.end <= 1.05 * run.low and 0.1 <= case.multiple <= 3
    return HEALTHY if case.regret <= most and steady and case.fault.kind != "shuffled" else ""
