"""Ranking: which findings stand when several detectors speak, and which comes first."""

from __future__ import annotations

from collections.abc import Iterable

from surefoot.diagnosis.nouns import SEVERITIES, Finding


def ranking(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings, the gravest first, of equal severity in the order of their codes."""
    return tuple(sorted(findings, key=lambda one: (-SEVERITIES.index(one.severity), one.code)))
