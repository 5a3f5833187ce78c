"""Made sweeps like the public ones of Step Law: what a fitted law should find is known exactly.

The best rate and batch are Step Law's (arXiv 2503.04715), 1.79 N^-0.713 D^0.307 and 0.58 D^0.571. Around them the loss
rises by the flatness that was measured on its public runs (half a permille to 1 % within a factor 2 to 5.7 of the
rate), slower on the low side than on the high one, along a ridge: a larger batch wants a larger rate. The real grids
are imitated: factors of root 2 or 2, missing runs, runs that diverge, and the noise of repeated runs (0.0014 nats).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

CELLS = (
    (6e7, 2e9), (6e7, 8e9), (1.2e8, 4e9), (1.2e8, 1.6e10), (2.15e8, 4e9), (2.15e8, 1.14e10), (2.15e8, 2e10),
    (2.15e8, 1e11), (2.68e8, 5e9), (2.68e8, 1.42e10), (2.68e8, 8e10), (4.29e8, 8e9), (4.29e8, 2.28e10), (4.29e8, 5e10),
    (5.37e8, 1e10), (5.37e8, 2.84e10), (1.07e9, 2e10), (1.07e9, 5.69e10),
)  # fmt: skip
RIDGE = 0.6
_SEQUENCE, _LOST = 2048.0, 3.2


@dataclass(frozen=True)
class Surface:
    """How sharp (per octave squared) and how lopsided the loss is, the noise [nats], and the grid's step [octaves]."""

    rate: float = 0.010
    batch: float = 0.005
    steep: float = 0.35
    soft: float = 0.3
    noise: float = 0.0014
    step: float = 0.5
    missing: float = 0.12

    def excess(self, u: float, v: float) -> float:
        """Return the relative excess of the loss ``u`` octaves of rate and ``v`` of batch from the optimum."""
        w = u - RIDGE * v
        side = 1.0 + self.steep * w * w if w > 0 else 1.0 / (1.0 - self.soft * w)
        return self.rate * w * w * side + self.batch * v * v / (1.0 + 0.15 * abs(v))


def best(params: float, tokens: float) -> tuple[float, float]:
    """Return the true best rate and batch [tokens]."""
    return 1.79 * params**-0.713 * tokens**0.307, 0.58 * tokens**0.571


def swept(params: float, tokens: float, rng: np.random.Generator, surface: Surface) -> list[dict[str, object]]:
    """Return the runs of one cell as rows of a table, those within 2.6 octaves of rate and 2.2 of batch."""
    rate, batch = best(params, tokens)
    floor = 1.7 + 400.0 / params**0.34 + 410.0 / tokens**0.28
    rows = []
    for k in np.arange(-13.0, -5.9, surface.step):
        for j in np.arange(4.0, 11.1, surface.step):
            u, v = float(k) - math.log2(rate), math.log2(_SEQUENCE) + float(j) - math.log2(batch)
            if abs(u) > 2.6 or abs(v) > 2.2 or rng.random() < surface.missing:
                continue
            loss = floor * (1.0 + surface.excess(u, v)) + surface.noise * float(rng.standard_normal())
            lost = u - RIDGE * v > _LOST
            rows.append(
                {"params": params, "tokens": tokens, "sequence": _SEQUENCE, "batch": 2.0 ** float(j)}
                | {"lr": 2.0 ** float(k), "loss": math.inf if lost else loss}
            )
    return rows


def regret(rows: list[dict[str, object]], lr: float, batch: float) -> float:
    """Return (loss at the run nearest in log rate and log batch [samples] - lowest) / lowest, permille."""
    kept = [(math.log(r["lr"] / lr) ** 2 + math.log(r["batch"] / batch) ** 2, r["loss"]) for r in rows]
    lowest = min(loss for _, loss in kept)
    return 1e3 * (min(kept)[1] / lowest - 1.0)
