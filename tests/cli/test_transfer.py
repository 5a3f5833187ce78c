from __future__ import annotations

import json

import pytest

from surefoot.laws.known import LAWS

FROM, TO = "batch=256,tokens=1e10,lr=3e-4,weight_decay=0.1", "batch=2048,tokens=1e11"
ASKED = ("transfer", "--from", FROM, "--to", TO, "--optimizer", "adamw")


def test_the_answer_comes_first_then_every_law_then_why_and_the_picture(line):
    done = line.run(*ASKED)
    assert done.returncode == 0, done.stderr
    out = done.stdout
    assert out.startswith("lr 3e-4 x 1.35 = 4.06e-4; the laws that hold here say x 0.894 to x ")
    for law in ("adam-sde", "bjorck", "step-law", "half-life", "steps", "measured-124m"):
        assert f" {law} " in out
    assert "even in direction" in out
    assert "2409.19913" in out
    assert "The peak rate by horizon" in out
    assert out.index("->  batch") < out.index("Formula") < out.index("Disagreement") < out.index("The peak rate")


def test_json_is_the_factor_and_nothing_else(line):
    row = json.loads(line.run(*ASKED, "--json").stdout)
    assert row["peak"] == pytest.approx(4.06e-4, rel=1e-3)
    assert [part["law"] for part in row["parts"]] == ["adam-sde", "bjorck"]
    assert row["confidence"] == "2"
    assert row["disagreement"]


def test_a_law_is_taken_when_named_and_the_picture_is_of_what_is_asked(line):
    out = line.run(*ASKED, "--law", "step-law", "--plot", "batch").stdout
    assert out.startswith("lr 3e-4 x 5.74")
    assert "The peak rate by batch" in out


def test_groups_are_shown_by_role(line):
    out = line.run("transfer", "--from", "width=256", "--to", "width=1024", "--optimizer", "adamw").stdout
    assert "lr x 1 (give lr in --from for the rate itself)" in out
    assert "hidden     lr x 0.25, weight decay x 4, init std x 0.5, eps x 0.25" in out


def test_a_change_that_is_no_axis_has_no_picture(line):
    done = line.run("transfer", "--from", "kind=pretraining", "--to", "kind=lora", "--optimizer", "adamw")
    assert (done.returncode, "by kind" in done.stdout) == (0, False)
    assert "folklore" in done.stdout


def test_all_laws_are_listed_with_their_sources(line):
    out = line.run("transfer", "--laws").stdout
    assert [text.split()[0] for text in out.splitlines()[: len(LAWS)]] == [law.name for law in LAWS]
    rows = json.loads(line.run("transfer", "--laws", "--json").stdout)
    assert all(row["source"] and row["mark_in_words"] for row in rows)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--to", TO), "--from is missing"),
        (("--from", FROM), "--to is missing"),
        (("--from", "batch=0", "--to", TO, "--optimizer", "sgd"), "batch=0.0 must be a finite number > 0"),
        (("--from", "batsh=1", "--to", TO, "--optimizer", "sgd"), "did you mean 'batch'"),
        (("--from", FROM, "--to", TO), "optimizer=None: name it"),
        ((*ASKED[1:], "--law", "cube"), "law='cube' is unknown"),
        ((*ASKED[1:], "--plot", "depth"), "quantity='depth' must be one that changes"),
    ],
)
def test_bad_input_is_one_sentence(line, arguments, said):
    done = line.run("transfer", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_help_has_an_example(line):
    assert "surefoot transfer --from batch=256" in line.run("transfer", "--help").stdout
