"""Reports: which findings are new, and what was ever said of a run."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from surefoot.diagnosis.nouns import SEVERITIES, Finding, Severity
from surefoot.errors import ArgumentError

KEPT = 1000


@dataclass(frozen=True, slots=True)
class Sighting:
    """A finding, and the step ``at`` which it was reported."""

    at: int
    finding: Finding


@dataclass(slots=True)
class Reports:
    """What was reported: all of it in ``seen`` (the last 1,000), and what nobody fetched with ``news()`` yet."""

    seen: deque[Sighting] = field(default_factory=lambda: deque(maxlen=KEPT))
    present: frozenset[str] = frozenset()
    worst: dict[str, tuple[int, int]] = field(default_factory=dict)
    waiting: list[Finding] = field(default_factory=list)

    def told(self, findings: Iterable[Finding], at: int) -> list[Finding]:
        """Take the findings as they stand at step ``at`` and return those that are new.

        New is a code not reported before, or graver than before, or one that had gone and begins after it was last
        reported: a finding that flickers is said once.
        """
        found = list(findings)
        new = [finding for finding in found if self._is_new(finding)]
        for finding in new:
            self.worst[finding.code] = (SEVERITIES.index(finding.severity), at)
        self.present = frozenset(finding.code for finding in found)
        self.seen.extend(Sighting(at, finding) for finding in new)
        self.waiting += new
        return new

    def news(self) -> tuple[Finding, ...]:
        """Return what is new since the last call."""
        if not self.waiting:
            return ()
        news, self.waiting = tuple(self.waiting), []
        return news

    def _is_new(self, finding: Finding) -> bool:
        worst, at = self.worst.get(finding.code, (-1, -1))
        gone = finding.code not in self.present
        return SEVERITIES.index(finding.severity) > worst or (gone and finding.step is not None and finding.step > at)


def grave(findings: Iterable[Finding], severity: Severity) -> bool:
    """Say whether a finding is of this severity or graver; raise ArgumentError for a severity that is none."""
    if severity not in SEVERITIES:
        raise ArgumentError(f"severity={severity!r} must be one of {', '.join(SEVERITIES)}.")
    least = SEVERITIES.index(severity)
    return any(SEVERITIES.index(one.severity) >= least for one in findings)
