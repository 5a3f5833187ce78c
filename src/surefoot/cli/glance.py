"""A glance at a run that is training: where it stands, how fast it goes, and its loss so far."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from surefoot.chart import count_text, findings_chart, rate_text
from surefoot.cli.screen import drawn
from surefoot.diagnosis.nouns import Finding
from surefoot.errors import ArgumentError
from surefoot.history.columns import History
from surefoot.report.words import duration

STYLES = {"error": "bold red", "warning": "bold yellow", "info": "bold blue"}
_MEMORY, _SMOOTH, _SHOWN = 60.0, 20, 4


@dataclass(frozen=True)
class Glance:
    """A run at one look: its ``history`` and ``findings``, and (seconds, step) of the looks of the last minute."""

    history: History
    findings: tuple[Finding, ...]
    looks: tuple[tuple[float, float], ...] = ()

    @classmethod
    def of(cls, history: History, findings: tuple[Finding, ...], before: Glance | None, now: float) -> Glance:
        """Return the glance at ``now`` (seconds) that follows ``before``."""
        kept = () if before is None else before.looks
        recent = tuple(look for look in kept[:-1] if look[0] >= now - _MEMORY)
        return cls(history, findings, (*recent, *kept[-1:], (now, _last(history["step"]))))

    @property
    def step(self) -> int:
        """The last step."""
        last = _last(self.history["step"])
        return 0 if math.isnan(last) else int(last)

    @property
    def speed(self) -> float:
        """Steps a second over the last minute, NaN before two looks differ."""
        (began, first), (now, last) = self.looks[0], self.looks[-1]
        return (last - first) / (now - began) if last > first and now > began else math.nan

    def parts(self) -> list[tuple[str, str]]:
        """Return what is known of the run now, as pairs of a name and a value."""
        total = self.history.origin.facts.get("total")
        planned = f"/{total:,.0f}" if isinstance(total, float) and total > self.step else ""
        found = [("step", f"{self.step:,}{planned}"), ("loss", _number(_recent(self.history, "loss")))]
        for name, column in (("validation", "val_loss"), ("gradient norm", "grad_norm")):
            if column in self.history.names:
                found.append((name, _number(_last(self.history[column]))))
        if "lr" in self.history.names:
            found.append(("rate", rate_text(_last(self.history["lr"]))))
        if not math.isnan(self.speed):
            found.append(("speed", f"{_number(self.speed)} steps/s"))
            if planned and isinstance(total, float):
                found.append(("left", duration((total - self.step) / self.speed)))
        return found


def line(glance: Glance) -> str:
    """Return the glance as one line."""
    return ", ".join(f"{name} {value}" for name, value in glance.parts())


def finding_lines(finding: Finding) -> Text:
    """Return a finding with its first remedy."""
    where = "" if finding.step is None else f" at step {finding.step:,}"
    head = (f"{finding.code} {finding.name}", STYLES[finding.severity])
    text = Text.assemble(head, f", {finding.severity}{where}: {finding.message}")
    if finding.remedies:
        text.append(f"\n  Try first: {finding.remedies[0].text}")
    return text


def panel(glance: Glance, console: Console) -> Group:
    """Return what the live display shows: the numbers, the findings that stand, and the loss where there is room."""
    grid = Table.grid(padding=(0, 3))
    grid.add_row(*(Text(name, "bright_black") for name, _ in glance.parts()))
    grid.add_row(*(value for _, value in glance.parts()))
    grave = [one for one in glance.findings if one.severity != "info"]
    rest = len(grave) - _SHOWN
    lines: list[Text] = [Text(f"{one.code} {one.name}", STYLES[one.severity]) for one in grave[:_SHOWN]]
    lines += [Text(f"and {rest} more", "bright_black")] if rest > 0 else []
    lines = lines or [Text("no finding so far", "green")]
    rows = console.height - len(lines) - 10
    return Group(*_chart(glance, console, min(rows, 16)), grid, *lines)


def _chart(glance: Glance, console: Console, height: int) -> Iterable[Text]:
    if height < 5:
        return ()
    try:
        return (drawn(console, findings_chart(glance.history, glance.findings, title="Loss so far"), height), Text())
    except ArgumentError:
        return ()


def _last(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known[-1]) if len(known) else math.nan


def _recent(history: History, name: str) -> float:
    """Return the mean of the last values that were said; NaN if one of them is NaN."""
    values = history[name][history.said(name)][-_SMOOTH:]
    return float(np.mean(values)) if len(values) else math.nan


def _number(value: float) -> str:
    return count_text(round(value)) if abs(value) >= 1e4 else f"{value:.4g}"
