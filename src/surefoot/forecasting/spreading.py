"""How sure a fit is of what it says: wild block bootstrap of its runs, with what was thought before drawn as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from surefoot.forecasting.course import Course, Floats, Ints, sums
from surefoot.forecasting.fitting import FEW, HELD, Fit, refitted, thought

DRAWS = 40
RERUN = 5e-4
"""Relative difference of two runs that differ in the seed only: .0014 at a loss of 3, mean of 5 pairs at 124M [X]."""
LAW = 3e-3
"""What a law is off by over a stretch of a curve, relative to the loss. Set so that intervals hold (see foreseeing)."""
_BLOCK = 6
_STEPS = 6
_WEAK = 0.5


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant of the law in the unit of its publication: ``value``, and nine in ten draws in ``low`` to ``high``.

    ``weak`` says that the runs do not identify it: after them it is more than half as wide as what was thought before.
    """

    value: float
    low: float
    high: float
    weak: bool


def drawn(fit: Fit, draws: int = DRAWS, seed: int = 0) -> Floats:
    """Return ``draws`` sets of constants [draws, p], each a refit to residuals with the sign of whole blocks flipped.

    Blocks of ``_BLOCK`` points keep what neighbours have in common; each run is moved as a rerun would be, and the
    prior's means are drawn from the prior, so that a constant that no run holds is as wide as what was thought of it.
    """
    rng = np.random.default_rng(seed)
    middle, spread = thought(fit.law, fit.runs)
    held = spread / (HELD if len(fit.runs) < FEW else 1.0)
    # L0 and a are as good as free: drawing their priors too would only test the optimiser.
    moved = np.where(np.arange(len(middle)) < 2, 0.0, spread)
    said = [np.log(run.losses) - rest for run, rest in zip(fit.runs, fit.residuals, strict=True)]
    found = []
    for _ in range(draws):
        logs = [
            one + _shaken(rest, run.error / run.losses, rng)
            for one, rest, run in zip(said, fit.residuals, fit.runs, strict=True)
        ]
        again = refitted(fit, logs, middle + moved * rng.standard_normal(len(middle)), held, _STEPS)
        found.append(again.constants)
    return np.array(found)


def _shaken(rest: Floats, noise: Floats, rng: np.random.Generator) -> Floats:
    """Return residuals as they might have been: blocks scaled, noise of the rows, the law's error, a rerun's shift."""
    blocks = len(rest) // _BLOCK + 1
    own = np.repeat(rng.standard_normal(blocks), _BLOCK)[: len(rest)]
    law = np.repeat(rng.standard_normal(blocks), _BLOCK)[: len(rest)]
    law[-1] = rng.standard_normal()
    return rest * own + noise * rng.standard_normal(len(rest)) + LAW * law + RERUN * rng.standard_normal()


def losses_drawn(fit: Fit, draws: Floats, course: Course, steps: Ints) -> Floats:
    """Return the loss [draws, n] after ``steps`` updates of ``course`` under each set of constants."""
    sight = sums(course, steps, 256)
    return np.array([fit.law.loss(one, sight, fit.reference) for one in draws])


def constants(fit: Fit, draws: Floats) -> Mapping[str, Constant]:
    """Return the constants by the names of the publication, with their intervals, and which are weak."""
    peak = fit.runs[0].course.peak
    values = fit.law.published(fit.constants, peak, fit.reference)
    many = [fit.law.published(one, peak, fit.reference) for one in draws]
    _, spread = thought(fit.law, fit.runs)
    held = dict(zip(values, np.std(draws, axis=0) > _WEAK * spread, strict=True))
    made = {}
    for name, value in values.items():
        low, high = np.quantile([one[name] for one in many], (0.05, 0.95))
        made[name] = Constant(value, float(min(low, value)), float(max(high, value)), bool(held[name]))
    return made
