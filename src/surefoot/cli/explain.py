"""surefoot explain: what a finding means and what to try, what an optimizer does and where it loses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from surefoot.cli.lazy import unknown
from surefoot.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from surefoot.diagnosis.explaining import Explanation
    from surefoot.methods.page import Page

HELP = """Explain a finding (what it sees, why it matters, what to try), or a tuning-free optimizer.

NAME is a code, a finding or a method; without one, all are listed.

\b
Examples:
  surefoot explain
  surefoot explain SF103
  surefoot explain divergence --json
  surefoot explain schedule-free
  surefoot explain all --markdown > findings.md
"""


@click.command(help=HELP)
@click.argument("finding", metavar="[NAME]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print a page of Markdown.")
def command(finding: str | None, *, as_json: bool, as_markdown: bool) -> int:
    """Run the verb."""
    from surefoot.cli.screen import out  # noqa: PLC0415  help must not import rich
    from surefoot.diagnosis.explaining import explanations, markdown  # noqa: PLC0415  nor the detectors
    from surefoot.methods.known import page_of  # noqa: PLC0415  nor the methods

    if as_json and as_markdown:
        raise ArgumentError("--json and --markdown both print to standard output: pass one of them.")
    method = None if finding is None else page_of(finding)
    if method is not None and not as_markdown:
        _printed(method, as_json=as_json)
        return 0
    found = explanations()
    chosen = found if finding in {None, "all"} else (chosen_of(finding or "", found),)
    if as_json:
        rows = [one.row() for one in chosen]
        click.echo(json.dumps(rows if finding in {None, "all"} else rows[0], indent=1))
    elif as_markdown:
        click.echo(markdown(chosen), nl=False)
    elif finding is None:
        _listed(out(), found)
    else:
        for one in chosen:
            _told(out(), one)
    return 0


def chosen_of(text: str, found: tuple[Explanation, ...]) -> Explanation:
    """Return the explanation whose code or name is ``text``; raise ArgumentError with the nearest one otherwise."""
    wanted = text.strip().lower().replace(" ", "-").replace("_", "-")
    for one in found:
        if wanted in {one.code.lower(), one.name.lower().replace(" ", "-")}:
            return one
    from surefoot.methods.known import PAGES  # noqa: PLC0415  as above

    known = [name for one in found for name in (one.code, one.name)] + [page.name for page in PAGES]
    upper = text.strip().upper()
    raise ArgumentError(unknown("finding or method", upper if upper.startswith("SF") else text.strip(), known))


def _listed(console: Console, found: tuple[Explanation, ...]) -> None:
    from surefoot.cli.screen import beside  # noqa: PLC0415  as above
    from surefoot.diagnosis.explaining import bare  # noqa: PLC0415  as above
    from surefoot.methods.known import PAGES  # noqa: PLC0415  as above

    width = max((len(one.name) for one in found), default=0)
    for one in found:
        beside(console, f"{one.code} {one.name:<{width}}", bare(one.summary), style="bold")
    for page in PAGES:
        beside(console, f"{page.name:<{width + 6}}", f"{page.summary}.", style="bold")


def _printed(page: Page, *, as_json: bool) -> None:
    from surefoot.cli.screen import out  # noqa: PLC0415  as above

    if as_json:
        click.echo(json.dumps(page.row(), indent=1))
        return
    classes = ", ".join(f"st.optim.{name}" for name in page.classes)
    _screen(out(), page.name, f"{page.summary}{classes and f' ({classes})'}.", page.sections)


def _told(console: Console, one: Explanation) -> None:
    _screen(console, f"{one.code} {one.name}", one.summary, one.sections)


def _screen(console: Console, title: str, summary: str, sections: Iterable[tuple[str, tuple[str, ...]]]) -> None:
    from rich.text import Text  # noqa: PLC0415  as above

    from surefoot.cli.screen import beside  # noqa: PLC0415  as above
    from surefoot.diagnosis.explaining import bare  # noqa: PLC0415  as above

    console.print(Text.assemble((title, "bold")))
    summary = bare(summary)
    beside(console, "", summary[:1].upper() + summary[1:])
    for heading, blocks in sections:
        console.print("")
        console.print(Text(heading, "bold"))
        for block in blocks:
            item, space, rest = bare(block).partition(" ")
            numbered = space and item.rstrip(".").isdigit() and item.endswith(".")
            beside(console, f"  {item}" if numbered else " ", rest if numbered else bare(block))
    console.print("")
