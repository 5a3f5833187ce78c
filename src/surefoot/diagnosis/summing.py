"""Diagnosis: everything that is said about one run, as one piece of data for the terminal, the page and JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from surefoot.curve import Curve
from surefoot.diagnosis.coupling import coupling
from surefoot.diagnosis.diagnosing import diagnose
from surefoot.diagnosis.headline import turned
from surefoot.diagnosis.ledger import Tried
from surefoot.diagnosis.nouns import Finding, Remedy
from surefoot.diagnosis.prescribing import Prescription, logged_plan, prescribed
from surefoot.diagnosis.verdict import Verdict, verdict
from surefoot.history.columns import History
from surefoot.schedule.core import Schedule


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """A run (``history``), the ``findings`` on it, the gravest first, and the ``verdict`` that they amount to.

    ``plan`` is the schedule that the run used, ``plan_said`` where that is known from; ``notes`` are sentences on what
    else a first remedy changes.
    """

    history: History
    findings: tuple[Finding, ...]
    verdict: Verdict
    plan: Schedule | None = None
    plan_said: str = ""
    notes: tuple[str, ...] = ()

    def prescriptions(self, finding: Finding) -> tuple[Prescription, ...]:
        """Return the remedies of ``finding``, each with the schedule that it makes of the plan."""
        return prescribed(finding.remedies, self.plan)

    def row(self) -> dict[str, Any]:
        """Return the diagnosis as plain data, numbers that are not finite as None: what ``--json`` prints."""
        return {
            **self.verdict.row(),
            "findings": [self._finding(one) for one in self.findings],
            "notes": list(self.notes),
            "source": self.history.source,
            "rows": len(self.history),
            "understood": list(self.history.origin.said()),
            "schedule": None if self.plan is None else {**_data(self.plan), "said": self.plan_said},
        }

    def _finding(self, finding: Finding) -> dict[str, Any]:
        row = finding.row()
        row["remedies"] = [
            {**one.remedy.row(), "schedule": None if one.schedule is None else _data(one.schedule)}
            for one in self.prescriptions(finding)
        ]
        plain: dict[str, Any] = _plain(row)
        return plain


def diagnosed(
    history: History,
    findings: Sequence[Finding] | None = None,
    *,
    plan: Schedule | None = None,
    tried: Sequence[Tried] = (),
    curve: Curve | None = None,
) -> Diagnosis:
    """Return the diagnosis of a run.

    ``findings`` are those of ``diagnose`` unless given. ``plan`` is the schedule the run used; unless given it is read
    off the logged rates, where a remedy edits it. ``tried`` are remedies that did not help; ``curve`` is a sweep of the
    run over its rates, for the sensitivity.

    >>> from surefoot import Reading
    >>> run = History.of(Reading(step, 1 / (step + 1)) for step in range(100))
    >>> diagnosed(run).row()["healthy"]
    True
    """
    findings = diagnose(history, tried=tried) if findings is None else tuple(findings)
    # Recognising a plan can take a second or two: only a remedy that edits it needs it.
    edits = any(remedy.edit is not None for one in findings for remedy in one.remedies)
    found = logged_plan(history) if edits and plan is None else None
    used = plan if found is None else found.schedule
    said = "as given" if plan is not None else "" if found is None else f"read off the logged rates: {found.why}"
    notes = (*_notes(findings, history, used), *_unknown(findings, tried))
    return Diagnosis(history, findings, verdict(findings, history, curve), used, said, notes)


def _unknown(findings: Sequence[Finding], tried: Sequence[Tried]) -> tuple[str, ...]:
    """Return a sentence on each thing that was tried and that no remedy turns: it may be misspelt."""
    turns = dict.fromkeys(turned(remedy) for one in findings for remedy in one.remedies)
    # After two lower rates no remedy is one any more.
    odd = dict.fromkeys(one.topic for one in tried if one.topic not in {*turns, "lower rate"})
    there = ", ".join(name for name in turns if name)
    return tuple(f"{name!r} was tried, but no remedy here turns it: they turn {there}." for name in odd if there)


def _notes(findings: Sequence[Finding], history: History, plan: Schedule | None) -> tuple[str, ...]:
    """Return the notes on the first remedy that scales the rate, of the findings that make the verdict."""
    grave = [one for one in findings if one.severity != "info"]
    for remedy in grave[0].remedies if grave else ():
        k = _scale(remedy)
        if k is not None:
            return coupling(k, None if plan is None else plan.peak, history.origin.facts)
    return ()


def _scale(remedy: Remedy) -> float | None:
    if remedy.edit is None or remedy.edit.op != "scaled" or turned(remedy) not in {"lower rate", "higher rate"}:
        return None
    k = remedy.edit.arguments.get("k")
    return float(k) if isinstance(k, (int, float)) and k > 0 else None


def _data(schedule: Schedule) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(schedule.to_json())
    return data


def _plain(value: Any) -> Any:
    """Return ``value`` as JSON can hold it: NumPy's numbers as Python's, what is not finite as None."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, (str, bool, int)) or value is None:
        return value
    if hasattr(value, "item"):
        return _plain(value.item())
    return value if not isinstance(value, float) or math.isfinite(value) else None
