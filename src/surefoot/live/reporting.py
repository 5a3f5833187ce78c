"""Reports: which findings are new, and what was ever said of a run."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from surefoot.diagnosis.nouns import SEVERITIES, Finding, Severity
from surefoot.errors import ArgumentError

KEPT, WHILE = 1000, 32
_FACTS = frozenset({"SF101", "SF501"})


@dataclass(frozen=True, slots=True)
class Sighting:
    """A finding, and the step ``at`` which it was reported."""

    at: int
    finding: Finding


@dataclass(slots=True)
class Reports:
    """What was reported: all of it in ``seen`` (the last 1,000), and what nobody fetched with ``news()`` yet."""

    seen: deque[Sighting] = field(default_factory=lambda: deque(maxlen=KEPT))
    stood: dict[str, tuple[int, bool]] = field(default_factory=dict)
    lost: int | None = None
    worst: dict[str, tuple[int, int]] = field(default_factory=dict)
    waiting: list[Finding] = field(default_factory=list)
    ripe: float = math.inf
    """The number of rows at which something that stands now will have stood for long enough."""

    def told(self, findings: Iterable[Finding], at: int, rows: int, *, at_once: bool = False) -> list[Finding]:
        """Take the findings as they stand at step ``at`` after ``rows`` rows, and return those that are new.

        New is a code not reported before, or graver than before, or one that had gone and begins after it was last
        reported: a finding that flickers is said once. What may pass has to stand for a while first (``patience``),
        unless ``at_once``: a young run looks slow, flat or lost for a moment more often than it is.
        """
        found = list(findings)
        self.stood = {one.code: self.stood.get(one.code, (rows, one.code in self.worst)) for one in found}
        # A divergence that is told apart as a collapse on the way has been one trouble all the time.
        self.lost = (rows if self.lost is None else self.lost) if any(map(_is_lost, found)) else None
        due = {one.code: 0 if at_once else self._due(one) for one in found}
        untold = [one for one in found if self._is_new(one)]
        new = [one for one in untold if due[one.code] <= rows]
        for one in new:
            self.worst[one.code] = (SEVERITIES.index(one.severity), at)
        self.stood |= {code: (self.stood[code][0], False) for code in due if due[code] <= rows}
        self.ripe = min((due[one.code] for one in untold if due[one.code] > rows), default=math.inf)
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
        _, returned = self.stood[finding.code]
        again = returned and finding.step is not None and finding.step > at
        return SEVERITIES.index(finding.severity) > worst or again

    def _due(self, finding: Finding) -> int:
        begun = self.stood[finding.code][0]
        if self.lost is not None and _is_lost(finding):
            begun = min(begun, self.lost)
        return begun + patience(finding, begun)


def patience(finding: Finding, begun: int) -> int:
    """Return for how many rows a finding that began after ``begun`` rows has to stand before it is reported.

    What is not finite is a fact and told at once; an instability after 32 rows; all else after 32 rows or an eighth of
    the run. On 14 healthy logs judged as they grew, 3 had an error for up to 20 rows that was gone at their end, and 7
    a warning that was.
    """
    if finding.code in _FACTS:
        return 0
    return WHILE if finding.code.startswith("SF1") else max(WHILE, begun // 7)


def _is_lost(finding: Finding) -> bool:
    return finding.severity == "error" and finding.code.startswith("SF1")


def grave(findings: Iterable[Finding], severity: Severity) -> bool:
    """Say whether a finding is of this severity or graver; raise ArgumentError for a severity that is none."""
    if severity not in SEVERITIES:
        raise ArgumentError(f"severity={severity!r} must be one of {', '.join(SEVERITIES)}.")
    least = SEVERITIES.index(severity)
    return any(SEVERITIES.index(one.severity) >= least for one in findings)
