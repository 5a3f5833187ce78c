"""All rules at once: what each would have said of one range test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from surefoot.rules.ranges import edge_range, smith
from surefoot.rules.slopes import minimum_tenth, steepest, steepest_by_rate
from surefoot.rules.valleys import slide, valley


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What one ``rule`` said: ``rates`` is one rate, a lower and an upper one, or empty; ``who`` has it as its own."""

    rule: str
    rates: tuple[float, ...]
    who: str


_RULES: tuple[tuple[str, Callable[[Any], Any], str], ...] = (
    ("steepest", steepest, "torch-lr-finder"),
    ("steepest by rate", steepest_by_rate, "Lightning lr_find"),
    ("valley", valley, "fastai, its default"),
    ("slide", slide, "fastai"),
    ("minimum/10", minimum_tenth, "fastai"),
    ("smith", smith, "arXiv 1506.01186"),
    ("0.3-1 x edge", edge_range, "folklore"),
)


def suggestions(curve: Any) -> tuple[Suggestion, ...]:
    """Return what each rule says of the range test of ``curve``, a Curve or a Peak.

    >>> from surefoot.curve import Curve
    >>> {one.rates for one in suggestions(Curve())}
    {()}
    """
    return tuple(Suggestion(name, _rates(rule(curve)), who) for name, rule, who in _RULES)


def _rates(said: float | tuple[float, float] | None) -> tuple[float, ...]:
    if said is None:
        return ()
    return said if isinstance(said, tuple) else (said,)
