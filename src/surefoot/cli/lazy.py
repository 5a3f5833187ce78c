"""A click group whose commands are made when they are used, and whose typos are answered with the likely word."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

import click


class LazyGroup(click.Group):
    """A group over ``summaries`` (name to one line) that calls ``load(name)`` for the command that is used.

    ``noun`` is what the commands are called in messages. It overrides click's own three hooks for this and no more.
    """

    def __init__(
        self, *, summaries: Mapping[str, str], load: Callable[[str], click.Command], noun: str, **options: Any
    ) -> None:
        super().__init__(**options)
        self.summaries = summaries
        self.load = load
        self.noun = noun

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """Return the names in their own order."""
        return list(self.summaries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, or fail with the nearest name."""
        name = cmd_name.replace("_", "-")
        if name not in self.summaries:
            ctx.fail(unknown(self.noun, cmd_name, list(self.summaries)))
        return self.load(name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  same
        """Write the names and lines without making the commands."""
        with formatter.section(f"{self.noun.capitalize()}s"):
            formatter.write_dl(list(self.summaries.items()))


def unknown(noun: str, name: str, names: list[str]) -> str:
    """Return the sentence about a name that does not exist, with the nearest one that does.

    >>> unknown("verb", "tun", ["tune", "find"])
    "There is no verb 'tun'; did you mean 'tune'?"
    >>> unknown("verb", "xyz", ["tune", "find"])
    "There is no verb 'xyz'; there are tune, find."
    """
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names)}."
    return f"There is no {noun} {name!r}; {hint}"
