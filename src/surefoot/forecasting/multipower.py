"""The multi-power law: each fall of the rate is worth its size, and comes by a power of the rate summed since."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from surefoot.forecasting.course import Course, Floats, Ints, Sums, parts, sums
from surefoot.forecasting.law import LossLaw, Prior
from surefoot.laws.numbers import positive
from surefoot.laws.sources import Source

SOURCE = Source("A Multi-Power Law for Loss Curve Prediction Across Learning Rate Schedules", "2503.12811", 2025)


@dataclass(frozen=True, slots=True)
class MultiPower:
    """``L0 + A S1^-alpha - B sum_k (eta_before - eta_k) (1 - (1 + C eta_k^-gamma S_k)^-beta)`` with its constants.

    eta_k is the rate after fall k, S_k the sum of the rates since, S1 of all; ``loss_zero`` is L0 [nats]. Rates are per
    update, and all constants but alpha, beta and gamma change with their unit. ArgumentError for a constant <= 0.
    """

    loss_zero: float
    a: float
    alpha: float
    b: float
    c: float
    beta: float
    gamma: float

    def __post_init__(self) -> None:
        for name in self.__slots__:
            positive(getattr(self, name), name, "a constant of the multi-power law")

    def loss(self, course: Course, steps: Ints, *, warmed: bool = False) -> Floats:
        """Return the loss [n] after ``steps`` updates of ``course``.

        ``warmed=True`` does as the released code does: the rise of the warmup goes into the sum with the falls, so that
        its L0 is low by about B times the peak. Only published constants need it; a fit never does.

        >>> law = MultiPower(3.1496, 0.52468604, 0.50786857, 363.78751622, 2.06560812, 0.58279013, 0.64142257)
        >>> law.loss(Course.of([3e-4] * 24_000), np.array([24_000])).round(4).tolist()
        [3.3421]
        """
        return np.concatenate([self._loss(course, part, warmed=warmed) for part in parts(steps)])

    def _loss(self, course: Course, steps: Ints, *, warmed: bool) -> Floats:
        found = sums(course, steps, blocks=2048, warmed=warmed)
        inner = positive(self.c * course.peak ** (1 - self.gamma), "c", "C peak^(1 - gamma)")
        come, _ = kernel(np.array([math.log(inner), math.log(self.beta), self.gamma]), found)
        first = self.a * np.maximum(found.area * course.peak, 1e-300) ** -self.alpha
        losses: Floats = self.loss_zero + first - self.b * course.peak * (come @ found.mass)
        return losses


# Fitted by the authors on three curves of a Llama-2-like model at peak 3e-4, read in the official code [C]. Their L0
# holds with the warmup in the sum (``warmed=True``).
PUBLISHED = {
    "25M": MultiPower(3.04045406, 0.52468604, 0.50786857, 363.78751622, 2.06560812, 0.58279013, 0.64142257),
    "100M": MultiPower(2.6514477, 0.60115152, 0.45295811, 437.9464276, 2.13245612, 0.59785199, 0.65523644),
    "400M": MultiPower(2.37474466, 0.65421216, 0.42878731, 523.42464371, 2.02462735, 0.59350493, 0.63472457),
}


def kernel(q: Floats, sums: Sums) -> tuple[Floats, tuple[Floats, ...]]:
    """Return ``1 - (1 + c share^-gamma s)^-beta`` for each fall, and its slopes by q = (log c, log beta, gamma).

    ``share`` is the rate after the fall and s the sum of rates since, both in units of the peak: c is a speed per
    update at the peak, C peak^(1 - gamma) in the paper's unit.
    """
    beta, gamma = math.exp(float(q[1])), float(q[2])
    x = np.exp(float(q[0]) - gamma * sums.level) * sums.since
    log = np.log1p(x)
    left = np.exp(-beta * log)
    by_c = beta * x / (1 + x) * left
    return 1 - left, (by_c, beta * log * left, -sums.level * by_c)


def published(constants: Floats, peak: float, reference: float) -> dict[str, float]:
    """Return L0, A, alpha, B, C, beta and gamma as the paper writes the law; L0 is without the warmup's leak."""
    offset, a, alpha, b, c, beta, gamma = (float(v) for v in constants)
    power = math.exp(alpha)
    return {
        "L0": offset,
        "A": math.exp(a) * (reference * peak) ** power,
        "alpha": power,
        "B": math.exp(b) / peak,
        "C": math.exp(c) * peak ** (gamma - 1),
        "beta": math.exp(beta),
        "gamma": gamma,
    }


MULTIPOWER = LossLaw(
    name="multi-power",
    formula="L0 + A S1^-alpha - B sum_k (eta_before - eta_k) (1 - (1 + C eta_k^-gamma S_k)^-beta)",
    source=SOURCE,
    mark="C",
    kernel=kernel,
    names=("C", "beta", "gamma"),
    # Means of the three published fits, wider than these differ: c by a factor of two, beta by a quarter.
    priors=(Prior(math.log(0.115), 0.7), Prior(math.log(0.59), 0.25), Prior(0.644, 0.1)),
    starts=tuple((math.log(c), math.log(0.59), 0.644) for c in (0.02, 0.115, 0.5)),
    # .43 to .51 in the published fits, .43 to .57 on the 124M matrix.
    alpha=Prior(math.log(0.48), 0.15),
    # B times the peak is .033 to .062 of the loss in the published fits, and more at a peak above the best one.
    fraction=Prior(math.log(0.045), 0.6),
    published=published,
)
