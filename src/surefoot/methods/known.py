"""Every method that has a page, in the order of a list."""

from __future__ import annotations

from surefoot.methods import without_rate, without_schedule
from surefoot.methods.page import Page, plain

PAGES: tuple[Page, ...] = (without_schedule.SCHEDULE_FREE, *without_rate.PAGES, *without_schedule.PAGES[1:])


def page_of(word: str) -> Page | None:
    """Return the page that ``word`` asks for, by the name of the method or of one of its classes; None for no such.

    >>> page_of("Schedule Free").name, page_of("LDoG").name, page_of("adamw")
    ('schedule-free', 'dog', None)
    """
    return next((page for page in PAGES if plain(word) in page.names), None)
