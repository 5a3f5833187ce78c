"""What a fitted law is made of: its cells, its exponents, and how other laws would have done on the same cells."""

from __future__ import annotations

from dataclasses import dataclass

WHERE = {
    "low": "at the lowest rate",
    "high": "at the highest rate",
    "small": "at the smallest batch",
    "large": "at the largest batch",
    "flat": "nowhere, the losses have no minimum",
    "few": "unknown, fewer than three rates ended",
}
"""Where the best run of a cell lies, by its status."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One scale of a fitted law: its quantities ``values``, the best rate with its 90 % interval, and how it was found.

    ``batch`` is the best batch where it was fitted. ``status`` is "inside" for a cell that the law uses; "low", "high",
    "small" or "large" for a best run at that edge of the grid, "flat" for no minimum, "few" for too few runs: then
    ``lr`` is the best rate that was run.
    """

    values: tuple[tuple[str, float], ...]
    lr: float
    low: float
    high: float
    status: str
    runs: int
    batch: float | None = None
    batch_low: float | None = None
    batch_high: float | None = None

    def __str__(self) -> str:
        return ", ".join(f"{name}={value:g}" for name, value in self.values)


@dataclass(frozen=True, slots=True)
class Exponent:
    """``quantity``'s exponent in the law of the best rate (``of`` "lr") or batch, with its 90 % interval."""

    quantity: str
    value: float
    low: float
    high: float
    of: str = "lr"


@dataclass(frozen=True, slots=True)
class Rival:
    """How a law would have done on the cells: regret [permille of the loss] at the nearest rate that was run.

    ``how``: "left out" (own law, each cell predicted from the others), "by itself" (a published optimum) or "carried"
    (from the smallest cell's optimum by the law's factor).
    """

    law: str
    mean: float
    worst: float
    cells: int
    how: str
