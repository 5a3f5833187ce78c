"""Sharpness and GradientNoise: a measured curvature beside the rate, and a measured noise, as data."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sharpness:
    """The largest eigenvalue of the Hessian as an optimizer meets it, and how that compares with its rate.

    ``sharpness`` is lambda_max of P^-1/2 (H + coupled decay) P^-1/2. It lies in ``low``..``high``: an eigenvalue does
    for exact products; for differences of gradients that is an estimate, widened by what halving them changes.
    ``threshold`` bounds ``lr`` x ``factor`` x ``sharpness``: ``lr`` is that of the group with the largest one, and
    ``factor`` 1, or 1 / (1 - beta1^t) for Adam. None where the optimizer has no edge, and ``why`` says the reason.
    ``products`` Hessian-vector products were made, at the price of ``gradients`` gradients of one batch;
    ``converged`` says that Lanczos' residual is within the tolerance.
    """

    sharpness: float
    low: float
    high: float
    threshold: float | None
    lr: float
    factor: float
    optimizer: str
    products: int
    gradients: int
    converged: bool
    why: str = ""

    @property
    def ratio(self) -> float | None:
        """The reading ``sharpness_ratio``: lr x factor x sharpness / threshold; about 1 at the edge, and no fault.

        None where there is no threshold.
        """
        return None if self.threshold is None else self.lr * self.factor * self.sharpness / self.threshold

    @property
    def edge(self) -> float | None:
        """The rate above which the optimizer is unstable: threshold / sharpness, for Adam once its mean is warm.

        Infinite where nothing curves upward, None where there is no threshold.
        """
        return self._edge(self.sharpness)

    @property
    def edges(self) -> tuple[float, float] | None:
        """The edge at ``high`` and at ``low``: the lower one first."""
        ends = self._edge(self.high), self._edge(self.low)
        return None if ends[0] is None or ends[1] is None else (ends[0], ends[1])

    def _edge(self, sharpness: float) -> float | None:
        if self.threshold is None:
            return None
        return math.inf if sharpness <= 0.0 else self.threshold / sharpness

    def __str__(self) -> str:
        cost = f"{self.gradients} gradients" + ("" if self.converged else ", not converged")
        if math.isnan(self.sharpness):
            return f"no sharpness: the loss or its gradient is not finite; {cost}."
        what = f"sharpness {self.sharpness:.4g} ({self.low:.4g} to {self.high:.4g})"
        if self.threshold is None:
            return f"{what}, without an edge: {self.why}; {cost}."
        return (
            f"{what}: {self.optimizer} is stable below the rate {self.edge:.3g}, and at {self.lr:.3g} its step is "
            f"{self.ratio:.2g} of what is stable now; {cost}."
        )


@dataclass(frozen=True, slots=True)
class GradientNoise:
    """The simple noise scale of a gradient in examples, and how well a few micro-batches show it.

    ``value`` is ``noise`` / ``signal`` = tr(Sigma) / |G|^2: infinite where no signal is seen under the noise, NaN where
    a gradient is not finite. ``error`` is its standard error, NaN where there were but two micro-batches;
    ``low``..``high`` reaches as far as two standard errors of the noise and the signal allow (about 95 %), and
    ``high`` is infinite where the signal may be zero. ``sizes`` are the examples of the smallest and the largest
    micro-batch, ``gradients`` is the cost in backwards, one a micro-batch.
    """

    value: float
    error: float
    low: float
    high: float
    signal: float
    noise: float
    sizes: tuple[int, int]
    gradients: int

    def __str__(self) -> str:
        sizes = f"{self.sizes[0]}" if self.sizes[0] == self.sizes[1] else f"{self.sizes[0]} to {self.sizes[1]}"
        cost = f"from {self.gradients} micro-batches of {sizes}, {self.gradients} gradients"
        if math.isnan(self.value):
            return f"no noise scale: the gradients are not finite, or zero; {cost}."
        if math.isinf(self.value):
            least = f" (at least {self.low:.2g} examples)" if self.low > 0.0 else ""
            return f"no common gradient to be seen under the noise{least}, {cost}: pass more or larger ones."
        if math.isnan(self.error):
            return f"noise scale {self.value:.2g} examples, how surely two cannot tell, {cost}."
        between = f"{self.low:.2g} to {self.high:.2g}" if math.isfinite(self.high) else f"{self.low:.2g} or more"
        return f"noise scale {self.value:.2g} +- {self.error:.2g} examples ({between}), {cost}."
