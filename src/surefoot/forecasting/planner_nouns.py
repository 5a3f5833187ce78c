"""What a planner says: what is expected of a candidate, its prospect among the others, and the comparison of all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from surefoot.forecasting.planner_candidates import Candidate
from surefoot.schedule.core import Schedule

NOISE = 0.002
"""Losses [nats] that are closer than this tie: repeats of one 124M configuration differ by 0.0002 to 0.002 [X]."""
THEORY_TIE = 0.03
"""Bounds closer than this share tie: five 124M schedules within 3 % of bound ended within 0.0023 of loss [X]."""


class Expected(NamedTuple):
    """The final ``loss`` a law expects of a schedule, with an interval from ``low`` to ``high``.

    ``tied`` says that it cannot be told from the best one, None where only the intervals can say so.
    """

    loss: float
    low: float
    high: float
    tied: bool | None = None


Predict = Callable[[Sequence[Schedule]], Sequence[Expected]]
"""A law fitted at one peak: the final losses it expects of schedules, in their order."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """A candidate with its rank (from 1), its ``bound`` relative to the lowest of all, and what a law expects.

    ``expected`` is None where only theory speaks. ``tied`` says that it cannot be told from the best one.
    """

    rank: int
    candidate: Candidate
    bound: float
    expected: Expected | None
    tied: bool

    def __str__(self) -> str:
        said = (
            f"bound x{self.bound:.3f}"
            if self.expected is None
            else "loss {:.4f} ({:.4f} to {:.4f})".format(*self.expected[:3])
        )
        start = f" from step {self.candidate.start}" if self.candidate.start else ""
        peak = f" at {self.candidate.schedule.peak:.3g}"
        tie = ", tied with the best" if self.tied and self.rank > 1 else ""
        return f"{self.rank}. {self.candidate.name}{start}{peak}: {said}{tie}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The ``prospects`` from best to worst; ``basis`` is "law" or "theory", ``why`` says what the ranking rests on."""

    prospects: tuple[Prospect, ...]
    basis: str
    why: str

    @property
    def best(self) -> Prospect:
        """The prospect with the lowest expectation; ``choice`` also looks at what a tie costs."""
        return self.prospects[0]

    @property
    def choice(self) -> Prospect:
        """The prospect to run: of those tied with the best, the one of the fewest updates whose rate never rises again.

        What a rise late in a run costs is in no law here: such a way is taken only where it alone is best.
        """
        tied = [prospect for prospect in self.prospects if prospect.tied and not prospect.candidate.rises]
        return min(tied, key=lambda prospect: (prospect.candidate.cost, prospect.rank), default=self.best)

    def __str__(self) -> str:
        return "\n".join((*map(str, self.prospects), self.why))
