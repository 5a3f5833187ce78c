"""The rungs of a search: how long its trials are, how many, and how far apart, for the budget there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import hold, ramp

Recipe = Callable[[float, int], Schedule]

SHORTEST = 6
"""Updates below which a trial says nothing."""
VALIDATION = 3
"""Updates that judging one trial is reckoned to cost (nine validation batches at a third of an update each)."""
COOLDOWN = 0.2
WARMUP = 0.05
LONG = 0.18
"""The share of a run from which a probe warms up if the recipe does: shorter ones have no updates to spare."""


@dataclass(frozen=True, slots=True)
class Rung:
    """``count`` trials of ``fraction`` of the full run, ``spacing`` octaves apart; ``whole`` runs use the recipe."""

    fraction: float
    count: int
    spacing: float
    whole: bool = False

    @property
    def name(self) -> str:
        """How the rung is called in trials and sentences."""
        return f"{'run' if self.whole else 'probe'} T/{round(1 / self.fraction)}" if self.fraction < 1 else "run T"


_FIRST = Rung(1 / 32, 3, 3.0)
_EIGHTHS = Rung(1 / 8, 3, 1.4)
_QUARTERS = Rung(1 / 4, 3, 1.2)

# The designs measured best for their cost, on 27 tasks in simulation: cheapest budget in runs, and the rungs. Three
# probes of T/4 after three of T/32 left 1.6 % mean regret for one run, where T/16 and T/8 left 3.2 %.
DESIGNS: tuple[tuple[float, tuple[Rung, ...]], ...] = (
    (5.3, (_FIRST, _EIGHTHS, _QUARTERS, Rung(1.0, 4, 0.8, whole=True))),
    (2.6, (_FIRST, _EIGHTHS, _QUARTERS, Rung(1 / 2, 3, 0.8, whole=True))),
    (1.3, (_FIRST, _EIGHTHS, _QUARTERS)),
    (0.75, (_FIRST, _QUARTERS)),
    (0.4, (Rung(1 / 24, 3, 3.0), Rung(1 / 8, 3, 1.35))),
    (0.2, (_FIRST, Rung(1 / 16, 2, 1.4))),
    (0.08, (_FIRST,)),
    (0.0, (Rung(1 / 32, 2, 3.0),)),
    (0.0, ()),
)


def design(budget: float, updates: int, total: int) -> tuple[Rung, ...]:
    """Return the rungs for ``budget`` full runs of ``total`` updates, ``updates`` in all: the largest that fits."""
    fitting = (rungs for cheapest, rungs in DESIGNS if budget >= cheapest and _fits(rungs, updates, total))
    return next(fitting, ())


def _fits(rungs: tuple[Rung, ...], updates: int, total: int) -> bool:
    if not rungs:
        return True
    left = updates - test_length(updates, total) - VALIDATION
    return length(rungs, left, total) >= max(SHORTEST, int(0.65 * weight(rungs[0], total)))


def test_length(updates: int, total: int) -> int:
    """Return the length of the range test that comes before rungs: T/24, 20 to 100, at most a fifth of the budget."""
    return max(min(max(total // 24, 20), 100, int(0.2 * (updates - VALIDATION))), SHORTEST)


def weight(rung: Rung, total: int) -> float:
    """Return the length in updates that a trial of the rung should have."""
    return max(rung.fraction * total, SHORTEST)


def length(rungs: tuple[Rung, ...], left: int, total: int) -> int:
    """Return the length of the trials of the first of ``rungs`` when ``left`` updates are there for all of them."""
    shares = [rung.count * weight(rung, total) for rung in rungs]
    judging = sum(rung.count for rung in rungs) * VALIDATION
    share = max(left - judging, 0) * weight(rungs[0], total) / sum(shares)
    return min(int(share), total)


def probe(peak: float, total: int, *, warm: bool = False) -> Schedule:
    """Return a trunk: a constant rate, then the last fifth linearly to zero; if ``warm``, from zero over the first.

    Its mean rate is 80 to 90 % of its peak where a warmup-cosine run's is 50 %, which cancels most of the drift of the
    best rate with the horizon.

    >>> probe(0.1, 10).array().round(3).tolist()
    [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.05]
    >>> probe(0.1, 10, warm=True).array().round(3).tolist()
    [0.0, 0.05, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.05]
    """
    down = max(round(COOLDOWN * total), 1)
    up = down if warm else 0
    if up + down >= total:
        return Schedule(peak, (hold(total),))
    start = (ramp(0.0, 1.0, up),) if up else ()
    return Schedule(peak, (*start, hold(total - up - down), ramp(1.0, 0.0, down)))


def warms(recipe: Recipe, total: int) -> bool:
    """Say whether a full run of the recipe begins far below its peak.

    Probes then warm up too: without it they put the best rate of clipped recurrences and of Adagrad 1 to 2.5 octaves
    too low.
    """
    rates = recipe(1.0, total).array()
    return bool(rates[0] < 0.5 * rates.max())


def default_recipe(peak: float, total: int) -> Schedule:
    """Return warmup over the first 5 %, then a cosine to zero: what a full run is taken to be unless it is said.

    >>> default_recipe(1.0, 100)(5), default_recipe(1.0, 100).total
    (1.0, 100)
    """
    up = min(max(round(WARMUP * total), 1), total - 1)
    if up < 1:
        return Schedule(peak, (hold(total),))
    return Schedule(peak, (ramp(0.0, 1.0, up), ramp(1.0, 0.0, total - up, "cosine")))
