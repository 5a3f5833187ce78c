from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from surefoot.diagnosis.explaining import HEADINGS, bare, explained, explanations, markdown
from surefoot.diagnosis.known import DETECTORS, DOCS
from surefoot.errors import ArgumentError

PAGE = Path(__file__).parents[2] / "docs" / "findings.md"
DOC = """SF999 odd: the loss is ``odd``
and stays so.

What it sees
    A loss that
    is odd.

    A second paragraph, a * b < c.

Formula
    x = 1.
    y = 2 over
    two lines.

Why it matters
    It does.

Example
    3, 5, 7.

What to try
    First words.
    1. Add one
       to it.
    2. Or two.
    And last words.

False alarms
    None.

Source
    Folklore.
"""


def test_a_docstring_becomes_paragraphs_and_items():
    found = explained(DOC)
    told = dict(found.sections)
    assert (found.code, found.name, found.summary) == ("SF999", "odd", "the loss is ``odd`` and stays so.")
    assert told["What it sees"] == ("A loss that is odd.", "A second paragraph, a * b < c.")
    assert told["Formula"] == ("x = 1.", "y = 2 over two lines.")
    assert told["What to try"] == ("First words.", "1. Add one to it.", "2. Or two.", "And last words.")


def test_markdown_keeps_items_together_and_marks_code():
    page = markdown([explained(DOC)])
    assert "The loss is `odd` and stays so." in page
    assert r"a \* b &lt; c" in page
    assert "First words.\n\n1. Add one to it.\n2. Or two.\n\nAnd last words." in page
    assert "[SF999](#sf999-odd)" in page


def test_plain_data_has_no_marks():
    assert explained(DOC).row()["summary"] == "the loss is odd and stays so."


@pytest.mark.parametrize(
    ("doc", "said"),
    [
        ("No code here.", "must begin with a code"),
        (DOC.replace("Example\n", "Examples\n"), "they must be"),
        (DOC.replace("Source\n    Folklore.\n", ""), "they must be"),
    ],
)
def test_a_docstring_of_another_form_is_refused(doc, said):
    with pytest.raises(ArgumentError, match=said):
        explained(doc)


@pytest.mark.parametrize("code", DOCS)
def test_every_detector_is_explained_under_all_headings(code):
    found = explained(DOCS[code])
    assert found.code == code
    assert tuple(heading for heading, _ in found.sections) == HEADINGS
    assert all(blocks and all(blocks) for _, blocks in found.sections)


@pytest.mark.parametrize("detector", DETECTORS, ids=lambda one: one.code)
def test_a_detector_and_its_docstring_have_one_name(detector):
    assert explained(DOCS[detector.code]).name == detector.name


@pytest.mark.parametrize("found", explanations(), ids=lambda one: one.code)
def test_no_item_of_what_to_try_is_torn_in_two(found):
    blocks = dict(found.sections)["What to try"]
    assert [block for block in blocks if not re.match(r"\d+\. |[A-Z-]", block)] == []
    numbers = [int(block.split(".")[0]) for block in blocks if re.match(r"\d+\.", block)]
    assert all(number in {1, before + 1} for before, number in pairwise([0, *numbers]))


def test_the_page_of_all_findings_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == markdown(explanations()), "run `make docs`"


def test_the_links_of_the_page_lead_to_its_headings():
    text = PAGE.read_text(encoding="utf-8")
    heads = [re.sub(r"[^a-z0-9 -]", "", head.lower()) for head in re.findall(r"^### (.+)$", text, re.MULTILINE)]
    assert set(re.findall(r"\(#([^)]+)\)", text)) == {head.replace(" ", "-") for head in heads}
    assert len(heads) == len(DOCS)


def test_bare_text_keeps_a_single_quote_mark():
    assert bare("it's ``x`` and `y`") == "it's x and `y`"
