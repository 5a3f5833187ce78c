"""Judging: what surefoot says of a labelled run, and what is counted of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from labels import HEALTHY, Labelled

import surefoot as sf

_RAISES = re.compile(r"\b(raise|raising|higher|increase|larger)\b", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Judged:
    """A labelled run with the findings on it, the gravest first."""

    run: Labelled
    findings: tuple[sf.Finding, ...]

    @property
    def level(self) -> str:
        """The gravest severity: "error", "warning", or "silent" where there is nothing but info."""
        severities = {finding.severity for finding in self.findings}
        return next((level for level in ("error", "warning") if level in severities), "silent")

    @property
    def first(self) -> str:
        """The code of the verdict, "-" for a run that is called healthy."""
        return next((one.code for one in self.findings if one.severity != "info"), "-")

    @property
    def right(self) -> bool:
        """Whether the verdict is the label."""
        healthy = sf.verdict(self.findings).healthy
        return healthy if self.run.label == HEALTHY else not healthy and self.run.agrees(self.first)

    @property
    def raises(self) -> bool:
        """Whether any remedy advises a higher rate."""
        return any(_higher(remedy) for finding in self.findings for remedy in finding.remedies)


def judged(runs: Sequence[Labelled]) -> list[Judged]:
    """Return what ``sf.diagnose`` says of every run."""
    return [Judged(run, sf.diagnose(run.history)) for run in runs]


def codes(runs: Sequence[Judged]) -> str:
    """Return how often each code came first, the most frequent first."""
    return ", ".join(f"{code} {count}" for code, count in Counter(one.first for one in runs).most_common())


def _higher(remedy: sf.Remedy) -> bool:
    if remedy.edit is not None and remedy.edit.op == "scaled":
        factor = remedy.edit.arguments.get("k")
        return isinstance(factor, (int, float)) and factor > 1
    return remedy.topic == "rate" and _RAISES.search(remedy.text) is not None
