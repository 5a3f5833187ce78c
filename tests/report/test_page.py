from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest

from surefoot.curve import Curve
from surefoot.curve.surface import Surface
from surefoot.errors import ArgumentError
from surefoot.history.columns import History
from surefoot.laws.scale import Scale
from surefoot.laws.sweeps import Sweeps
from surefoot.report.page import page, write
from surefoot.search.planning import choose
from surefoot.trial import Trial

VOID = {"meta", "br", "img", "link", "input"}
FINDING = SimpleNamespace(
    code="SF101", name="diverged", severity="error", step=7, message="loss <exploded>", remedies=("halve the peak",)
)
HISTORY = History({"step": np.arange(50), "loss": np.linspace(2, 1, 50), "lr": np.linspace(0, 1, 50)})


class Outline(HTMLParser):
    """Checks that tags are balanced and collects what a browser would load."""

    def __init__(self):
        super().__init__()
        self.open, self.loads, self.ids, self.text = [], [], [], ""

    def handle_starttag(self, tag, attrs):
        self.loads += [v for k, v in attrs if k in {"src", "href", "data", "action", "srcset", "poster"}]
        self.ids += [v for k, v in attrs if k == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, _tag, attrs):
        self.loads += [v for k, v in attrs if k in {"src", "href", "data", "xlink:href"}]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def outline(path):
    found = Outline()
    found.feed(path.read_text(encoding="utf-8"))
    return found


@pytest.fixture
def whole(examples, tmp_path):
    items = [examples.peak, examples.schedule, HISTORY, (FINDING,)]
    return page(items, tmp_path / "report.html", title="tune <digits>", resume="surefoot tune 'a&b'")


def test_the_page_is_balanced_and_its_ids_are_unique(whole):
    found = outline(whole)
    assert found.open == []
    assert len(found.ids) == len(set(found.ids))


def test_the_page_loads_nothing(whole):
    text = whole.read_text(encoding="utf-8")
    assert outline(whole).loads == []
    assert "default-src 'none'" in text
    assert not re.search(r"url\((?!#)|@import|<link|<img|<iframe|://", text)


def test_the_page_is_small(whole):
    assert whole.stat().st_size < 300_000


def test_the_answer_comes_before_the_evidence(whole):
    text = outline(whole).text
    places = [
        text.index(word)
        for word in (
            "4e-3",
            "Five short runs agree",
            "Good range",
            "The plan",
            "Evidence",
            "What would change",
            "Findings",
            "Resume",
        )
    ]
    assert places == sorted(places)


def test_a_trial_that_went_on_from_a_shorter_one_was_not_cut_short(examples, tmp_path):
    grown = dataclasses.replace(examples.trials[0], steps=33, since=17)
    lost = dataclasses.replace(grown, steps=9, status="diverged")
    peak = dataclasses.replace(examples.peak, curve=Curve((grown, lost), 2.3))
    page([peak], tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<td>33 (from 17 on)</td>" in text
    assert "<td>9 of 50 (from 17 on)</td>" in text


def test_text_from_outside_is_escaped(whole):
    text = whole.read_text(encoding="utf-8")
    assert "<exploded>" not in text
    assert "loss <exploded>" in outline(whole).text
    assert "tune <digits>" in outline(whole).text


def test_every_trial_is_in_the_table_and_the_best_stands_out(whole, examples):
    text = whole.read_text(encoding="utf-8")
    assert text.count("<tr") == 1 + len(examples.trials)
    assert re.search(r'<tr class="best"><td>4e-3</td>', text)
    assert re.search(r'<tr class="bad"><td>0\.1</td><td>-</td><td class="text">diverged</td>', text)


def test_no_answer_says_why_and_shows_no_rate(examples, tmp_path):
    found = outline(page([examples.nothing], tmp_path / "r.html"))
    assert "No answer" in found.text
    assert "Every rate diverged <at once>." in found.text
    assert "recommended peak" not in found.text


def test_a_schedule_alone_and_a_curve_alone_make_pages(examples, tmp_path):
    assert "sf.Schedule(0.004" in outline(page([examples.schedule], tmp_path / "a.html")).text
    assert "Loss by learning rate" in outline(page([examples.curve], tmp_path / "b.html")).text


def test_a_choice_brings_its_reason_and_its_advice(examples, tmp_path):
    choice = choose(examples.peak, total=1000)
    text = outline(page([examples.peak, choice], tmp_path / "r.html")).text
    assert choice.reason in text
    assert all(note in text for note in choice.notes)
    assert "Warmup and clipping" not in text


def test_a_sweep_names_its_best_rate(examples, tmp_path):
    text = outline(page([examples.curve], tmp_path / "r.html")).text
    assert text.index("4e-3best rate of the sweep") < text.index("Evidence")
    assert "No answer" in outline(page([Curve()], tmp_path / "n.html")).text


def test_something_else_is_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(ArgumentError, match="items holds int 3"):
        page([3], tmp_path / "r.html")
    assert list(tmp_path.iterdir()) == []


def test_hundreds_of_trials_still_fit(examples, tmp_path):
    trials = tuple(
        dataclasses.replace(t, lr=t.lr * 1.01**k, losses=tuple(np.linspace(2, 1, 300)), points=tuple(range(300)))
        for k in range(8)
        for t in examples.trials
    )
    peak = dataclasses.replace(examples.peak, curve=dataclasses.replace(examples.curve, trials=trials))
    assert page([peak], tmp_path / "r.html").stat().st_size < 300_000


def test_writing_replaces_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "r.html"
    write(path, "first")
    write(path, "second")
    assert path.read_text(encoding="utf-8") == "second"
    assert [file.name for file in path.parent.iterdir()] == ["r.html"]
    with pytest.raises(UnicodeEncodeError):
        write(path, "\ud800")
    assert path.read_text(encoding="utf-8") == "second"
    assert [file.name for file in path.parent.iterdir()] == ["r.html"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ArgumentError, match="cannot be written"):
        write(tmp_path / "file" / "r.html", "text")


def test_a_page_of_sweeps_across_scales_and_of_two_rates(tmp_path):
    def curve(at):
        return Curve(tuple(Trial(2.0**-k, 0, 9, 9, 1 + 0.1 * (k - at) ** 2, stage="sweep") for k in range(8)), 9.0)

    sweeps = Sweeps(
        (
            (Scale(width=32, depth=2), curve(3)),
            (Scale(width=64, depth=2), curve(0)),
            (Scale(width=64, depth=4), curve(4)),
        )
    )
    text = page(
        [sweeps, Surface(("lr", "muon_lr"), ((0.1, curve(3)), (0.2, curve(4))))], tmp_path / "a.html"
    ).read_text()
    for words in (
        "The best rate by width",
        "The best rate by depth",
        "3 scales",
        "Best lr by muon_lr",
        "high",
        "0.125",
    ):
        assert words in text
    lost = Curve((Trial(0.1, 0, 2, 9, float("inf"), "diverged"),))
    text = page(
        [Sweeps(((Scale(width=32), lost),)), Surface(("lr", "b"), ((1.0, lost),))], tmp_path / "b.html"
    ).read_text()
    assert text.count("No answer") == 2


def test_a_table_of_very_many_trials_lists_the_best(tmp_path):
    trials = tuple(Trial(0.1 + k / 1000, k, 9, 9, float(k)) for k in range(1000))
    text = page([Curve(trials, 2000.0)], tmp_path / "a.html").read_text()
    assert "Of 1,000 trials the best 400 are shown." in text
    assert text.count("<tr") < 450
