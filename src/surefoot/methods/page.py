"""Page: one method on one screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

HEADINGS = {
    "what": "What it is",
    "formula": "Formula",
    "needs": "What it still needs",
    "state": "State",
    "use": "When to use it",
    "loses": "Where it loses",
    "source": "Source",
}


@dataclass(frozen=True)
class Page:
    """What ``surefoot explain`` says of a method: its ``classes`` in ``st.optim``, and a text under each heading.

    ``also`` are other names that it is asked for by; lines of ``formula`` stay apart.
    """

    name: str
    summary: str
    classes: tuple[str, ...]
    what: str
    formula: tuple[str, ...]
    needs: str
    state: str
    use: str
    loses: str
    source: str
    also: tuple[str, ...] = ()

    @property
    def sections(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The headings with their paragraphs."""
        texts = {field: getattr(self, field) for field in HEADINGS}
        return tuple((HEADINGS[f], text if isinstance(text, tuple) else (text,)) for f, text in texts.items())

    @property
    def names(self) -> frozenset[str]:
        """The words that ask for this page, lower case, without hyphens."""
        return frozenset(plain(word) for word in (self.name, *self.also, *self.classes))

    def row(self) -> dict[str, Any]:
        """Return the page as plain data."""
        sections = {heading: list(blocks) for heading, blocks in self.sections}
        return {"name": self.name, "summary": self.summary, "classes": list(self.classes), "sections": sections}


def plain(word: str) -> str:
    """Return a name as it is compared: lower case, letters and digits only.

    >>> plain("Schedule-Free"), plain("schedule_free")
    ('schedulefree', 'schedulefree')
    """
    return "".join(c for c in word.lower() if c.isalnum())
