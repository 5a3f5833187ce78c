"""What diagnose prints: the verdict, how the log was read, the loss, each finding with its remedies, the signs."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from surefoot.chart import findings_chart
from surefoot.cli.screen import beside, drawn, out
from surefoot.cli.summary import rows_beside
from surefoot.diagnosis.nouns import Finding
from surefoot.diagnosis.prescribing import Prescription
from surefoot.diagnosis.summing import Diagnosis
from surefoot.diagnosis.working import course, shown, understood
from surefoot.errors import ArgumentError
from surefoot.report.words import confidence_word, counted

STYLES = {"error": "bold red", "warning": "bold yellow", "info": "bold blue"}


def told(found: Diagnosis, *, everything: bool = False) -> None:
    """Print one diagnosis; notes (findings of level info) only where ``everything`` is wanted."""
    console = out()
    console.print(Text(found.verdict.headline, "bold green" if found.verdict.healthy else _tone(found)))
    source = f"{found.history.source or 'a history'}, {counted(len(found.history), 'row')}"
    beside(console, "", "; ".join((source, *understood(found.history))), style="bright_black")
    beside(console, "", course(found.history), style="bright_black")
    _plot(console, found)
    shown_here = [one for one in found.findings if everything or one.severity != "info"]
    said: set[str] = set()
    for one in shown_here:
        _finding(console, found, one, said)
        said |= {remedy.text for remedy in one.remedies}
    if found.notes:
        console.print("")
        for note in found.notes:
            beside(console, "Note", note, style="bold")
    console.print("", Text("Signs", "bold"), sep="\n")
    rows_beside(console, list(found.verdict.signs.items()))
    if found.plan is not None:
        console.print("", Text("The schedule", "bold"), sep="\n")
        rows_beside(console, [("plan", found.plan.describe()), ("known", found.plan_said)])
    hidden = len(found.findings) - len(shown_here)
    if hidden:
        console.print(
            "", f"{counted(hidden, 'note')} not shown: --all shows {'it' if hidden == 1 else 'them'}.", sep="\n"
        )


def several(found: tuple[Diagnosis, ...]) -> None:
    """Print one line a run."""
    console = out()
    grid = Table(box=None, pad_edge=False)
    for name in ("run", "rows", "verdict", "step", "in words"):
        grid.add_column(name, justify="right" if name in {"rows", "step"} else "left", no_wrap=name != "in words")
    for k, one in enumerate(found):
        name = str(one.history.origin.facts.get("run", "") or k)
        first = one.findings[0] if one.findings and not one.verdict.healthy else None
        step = "-" if first is None or first.step is None else f"{first.step:,}"
        style = "green" if one.verdict.healthy else _tone(one)
        cells = (Text(name), Text(f"{len(one.history):,}"), Text(one.verdict.name, style), Text(step))
        grid.add_row(*cells, Text(one.verdict.headline))
    console.print(grid, soft_wrap=False, width=None if console.is_terminal else 160)


def _tone(found: Diagnosis) -> str:
    return STYLES[found.findings[0].severity]


def _plot(console: Console, found: Diagnosis) -> None:
    try:
        chart = findings_chart(found.history, found.findings)
    except ArgumentError:
        return
    console.print("", drawn(console, chart, 11), sep="\n")


def _finding(console: Console, found: Diagnosis, one: Finding, said: set[str]) -> None:
    """Print a finding; its remedies only as far as no finding before it has ``said`` them."""
    where = "" if one.step is None else f" at step {one.step:,}"
    sure = f"confidence {confidence_word(one.confidence)} ({one.confidence:.0%})"
    console.print("")
    console.print(Text.assemble((f"{one.code} {one.name}", STYLES[one.severity]), f", {one.severity}{where}, {sure}"))
    beside(console, "  ", one.message)
    numbers = shown(one)
    if numbers:
        beside(console, "  ", "seen: " + ", ".join(f"{name} {value}" for name, value in numbers), style="bright_black")
    new = [each for each in found.prescriptions(one) if each.remedy.text not in said]
    for each in new:
        _remedy(console, each)
    if len(new) < len(one.remedies):
        beside(console, "  ", "The remedies above hold here too.")


def _remedy(console: Console, one: Prescription) -> None:
    beside(console, f"  {one.remedy.rank}.", one.remedy.text)
    beside(console, "    ", f"because {one.remedy.why}")
    if one.schedule is not None:
        beside(console, "    ", f"the plan then: {one.schedule.describe()}")
    elif one.note:
        beside(console, "    ", one.note)
