"""What a person sees of a run that is followed: a live panel on a terminal, plain lines elsewhere, or JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live

from surefoot.cli.following import Beat, Event, Maps, Said, followed, piped
from surefoot.cli.glance import Glance, finding_lines, line, panel
from surefoot.cli.run import INTERRUPTED
from surefoot.cli.screen import err, out
from surefoot.cli.telling import told
from surefoot.diagnosis.diagnosing import diagnose
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.summing import diagnosed
from surefoot.history.columns import History
from surefoot.history.reading_logs import read_runs
from surefoot.live.reporting import Reports, grave


@dataclass(frozen=True)
class Wish:
    """What was asked for on the command line."""

    once: bool = False
    until: bool = False
    as_json: bool = False
    everything: bool = False
    interval: float = 1.0


@dataclass
class Looker:
    """What was seen so far and where it is shown; ``live`` is the panel on a terminal."""

    wish: Wish
    console: Console
    live: Live | None = None
    beat: Beat = field(default_factory=Beat)
    reports: Reports = field(default_factory=Reports)
    glance: Glance | None = None

    def said(self, about: Said) -> None:
        """Show a sentence that is about the log, not about the run."""
        if about.anew:
            self.reports, self.glance = Reports(), None
        if self.live is not None:
            self.console.print(about.text, style="bright_black")
        else:
            click.echo(f"surefoot: {about.text}", err=True)

    def seen(self, history: History) -> tuple[Finding, ...]:
        """Show the run as it is now and return the findings that are new."""
        first = self.glance is None
        self.glance = Glance.of(history, diagnose(history), self.glance, self.beat.clock())
        if self.live is None and not self.wish.as_json:
            self.console.print(line(self.glance))
        # What stands in a log when it is first read may have stood there for long.
        new = self.news(at_once=first)
        if self.live is not None:
            self.live.update(panel(self.glance, self.console), refresh=True)
        return new

    def news(self, *, at_once: bool = True) -> tuple[Finding, ...]:
        """Show the findings that are new and return them; ``at_once`` also those that may pass."""
        if self.glance is None:
            return ()
        shown = [one for one in self.glance.findings if self.wish.everything or one.severity != "info"]
        new = self.reports.told(shown, self.glance.step, len(self.glance.history), at_once=at_once)
        for one in new:
            if self.wish.as_json:
                click.echo(json.dumps(one.row(), allow_nan=False))
            else:
                self.console.print(finding_lines(one))
        return tuple(new)


def watched(log: str, maps: Maps, wish: Wish) -> int:
    """Follow ``log`` as wished and return the exit code."""
    if wish.once:
        return _once(log, maps, wish)
    beat = Beat(wish.interval)
    console = err() if wish.as_json else out()
    events = piped(sys.stdin.buffer, maps, beat) if log == "-" else followed(Path(log), maps, beat)
    terminal = console.is_terminal and not wish.as_json
    with Live(console=console, auto_refresh=False) if terminal else nullcontext() as live:
        looker = Looker(wish, console, live, beat)
        code = followed_by(looker, events)
    _summary(looker)
    return code


def followed_by(looker: Looker, events: Iterator[Event]) -> int:
    """Show every event until the end, the finding that is waited for, or Ctrl-C; return the exit code."""
    try:
        with closing(events):  # type: ignore[type-var]  # both are generators
            for event in events:
                if isinstance(event, Said):
                    looker.said(event)
                elif grave(looker.seen(event), "error") and looker.wish.until:
                    return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return int(grave(looker.news(), "error") and looker.wish.until)


def _once(log: str, maps: Maps, wish: Wish) -> int:
    history = read_runs(log, map=maps)[-1]
    if wish.as_json:
        findings = Looker(wish, out()).seen(history)
    else:
        found = diagnosed(history)
        findings = found.findings
        told(found, everything=wish.everything)
    return int(wish.until and grave(findings, "error"))


def _summary(looker: Looker) -> None:
    if looker.wish.as_json or looker.glance is None:
        return
    looker.console.print("")
    told(diagnosed(looker.glance.history), everything=looker.wish.everything)
