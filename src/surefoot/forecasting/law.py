"""LossLaw: what a loss-curve law is, as data, and the loss it gives for constants and sums of rates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from surefoot.forecasting.course import Floats, Sums
from surefoot.laws.sources import Mark, Source

Kernel = Callable[[Floats, Sums], tuple[Floats, tuple[Floats, ...]]]
COMMON = 4
"""The constants that every law has before those of its kernel: L0, log a, log alpha, log b."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What is thought of a constant before any run is seen: its ``mean`` and standard deviation ``sd``."""

    mean: float
    sd: float


@dataclass(frozen=True, slots=True)
class LossLaw:
    """``loss = L0 + a (s/s0)^-alpha - b sum_k fall_k K(k)``: s the sum of the rates so far, in units of the peak.

    ``kernel(q, sums)`` returns K [n, b], how much of what each fall is worth has come, and its derivatives by each of
    ``q``, the kernel's own constants; ``names`` and ``priors`` are theirs, ``starts`` are values of q that a fit begins
    from. ``alpha`` and ``fraction`` (b over the loss) are the priors of the rest. ``published(constants, peak, s0)``
    turns constants into those of the publication, whose ``source`` was checked as ``mark`` says.
    """

    name: str
    formula: str
    source: Source
    mark: Mark
    kernel: Kernel
    names: tuple[str, ...]
    priors: tuple[Prior, ...]
    starts: tuple[tuple[float, ...], ...]
    alpha: Prior
    fraction: Prior
    published: Callable[[Floats, float, float], Mapping[str, float]]

    def loss(self, constants: Floats, sums: Sums, reference: float) -> Floats:
        """Return the loss [n] for ``constants`` (L0, log a, log alpha, log b, q...); ``reference`` is s0."""
        come, _ = self.kernel(constants[COMMON:], sums)
        ratio = np.log(np.maximum(sums.area, 1e-300) / reference)
        a, alpha, b = np.exp(constants[1:COMMON])
        found: Floats = constants[0] + a * np.exp(-alpha * ratio) - b * (come @ sums.mass)
        return found

    def slopes(self, constants: Floats, sums: Sums, reference: float) -> tuple[Floats, Floats]:
        """Return the loss [n] and its derivatives by the constants [n, p]."""
        a, alpha, b = np.exp(constants[1:COMMON])
        ratio = np.log(np.maximum(sums.area, 1e-300) / reference)
        power = a * np.exp(-alpha * ratio)
        come, parts = self.kernel(constants[COMMON:], sums)
        decayed = b * (come @ sums.mass)
        columns = [np.ones_like(power), power, -alpha * ratio * power, -decayed]
        columns += [-b * (part @ sums.mass) for part in parts]
        return constants[0] + power - decayed, np.stack(columns, axis=1)

    def thought(self, level: float) -> tuple[Floats, Floats]:
        """Return mean and sd of every constant before any run is seen, where losses end near ``level``."""
        # L0 and a are left to the run: their spread is several times what any published curve shows.
        common = (
            Prior(0.7 * level, 10 * level),
            Prior(np.log(0.12 * level), 3.0),
            self.alpha,
            Prior(self.fraction.mean + np.log(level), self.fraction.sd),
        )
        both = (*common, *self.priors)
        return np.array([one.mean for one in both]), np.array([one.sd for one in both])
