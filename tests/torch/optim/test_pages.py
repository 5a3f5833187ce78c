"""The pages of methods and the methods themselves say the same."""

import pytest

from surefoot.methods.known import PAGES
from surefoot.torch import optim

CLASSES = [(page, name) for page in PAGES for name in page.classes]


@pytest.mark.parametrize(("page", "name"), CLASSES, ids=lambda one: one if isinstance(one, str) else "")
def test_a_page_names_classes_that_are_there_and_cites_what_they_cite(page, name):
    doc = getattr(optim, name).__doc__
    cited = {word.rstrip(",.;") for word in page.source.split() if word[:4].isdigit() and "." in word.rstrip(",.;")}
    assert cited
    assert any(number in doc for number in cited) or "as ScheduleFreeAdamW" in doc


def test_every_optimizer_has_a_page():
    methods = {name for name in optim.__all__ if isinstance(getattr(optim, name), type)}
    others = {"Averaged", "GradientSkipped"}
    assert methods - others == {name for page in PAGES for name in page.classes}
