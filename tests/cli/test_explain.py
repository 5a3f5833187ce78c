from __future__ import annotations

import json
from pathlib import Path

import pytest

from surefoot.diagnosis.explaining import HEADINGS
from surefoot.diagnosis.known import DOCS
from surefoot.methods.known import PAGES
from surefoot.methods.page import HEADINGS as METHOD_HEADINGS

PAGE = Path(__file__).parents[2] / "docs" / "findings.md"


def test_all_findings_are_listed_a_line_each(line):
    done = line.run("explain")
    assert done.returncode == 0
    names = [text.split()[0] for text in done.stdout.splitlines()]
    assert names == [*sorted(DOCS), *(page.name for page in PAGES)]


@pytest.mark.parametrize("code", sorted(DOCS))
def test_every_finding_is_explained_without_marks(line, code):
    out = line.run("explain", code).stdout
    assert out.startswith(code)
    places = [out.index(f"\n{heading}\n") for heading in HEADINGS]
    assert places == sorted(places)
    assert "``" not in out


@pytest.mark.parametrize("asked", ["sf101", "SF101", "non-finite", "Non Finite"])
def test_a_finding_is_asked_for_by_code_or_name(line, asked):
    assert line.run("explain", asked).stdout.startswith("SF101 non-finite")


def test_all_is_every_one_in_full(line):
    out = line.run("explain", "all").stdout
    assert out.count("\nFalse alarms\n") == len(DOCS)


@pytest.mark.parametrize(("asked", "near"), [("SF110x", "SF1"), ("divergance", "'divergence'"), ("SF10", "'SF10")])
def test_an_unknown_finding_is_answered_with_the_nearest(line, asked, near):
    done = line.run("explain", asked)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "did you mean" in done.stderr
    assert near in done.stderr


def test_json_holds_the_sections(line):
    one = json.loads(line.run("explain", "SF102", "--json").stdout)
    assert (one["code"], list(one["sections"])) == ("SF102", list(HEADINGS))
    assert [row["code"] for row in json.loads(line.run("explain", "--json").stdout)] == sorted(DOCS)


def test_the_page_in_the_docs_is_what_is_printed(line):
    assert line.run("explain", "all", "--markdown").stdout == PAGE.read_text(encoding="utf-8")


def test_two_ways_at_once_are_refused(line):
    done = line.run("explain", "--json", "--markdown")
    assert done.returncode == 2
    assert "pass one of them" in done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_method_is_explained_on_one_screen(line, page):
    out = line.run("explain", page.name).stdout
    assert out.startswith(f"{page.name}\n")
    places = [out.index(f"\n{heading}\n") for heading in METHOD_HEADINGS.values()]
    assert places == sorted(places)
    assert "arXiv" in page.source
    assert sum(len(text) // 100 + 1 for text in out.splitlines()) <= 48


@pytest.mark.parametrize("asked", ["schedule-free", "Schedule Free", "ScheduleFreeAdamW", "sf"])
def test_a_method_is_asked_for_by_its_name_or_its_class(line, asked):
    assert line.run("explain", asked).stdout.startswith("schedule-free")


def test_a_method_is_data_on_request(line):
    data = json.loads(line.run("explain", "dog", "--json").stdout)
    assert data["classes"] == ["DoG", "LDoG", "DoWG"]
    assert data["sections"]["State"][0].startswith("8 bytes")
