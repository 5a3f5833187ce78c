from __future__ import annotations

import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import surefoot as sf
from surefoot.diagnosis.nouns import Edit, Finding, Remedy
from surefoot.diagnosis.remedies import DIVERGED, ranked
from surefoot.diagnosis.summing import diagnosed
from surefoot.history.columns import History
from surefoot.history.origin import Origin
from surefoot.report.page import page

VOID = {"meta", "br", "img", "link", "input"}
PLAN = sf.cosine(3e-3, total=400, warmup=10)
LOST = Finding(
    "SF102",
    "divergence",
    220,
    "error",
    0.9,
    "Loss <9>, expected below 3.",
    {"base": 2.0, "limit": 2.6},
    ranked(DIVERGED),
)


class Outline(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.loads, self.ids, self.text, self.boxes = [], [], [], "", 0

    def handle_starttag(self, tag, attrs):
        self.loads += [v for k, v in attrs if k in {"src", "href", "data", "action", "srcset", "poster"}]
        self.ids += [v for k, v in attrs if k == "id"]
        self.boxes += ("type", "checkbox") in attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def outline(path):
    found = Outline()
    found.feed(path.read_text(encoding="utf-8"))
    assert found.open == []
    assert found.loads == []
    assert len(found.ids) == len(set(found.ids))
    return found


@pytest.fixture
def run():
    loss = 2 + 2 * np.exp(-np.arange(300) / 40)
    loss[220:] += np.linspace(0, 6, 80)
    lr = PLAN.array(0, 300)
    columns = {"step": np.arange(300), "loss": loss, "lr": lr}
    return History(columns, "run.csv", Origin("CSV", {"loss": "train/<loss>"}, ("time",), ("Two runs.",)))


def test_a_page_of_a_diagnosis_holds_its_parts_in_their_order(run, tmp_path):
    text = outline(page([diagnosed(run, (LOST,))], tmp_path / "r.html")).text
    parts = (
        "Diverging: the rate is too high",
        "stability",
        "SF102",
        "Loss <9>, expected",
        "What to try",
        "The plan then",
    )
    places = [
        text.index(part)
        for part in (*parts, "Clip the gradient", "Do not only adjust the rate", "How the log was understood")
    ]
    assert places == sorted(places)
    assert all(
        word in text for word in ("Read as CSV", "train/<loss>", "Not used: time", "Two runs.", "run.csv: 300 rows")
    )


def test_remedies_are_a_checklist_with_the_edited_schedule_beside_the_old_one(run, tmp_path):
    path = page([diagnosed(run, (LOST,))], tmp_path / "r.html")
    text = path.read_text(encoding="utf-8")
    assert outline(path).boxes == len(LOST.remedies)
    assert "sf.Schedule(0.0003," in text
    # Wide and narrow, for the two edits (rate, warmup).
    assert len(re.findall(r'class="sf-name"[^>]*>The schedule as it is, and edited<', text)) == 4
    assert text.count("<details open>") == 1


def test_the_evidence_is_drawn(run, tmp_path):
    text = outline(page([diagnosed(run, (LOST,))], tmp_path / "r.html")).text
    assert "the band it left" in text
    assert "limit 2.6" in text


def test_later_findings_do_not_repeat_remedies(run, tmp_path):
    again = Finding("SF107", "end of warmup", 12, "warning", 0.5, "m", {}, LOST.remedies)
    path = page([diagnosed(run, (LOST, again))], tmp_path / "r.html")
    assert outline(path).boxes == len(LOST.remedies)
    assert "The remedies above hold here too." in outline(path).text


def test_a_history_is_diagnosed_and_findings_that_come_with_it_are_shown_on_it(run, tmp_path):
    alone = outline(page([run], tmp_path / "a.html")).text
    assert sf.diagnose(run)[0].message in alone
    mine = Finding("SF301", "overfitting", 3, "warning", 0.5, "My own.")
    given = outline(page([run, mine], tmp_path / "b.html")).text
    assert "Overfitting" in given
    assert "My own." in given
    assert "SF102" not in given


def test_findings_beside_two_histories_stand_for_themselves(run, tmp_path):
    text = outline(page([run, run.rows(0, 50), LOST], tmp_path / "r.html")).text
    assert text.count("Loss <9>") == 1
    assert "Findings" in text


def test_a_healthy_run_is_said_to_be_healthy(tmp_path):
    rows = History({"step": np.arange(200), "loss": 2 + np.exp(-np.arange(200) / 30)})
    text = outline(page([diagnosed(rows, ())], tmp_path / "r.html")).text
    assert "Healthy: nothing is wrong that a log can show" in text
    assert "What to try" not in text


def test_a_run_without_a_finite_loss_still_makes_a_page(tmp_path):
    rows = History({"step": [0, 1], "loss": [math.nan, math.inf]})
    assert "No finite loss." in outline(page([rows], tmp_path / "r.html")).text


def test_an_edit_without_a_known_schedule_is_said_as_an_edit(tmp_path):
    rows = History({"step": [0, 1, 2], "loss": [1.0, 2.0, 3.0]})
    one = Finding("SF102", "divergence", 1, "error", 0.5, "m", {}, (Remedy(1, "t", "w", Edit("scaled", {"k": 0.1})),))
    assert "As an edit: scaled(k=0.1)" in outline(page([diagnosed(rows, (one,))], tmp_path / "r.html")).text


def test_a_page_with_every_finding_and_a_long_run_stays_small(tmp_path):
    loss = np.random.default_rng(0).normal(2, 0.1, 200_000)
    rows = History({"step": np.arange(200_000), "loss": loss})
    codes = [Finding(f"SF10{k}", f"n{k}", 1000 * k, "warning", 0.5, "m", {}, ranked(DIVERGED)) for k in range(1, 10)]
    assert page([diagnosed(rows, codes, plan=PLAN)], tmp_path / "r.html").stat().st_size < 300_000
