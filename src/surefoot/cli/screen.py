"""What a terminal shows: charts as wide as it is, in ASCII where it knows no better."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from rich.console import Console
from rich.table import Table
from rich.text import Text

from surefoot.chart import Chart
from surefoot.report.terminal import plot

WIDEST = 96


def out() -> Console:
    """Return the console of standard output."""
    return Console(highlight=False, soft_wrap=True)


def err() -> Console:
    """Return the console of standard error, where everything goes that is not the answer."""
    return Console(stderr=True, highlight=False)


@contextmanager
def only_answers(*, wanted: bool) -> Iterator[None]:
    """Keep standard output for the answer: what a task or its workers print meanwhile goes to standard error."""
    if not wanted:
        yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def drawn(console: Console, chart: Chart, height: int = 13) -> Text:
    """Return the chart drawn for ``console``."""
    return plot(chart, min(console.width, WIDEST) - 1, height, plain=console.options.ascii_only)


def printed(chart: Chart) -> None:
    """Print the chart to standard output."""
    console = out()
    console.print(drawn(console, chart))


def beside(console: Console, head: str, text: str, style: str = "") -> None:
    """Print ``text`` to the right of ``head``: wrapped within its own column on a terminal, in one line in a file."""
    if not console.is_terminal:
        console.print(Text(f"{head} {text}" if head else text))
        return
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column()
    grid.add_row(Text(head, style), Text(text))
    console.print(grid if head else Text(text), width=min(console.width, WIDEST), soft_wrap=False)
