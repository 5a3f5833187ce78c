"""watch: the detectors over a run that is not over, reading by reading, in memory that does not grow."""

from __future__ import annotations

from surefoot.diagnosis.diagnosing import begun, fed, judged
from surefoot.diagnosis.nouns import Finding
from surefoot.history.columns import History
from surefoot.history.reading import Reading


class Watch:
    """Look at a run while it runs: ``add`` a reading, get the findings that are new with it.

    >>> watch = Watch()
    >>> watch.add(Reading(0, 2.5)), [finding.code for finding in watch.add(Reading(1, float("nan")))]
    ((), ['SF101'])
    """

    def __init__(self) -> None:
        self.findings: tuple[Finding, ...] = ()
        self._progress = begun()

    def add(self, reading: Reading) -> tuple[Finding, ...]:
        """Take one reading and return the findings that were not there before."""
        self._progress = fed(self._progress, History.of([reading]))
        before = {finding.code for finding in self.findings}
        self.findings = judged(self._progress)
        return tuple(finding for finding in self.findings if finding.code not in before)
