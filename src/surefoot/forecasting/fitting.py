"""Fitting a loss-curve law to a few runs at one peak: robust, from several starts, held by what is thought before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from surefoot.errors import ArgumentError
from surefoot.forecasting.course import Course, Floats, Ints, Sums, parts, sums
from surefoot.forecasting.law import COMMON, LossLaw
from surefoot.forecasting.leastsquares import minimum, softened
from surefoot.forecasting.observing import Observed

ACCURACY = 1e-3
"""What a law is trusted to, relative to the loss: about its mean error on published curves (2503.12811, table) [X]."""
LAST = 10.0
"""How many other points the last one of a run is worth, in standard deviations: the end is what is asked for."""
FEW, HELD = 3, 4.0
"""With fewer than ``FEW`` runs a prior is held ``HELD`` times as tightly: two curves identify no kernel. Set on the
published curves, where it halves the error of forecasts from two runs of 124M."""
_CORNER = 1.345
_BLOCKS = 128


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A law with the ``constants`` that its runs gave it; ``reference`` is the sum of shares that ``a`` is meant at.

    ``runs`` are what was fitted and ``sights`` their sums, ``sigma`` the spread of log loss about the law, ``cost`` the
    sum of squares that the fit ended at, in units of ``ACCURACY``.
    """

    law: LossLaw
    constants: Floats
    reference: float
    sigma: float
    runs: tuple[Observed, ...]
    sights: tuple[Sums, ...]
    cost: float = np.inf

    def losses(self, course: Course, steps: Ints, constants: Floats | None = None) -> Floats:
        """Return the loss [n] after ``steps`` updates of ``course``."""
        chosen = self.constants if constants is None else constants
        return np.concatenate([self.law.loss(chosen, sums(course, part), self.reference) for part in parts(steps)])

    @property
    def residuals(self) -> tuple[Floats, ...]:
        """The log of what was seen over what the law says, a run each."""
        said = [self.law.loss(self.constants, sight, self.reference) for sight in self.sights]
        return tuple(np.log(run.losses) - np.log(one) for run, one in zip(self.runs, said, strict=True))


def fit(law: LossLaw, runs: Sequence[Observed]) -> Fit:
    """Return ``law`` fitted to ``runs``: Huber's loss on the log of the loss, plus what is thought of its constants.

    The constants of a law's kernel are weakly identified by one to three curves (better fits, worse forecasts), so a
    prior holds them; each start of the law is tried, and the lowest sum is kept. Raises ArgumentError if no start ends
    at a finite loss.
    """
    sights = tuple(sums(run.course, run.steps, _BLOCKS) for run in runs)
    reference = max(float(sight.area.max()) for sight in sights)
    middle, spread = thought(law, runs)
    held = spread / (HELD if len(runs) < FEW else 1.0)
    logs = [np.log(run.losses) for run in runs]
    best: Fit | None = None
    for start in law.starts:
        found = Fit(law, np.concatenate((middle[:COMMON], start)), reference, ACCURACY, tuple(runs), sights)
        for _ in range(2):
            found = refitted(found, logs, middle, held)
        if found.cost < (np.inf if best is None else best.cost):
            best = found
    if best is None:
        raise ArgumentError(
            f"the {law.name} law finds no constants for these runs: are their losses those of training?"
        )
    return best


def thought(law: LossLaw, runs: Sequence[Observed]) -> tuple[Floats, Floats]:
    """Return mean and sd of the constants before these runs are seen, but for the level of loss they end at."""
    return law.thought(min(float(run.losses[-1]) for run in runs))


def refitted(start: Fit, logs: Sequence[Floats], middle: Floats, spread: Floats, iterations: int = 80) -> Fit:
    """Return ``start`` fitted on from where it is to ``logs`` (log loss of each run)."""
    weights = [_weights(run, start.sigma) for run in start.runs]
    p = len(middle)

    def residuals(x: Floats) -> tuple[Floats, Floats]:
        rows, slopes = [(x - middle) / spread], [np.diag(1 / spread)]
        for sight, log, weight in zip(start.sights, logs, weights, strict=True):
            loss, by = start.law.slopes(x, sight, start.reference)
            if not np.isfinite(loss).all() or loss.min() <= 0:
                return np.full(p, np.inf), np.zeros((p, p))
            soft, slope = softened((np.log(loss) - log) / start.sigma, _CORNER)
            rows.append(weight * soft)
            slopes.append((weight * slope / (start.sigma * loss))[:, None] * by)
        return np.concatenate(rows), np.concatenate(slopes)

    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        found = minimum(residuals, start.constants, iterations=iterations)
    made = replace(start, constants=found.x, cost=found.cost * (start.sigma / ACCURACY) ** 2)
    size = np.abs(np.concatenate(made.residuals)) if np.isfinite(found.cost) else np.array([ACCURACY])
    return replace(made, sigma=max(1.4826 * float(np.median(size)), ACCURACY))


def _weights(run: Observed, sigma: float) -> Floats:
    """Return what each residual counts for: less where the rows were noisy, ``LAST`` at an end that is known."""
    noise = run.error / run.losses
    weights = sigma / np.hypot(sigma, noise)
    weights[-1] *= 1 + (LAST - 1) * ACCURACY / np.hypot(ACCURACY, noise[-1])
    return weights
