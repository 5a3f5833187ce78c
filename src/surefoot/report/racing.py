"""What a page and a terminal say of a race, row by row."""

from __future__ import annotations

from surefoot.chart import count_text
from surefoot.report.html import paragraph, section, table
from surefoot.report.words import duration
from surefoot.search.racing import Race

HEADS = ("method", "loss", "beside the tuned", "updates", "with its search", "time")
LIMITS = "One run of each: differences below the spread of a few seeds say nothing."


def race_rows(race: Race) -> list[tuple[str, tuple[str, ...]]]:
    """Return for each entry its kind ("good" for the best, "bad" where it broke), and its cells under ``HEADS``."""
    first = race.entries[0].loss if race.entries else 0.0
    rows: list[tuple[str, tuple[str, ...]]] = []
    for entry in race.entries:
        broke = entry.trial.status == "diverged"
        loss = "diverged" if broke else f"{entry.loss:.4g}"
        beside = "" if broke or not first else f"{entry.loss / first:.2f}x"
        cost = (count_text(entry.trial.steps), count_text(race.cost(entry)), duration(entry.trial.seconds))
        kind = "bad" if broke else "good" if entry is race.best else ""
        rows.append((kind, (entry.name, loss, beside, *cost)))
    return rows


def race_words(race: Race) -> str:
    """Return one sentence on a race."""
    if race.best is None:
        return "Every run broke."
    judged = "validation loss" if race.best.trial.validated else "training loss"
    ended = " of the runs that were done when it was interrupted" if race.interrupted else ""
    return f"Lowest {judged}{ended}: {race.best.name}, {race.best.loss:.4g}."


def race_section(race: Race) -> str:
    """Return the section of a page."""
    return section(
        "Against methods that need no tuning",
        paragraph(race_words(race)),
        table(HEADS, race_rows(race), HEADS[:1]),
        *(paragraph(f"{entry.name}: {entry.schedule.describe()}.", "faint") for entry in race.entries),
        paragraph(LIMITS, "faint"),
    )
