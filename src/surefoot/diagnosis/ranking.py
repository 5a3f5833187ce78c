"""Ranking: which findings stand when several detectors speak, and which comes first.

Detectors do not know each other. What one of them explains better is dropped here, by an explicit table.
"""

from __future__ import annotations

from collections.abc import Iterable

from surefoot.diagnosis.nouns import SEVERITIES, Finding

EXPLAINS: dict[str, tuple[str, ...]] = {
    # A run that is lost has no spikes to speak of, no plateau, and nothing to learn about its rate being too low.
    "SF101": ("SF105", "SF106", "SF201", "SF202", "SF203", "SF204", "SF206"),
    "SF102": ("SF104", "SF105", "SF106", "SF201", "SF202", "SF203", "SF204", "SF206", "SF301", "SF302"),
    # Pinned at chance looks like a plateau and like a departure; saying "too slow" of it is the worst advice.
    "SF103": ("SF102", "SF104", "SF105", "SF106", "SF201", "SF202", "SF203", "SF204", "SF206", "SF301", "SF302"),
    "SF106": ("SF201", "SF202", "SF206"),
    "SF107": ("SF104",),
    "SF206": ("SF201", "SF202"),
    # Tuning-free optimizers: the estimate is the cause, what the loss does is its effect.
    "SF112": ("SF102", "SF103", "SF104", "SF105", "SF106", "SF107"),
    "SF207": ("SF201", "SF202", "SF206"),
    "SF201": ("SF202",),
    "SF202": ("SF408",),
    "SF302": ("SF301",),
    # What came with a planned rise of the rate is that rise, not a spike of its own.
    "SF108": ("SF107",),
}
"""By code, the findings that it makes superfluous, if it is at least as grave."""


def ranking(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings that stand, the gravest first, of equal severity in the order of their codes."""
    found = tuple(findings)
    gone = {
        other.code
        for one in found
        for other in found
        if other.code in EXPLAINS.get(one.code, ()) and _grade(other) <= _grade(one)
    }
    return tuple(sorted((one for one in found if one.code not in gone), key=lambda one: (-_grade(one), one.code)))


def _grade(finding: Finding) -> int:
    return SEVERITIES.index(finding.severity)
