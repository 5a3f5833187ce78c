"""What the grid says of a rate: its regret, and of a stated region: whether it meets the best rates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from grid import SEEDS, Known
from numpy.typing import NDArray

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """Regret against octave for one task: the mean over seeds, linear in the logarithm of the rate between points.

    Beyond the ends of the grid the end's regret holds. ``start`` and ``end`` are the validation losses at
    initialisation and of the best rate.
    """

    octaves: Vector
    regrets: Vector
    start: float = 1.0
    end: float = 0.0

    def regret(self, lr: float | None) -> float:
        """Return the regret of a full run at ``lr``; of no answer it is 1."""
        return 1.0 if lr is None else float(np.interp(np.log2(lr), self.octaves, self.regrets))

    def regret_of(self, loss: float) -> float:
        """Return the regret of a run that ends at the validation loss ``loss``."""
        return float(np.clip((loss - self.end) / (self.start - self.end), 0.0, 1.0))

    @property
    def best(self) -> float:
        return float(2 ** self.octaves[self.regrets.argmin()])

    def width(self, within: float = 0.01) -> float:
        """Return how many octaves of the grid have at most ``within`` regret."""
        fine = np.arange(self.octaves[0], self.octaves[-1], 1 / 32)
        return float(np.mean(np.interp(fine, self.octaves, self.regrets) <= within) * (fine[-1] - fine[0]))

    def meets(self, low: float, high: float, within: float = 0.01) -> bool:
        """Say whether some rate of the region has at most ``within`` regret."""
        return bool(np.any(self._inside(low, high) <= within))

    def share(self, low: float, high: float, within: float = 0.05) -> float:
        """Return the share of the region's logarithmic width that has at most ``within`` regret."""
        return float(np.mean(self._inside(low, high) <= within))

    def _inside(self, low: float, high: float) -> Vector:
        return np.interp(np.linspace(np.log2(low), np.log2(high), 65), self.octaves, self.regrets)


def truth(name: str, known: Known, seeds: Iterable[int] = SEEDS) -> Truth:
    """Return the truth about task ``name``; a rate that was hopeless under the first seed was run under it alone."""
    wanted = set(seeds)
    ends: dict[float, list[float]] = {}
    starts: dict[int, float] = {}
    for (task, octave, seed), (start, end) in known.items():
        if task == name and seed in wanted:
            ends.setdefault(octave, []).append(end)
            starts[seed] = start
    octaves = np.array(sorted(ends))
    losses = np.array([np.mean(ends[octave]) for octave in octaves])
    start, best = float(np.mean(list(starts.values()))), float(losses.min())
    return Truth(octaves, np.clip((losses - best) / (start - best), 0.0, 1.0), start, best)
