"""Verdict: a run in one word and in one line, whether it is healthy, and the three signs that say so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from surefoot.curve import Curve
from surefoot.diagnosis.headline import headline
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.signs import signs
from surefoot.history.columns import History

HEALTHY = "healthy"


@dataclass(frozen=True)
class Verdict:
    """What is said of a run as a whole: ``text`` is "healthy", or what the run does and why, in one line.

    ``name`` is "healthy" or the name of the gravest finding; ``signs`` holds the three key signs of health in words:
    "stability", "effective step size", "sensitivity"; a sign that nobody measured says "not measured". ``headline`` is
    ``text``, and of a healthy run a whole sentence.
    """

    text: str
    healthy: bool
    signs: Mapping[str, str] = field(default_factory=dict)
    headline: str = ""
    name: str = HEALTHY

    def __post_init__(self) -> None:
        object.__setattr__(self, "signs", MappingProxyType(dict(self.signs)))

    def row(self) -> dict[str, Any]:
        """Return the verdict as plain data."""
        said = {"verdict": self.text, "healthy": self.healthy, "name": self.name, "headline": self.headline}
        return {**said, "signs": dict(self.signs)}


def verdict(findings: Iterable[Finding], history: History | None = None, curve: Curve | None = None) -> Verdict:
    """Return the verdict that ``findings`` (ranked, as ``diagnose`` returns them) amount to; info alone is healthy.

    The signs are read from the monitors that ``history`` logged and from ``curve``, a sweep of the same run over its
    rates; without them they say "not measured".

    >>> verdict(()).text, verdict(()).healthy, verdict(()).headline
    ('healthy', True, 'healthy: nothing is wrong that a log can show')
    """
    found = tuple(findings)
    grave = [one for one in found if one.severity != "info"]
    line = headline(found)
    if not grave:
        return Verdict(HEALTHY, True, signs(found, history, curve), line)
    return Verdict(line, False, signs(found, history, curve), line, grave[0].name)
