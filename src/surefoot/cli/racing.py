"""The race that ``surefoot tune --include`` runs after its search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from surefoot.cli.executing import executor_of
from surefoot.cli.place import Place
from surefoot.cli.screen import err, only_answers
from surefoot.cli.values import knobs
from surefoot.cli.watching import watching
from surefoot.curve import Peak
from surefoot.report.racing import HEADS, LIMITS, race_rows, race_words
from surefoot.schedule.core import Schedule
from surefoot.search.racing import Race, race

_STYLES = {"good": "green", "bad": "red"}


def names_of(text: str) -> tuple[str, ...]:
    """Return the names in ``--include``; raise BadParameter where there is none.

    >>> names_of("schedule-free, prodigy")
    ('schedule-free', 'prodigy')
    """
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise click.BadParameter(f"{text!r} names no method: schedule-free,prodigy.", param_hint="--include")
    return names


def raced(
    task: Any, asked: Mapping[str, Any], place: Place, peak: Peak, *, plan: Schedule, include: Sequence[str]
) -> Race:
    """Run the race against ``plan`` as ``asked``, watched, with a journal of its own beside that of the search."""
    journal = place.directory / "race.jsonl"

    def the_plan(_peak: float, _total: int) -> Schedule:
        return plan

    with only_answers(wanted=asked["as_json"]), executor_of(asked) as executor, watching(err()) as progress:
        return race(
            task,
            peak,
            include,
            total=plan.total or 0,
            recipe=the_plan,
            executor=executor,
            journal=journal,
            seed=asked["seed"],
            knobs=knobs(asked["knob"]),
            progress=progress,
        )


def race_summary(console: Console, found: Race) -> None:
    """Print the table of a race."""
    console.print("", Text("Against methods that need no tuning", "bold"), sep="\n")
    rows = [("bright_black", HEADS), *((_STYLES.get(kind, ""), cells) for kind, cells in race_rows(found))]
    widths = [max(len(cells[k]) for _, cells in rows) for k in range(len(HEADS))]
    for style, cells in rows:
        first, *rest = (f"{cell:{'<' if k == 0 else '>'}{widths[k]}}" for k, cell in enumerate(cells))
        console.print(Text(f"  {'  '.join([first, *rest])}", style), soft_wrap=True)
    console.print(Text(f"{race_words(found)} {LIMITS}"), soft_wrap=True)
