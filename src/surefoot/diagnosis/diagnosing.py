"""diagnose: every detector over a history; and the same piece by piece, for a run that is not over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from surefoot.diagnosis.detector import Detector, Fold
from surefoot.diagnosis.known import DETECTORS
from surefoot.diagnosis.ledger import Tried, advised, lessons
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.ranking import ranking
from surefoot.history.columns import History


@dataclass(frozen=True, eq=False)
class Progress:
    """What all detectors remember: one state for each fold that any of them reads."""

    states: tuple[tuple[Fold[Any], Any], ...]

    def state(self, fold: Fold[Any]) -> Any:
        """Return the state of a fold."""
        return next(state for one, state in self.states if one is fold)


def begun(detectors: Sequence[Detector[Any]] = DETECTORS) -> Progress:
    """Return what is remembered before the first row."""
    folds = {id(detector.fold): detector.fold for detector in detectors}
    return Progress(tuple((fold, fold.init()) for fold in folds.values()))


def fed(progress: Progress, rows: History) -> Progress:
    """Return what is remembered after more rows."""
    return Progress(tuple((fold, fold.update(state, rows)) for fold, state in progress.states))


def judged(progress: Progress, detectors: Sequence[Detector[Any]] = DETECTORS) -> tuple[Finding, ...]:
    """Return the findings on the rows so far, the gravest first."""
    found = (detector.finding(progress.state(detector.fold)) for detector in detectors)
    return ranking(one for one in found if one is not None)


def diagnose(history: History, *, tried: Sequence[Tried] = ()) -> tuple[Finding, ...]:
    """Return what is wrong with a run, the gravest finding first; empty when nothing was seen.

    Every detector is a fold over the rows, so the findings are those that ``watch`` would have had at the last row.
    Remedies that were ``tried``, or that the log itself shows to have failed (``lessons``), are advised last.

    >>> from surefoot import Reading
    >>> losses = (2.5, 2.4, 2.6, 3.1, 4.2, float("nan"))
    >>> run = History.of(Reading(step, loss) for step, loss in enumerate(losses))
    >>> [finding.code for finding in diagnose(run)]
    ['SF101', 'SF102']
    """
    found = judged(fed(begun(), history))
    return advised(found, (*lessons(history), *tried))
