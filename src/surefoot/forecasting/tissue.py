"""Tissue's law of annealing: a power of the summed rate, less the area that its falls have swept."""

from __future__ import annotations

import math

import numpy as np

from surefoot.forecasting.course import Course, Floats, Ints, Sums, sums
from surefoot.forecasting.law import LossLaw, Prior
from surefoot.laws.numbers import inside
from surefoot.laws.sources import Source

SOURCE = Source("Scaling Law with Learning Rate Annealing", "2408.11029", 2024)


def areas(course: Course, steps: Ints, decay: float) -> tuple[Floats, Floats]:
    """Return S1 and S2 [n] after ``steps`` updates: ``S1 = sum eta``, ``S2 = sum m``, ``m = lambda m + fall of eta``.

    ``decay`` is lambda (ArgumentError outside [0, 1)), .99 to .999 in the paper. The recursion is from memory [m] and
    works on published curves [X]. Updates of no rate are not counted, since S2 would grow by them.

    >>> s1, s2 = areas(Course.of([1.0, 1.0, 0.5, 0.0]), np.array([3, 4]), 0.99)
    >>> s1.tolist(), s2.tolist()
    ([2.5, 2.5], [0.5, 0.5])
    """
    lam = inside(decay, "decay", "lambda, the share of the momentum that an update keeps")
    found = sums(course, steps, blocks=None)
    come = (1 - lam**found.count) / (1 - lam)
    return found.area * course.peak, (come @ found.mass) * course.peak


def kernel(q: Floats, sums: Sums) -> tuple[Floats, tuple[Floats, ...]]:
    """Return ``1 - lambda^n`` for the n updates since each fall, and its slope by q = log(-1/log lambda)."""
    times = sums.count * math.exp(-float(q[0]))
    left = np.exp(-times)
    return 1 - left, (-times * left,)


def published(constants: Floats, peak: float, reference: float) -> dict[str, float]:
    """Return L0, A, alpha, C and lambda as the paper writes the law: rates as they are, not per peak."""
    decay = math.exp(-math.exp(-float(constants[4])))
    alpha = math.exp(float(constants[2]))
    return {
        "L0": float(constants[0]),
        "A": math.exp(float(constants[1])) * (reference * peak) ** alpha,
        "alpha": alpha,
        "C": math.exp(float(constants[3])) * (1 - decay) / peak,
        "lambda": decay,
    }


TISSUE = LossLaw(
    name="tissue",
    formula="L0 + A S1^-alpha - C S2",
    source=SOURCE,
    mark="m",
    kernel=kernel,
    names=("lambda",),
    # The paper's lambda of .99 to .999 is a memory of 100 to 1000 updates.
    priors=(Prior(math.log(300.0), 1.2),),
    starts=tuple((math.log(updates),) for updates in (30.0, 100.0, 400.0, 1500.0)),
    # .43 to .51 in the published fits, .43 to .57 on the 124M matrix.
    alpha=Prior(math.log(0.48), 0.15),
    fraction=Prior(math.log(0.045), 0.6),
    published=published,
)
