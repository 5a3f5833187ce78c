"""The gradient noise scale: how large a batch must be for its gradient to be more signal than noise."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from surefoot.errors import ArgumentError
from surefoot.torch.monitors.measures import Tensors, norms, total

Number = float | torch.Tensor


@dataclass(frozen=True)
class NoiseScale:
    """The simple noise scale, as running means of its two parts; ``updated`` adds one observation.

    From the mean squared gradient norms n_s and n_b of batches of B_s < B_b examples:
    ``|G|^2 = (B_b n_b - B_s n_s) / (B_b - B_s)``, ``S = (n_s - n_b) / (1 / B_s - 1 / B_b)``, and
    ``B_simple = EMA(S) / EMA(|G|^2)`` in examples: the ratio of the means, never the mean of ratios. ``beta`` in
    [0, 1) is the memory of both. Numbers may be floats or tensors of one number, which are not read.

    >>> scale = NoiseScale()
    >>> for _ in range(9):
    ...     scale = scale.updated(n_small=5.0, n_big=2.0, small=10, big=40)  # |G|^2 = 1, S = 40
    >>> f"{scale.value:.3f}"
    '40.000'

    Source: An Empirical Model of Large-Batch Training, arXiv 1812.06162 (2018), appendix A.1.
    """

    beta: float = 0.9
    signal: Number = 0.0
    noise: Number = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.beta < 1.0:
            raise ArgumentError(f"beta={self.beta!r} must be in [0, 1): the weight of what was seen before.")

    def updated(self, n_small: Number, n_big: Number, small: float, big: float) -> NoiseScale:
        """Return the noise scale after one more pair of squared norms; ArgumentError unless 0 < small < big."""
        if not 0 < small < big:
            raise ArgumentError(f"small={small!r} and big={big!r} must be batch sizes with 0 < small < big.")
        signal = (big * n_big - small * n_small) / (big - small)
        noise = (n_small - n_big) / (1.0 / small - 1.0 / big)
        keep, add = self.beta, 1.0 - self.beta
        return replace(self, signal=keep * self.signal + add * signal, noise=keep * self.noise + add * noise)

    @property
    def value(self) -> torch.Tensor:
        """B_simple in examples: infinite where no signal was found under the noise, NaN before any observation."""
        signal, noise = torch.as_tensor(self.signal), torch.as_tensor(self.noise)
        return torch.where(signal > 0, noise.clamp(min=0.0) / signal, torch.inf * noise.abs())


class MicroBatches:
    """The gradients of the micro-batches of one accumulated update, by what each adds to ``.grad``."""

    def __init__(self) -> None:
        self._last: list[torch.Tensor | None] = []
        self._squares: list[torch.Tensor] = []
        self._examples = 0.0

    def add(self, parameters: Tensors, examples: float) -> None:
        """Take what ``parameters`` hold now, after the backward of a micro-batch of ``examples``."""
        now = [None if p.grad is None or p.grad.is_sparse else p.grad.detach().clone() for p in parameters]
        last = self._last or [None] * len(now)
        pairs = [(a, b) for a, b in zip(now, last, strict=True) if a is not None]
        self._squares.append(total(norms(a if b is None else a - b for a, b in pairs)) ** 2)
        self._last, self._examples = now, self._examples + examples

    @property
    def count(self) -> int:
        """How many were taken."""
        return len(self._squares)

    def told(self, scale: NoiseScale) -> NoiseScale:
        """Return ``scale`` after this update; the same one where there were no two micro-batches."""
        count = self.count
        if count < 2:
            return scale
        whole = total(norms(one for one in self._last if one is not None)) ** 2
        # Micro-batches whose losses were divided by their number have gradients that many times too small; where they
        # were not, both squares are too large by one factor, and the ratio is the same.
        small = torch.stack(self._squares).mean() * count**2
        return scale.updated(small, whole, self._examples / count, self._examples)
