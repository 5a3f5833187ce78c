"""Verdict: a run in one word, whether it is healthy, and the three signs that say so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from surefoot.diagnosis.nouns import Finding

HEALTHY = "healthy"


@dataclass(frozen=True)
class Verdict:
    """What is said of a run as a whole: ``text`` is "healthy" or the name of the gravest finding.

    ``signs`` holds the three key signs of health in words: "stability", "effective step size", "sensitivity"; a sign
    that nobody measured says "not measured".
    """

    text: str
    healthy: bool
    signs: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "signs", MappingProxyType(dict(self.signs)))

    def row(self) -> dict[str, Any]:
        """Return the verdict as plain data."""
        return {"verdict": self.text, "healthy": self.healthy, "signs": dict(self.signs)}


def verdict(findings: Iterable[Finding]) -> Verdict:
    """Return the verdict that ``findings`` (ranked, as ``diagnose`` returns them) amount to; info alone is healthy.

    >>> verdict(()).text, verdict(()).healthy
    ('healthy', True)
    """
    grave = [one for one in findings if one.severity != "info"]
    text = grave[0].name if grave else HEALTHY
    return Verdict(text, not grave, _signs(grave))


def _signs(grave: list[Finding]) -> dict[str, str]:
    unstable = [one for one in grave if one.code.startswith("SF1")]
    stability = "stable" if not unstable else unstable[0].message
    return {"stability": stability, "effective step size": "not measured", "sensitivity": "not measured"}
