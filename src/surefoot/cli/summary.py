"""What a search prints when it is done: the answer, the curve, the plan, and where everything is."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from surefoot.chart import curve_chart, rate_text
from surefoot.cli.place import Place
from surefoot.cli.screen import WIDEST, drawn
from surefoot.curve import Peak
from surefoot.report.words import between, confidence_word, cost, measured, times
from surefoot.rules import suggestions
from surefoot.search.planning import Choice


def peak_summary(console: Console, peak: Peak, choice: Choice | None, place: Place, *, rules: bool = False) -> None:
    """Print the summary of ``tune`` and ``find``; ``rules``: with what the rules of other packages say."""
    if peak.curve.trials or peak.curve.test_lrs:
        console.print(drawn(console, curve_chart(peak)), "")
    if peak.lr is None:
        console.print(Text.assemble(("No answer: ", "bold red"), peak.why))
        rows_beside(console, [(name, f"{value}, {remark}") for name, value, remark in measured(peak)])
    else:
        _answered(console, peak, peak.lr)
    if rules:
        _ruled(console, peak)
    if choice is not None:
        _planned(console, choice)
    paths(console, place)


def _answered(console: Console, peak: Peak, lr: float) -> None:
    console.print(Text.assemble(("Peak learning rate ", "bold"), (rate_text(lr), "bold green")))
    rows = []
    if peak.low is not None and peak.high is not None:
        rows.append(("good range", f"{between(peak.low, peak.high)}, the loss within about 1%"))
    edge = "none found" if peak.edge is None else f"{rate_text(peak.edge)}, {times(peak.edge / lr)} the peak"
    rows.append(("edge", edge))
    rows.append(("confidence", f"{confidence_word(peak.confidence)} ({peak.confidence:.0%})"))
    rows += [(name, f"{value:g}") for name, value in peak.knobs.items()]
    rows += [(name, f"{value}, {remark}") for name, value, remark in measured(peak)]
    rows += [("why", peak.why), ("cost", cost(peak))]
    rows_beside(console, rows)


def _ruled(console: Console, peak: Peak) -> None:
    console.print("", Text("What rules say of the range test alone", "bold"), sep="\n")
    for said in suggestions(peak):
        rates = " to ".join(map(rate_text, said.rates)) or "nothing"
        off = f"{said.rates[0] / peak.lr:.2g}x the peak" if len(said.rates) == 1 and peak.lr else ""
        console.print(f"  {said.rule:<17} {rates:<20} {off:<18} {said.who}", soft_wrap=True)


def _planned(console: Console, choice: Choice) -> None:
    console.print("", Text("The plan", "bold"), sep="\n")
    rows = [("schedule", choice.schedule.describe()), ("why", choice.reason)]
    rows_beside(console, [*rows, *(("advice", note) for note in choice.notes)])
    console.print("", Text(f"import surefoot as sf\n{choice.code}", "cyan"), sep="\n")


def paths(console: Console, place: Place) -> None:
    """Print where the files are."""
    console.print("")
    rows_beside(
        console, [("report", str(place.report)), ("result", str(place.result)), ("journal", str(place.journal))]
    )


def rows_beside(console: Console, rows: list[tuple[str, str]]) -> None:
    """Print names and texts, wrapped beside the names on a terminal, one line each in a file."""
    grid = Table.grid(padding=(0, 1))
    width = max([10, *(len(name) for name, _ in rows)])
    grid.add_column(min_width=width, no_wrap=True)
    last = ""
    for name, text in rows:
        shown = "" if name == last else name
        grid.add_row(Text(f"  {shown}", "bright_black"), Text(text))
        if not console.is_terminal:
            console.print(f"  {shown:<{width}} {text}")
        last = name
    if console.is_terminal:
        console.print(grid, width=min(console.width, WIDEST), soft_wrap=False)
