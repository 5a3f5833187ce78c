from __future__ import annotations

import math

import pytest

import surefoot as sf
from surefoot.diagnosis.headline import headline
from surefoot.diagnosis.ledger import Tried, advised, lessons
from surefoot.diagnosis.nouns import Edit, Finding, Remedy
from surefoot.diagnosis.remedies import DIVERGED, HIGHER, OVERFIT, ranked
from surefoot.errors import ArgumentError
from surefoot.history.columns import History
from surefoot.history.origin import Origin

LOST = Finding("SF102", "divergence", 90, "error", 0.9, "Loss 9, expected below 3.", {}, ranked(DIVERGED))
SLOW = Finding("SF201", "too slow", None, "warning", 0.9, "Slow.", {}, ranked((HIGHER,)))
OVER = Finding("SF301", "overfitting", 5, "warning", 0.9, "Up.", {}, ranked(OVERFIT))
TWICE = (Tried("lower-rate", 3e-4, 900), Tried("lower-rate", 1e-4, 4000))


def topics(finding):
    return [one.topic for one in finding.remedies]


def test_nothing_tried_changes_nothing():
    assert advised((LOST, SLOW), ()) == (LOST, SLOW)


def test_what_was_tried_once_comes_last_and_says_so():
    (found,) = advised((LOST,), (Tried("rate"),))
    assert topics(found) == ["warmup", "clip", "precision", "weight decay", "rate"]
    assert found.remedies[-1].why.startswith("tried already")
    assert [one.rank for one in found.remedies] == [1, 2, 3, 4, 5]


def test_after_two_lower_rates_the_rate_is_not_advised_any_more():
    (found,) = advised((LOST,), TWICE)
    assert topics(found)[:3] == ["initialisation", "data", "precision"]
    assert "rate" not in topics(found)
    assert topics(found).count("precision") == 1
    assert "at steps 900 and 4,000" in found.remedies[0].why
    assert "lower rates only delayed it" in headline((found,))


def test_the_rate_stays_advised_where_only_one_lower_rate_was_tried_or_other_things():
    for tried in ((TWICE[0],), (Tried("clip"), Tried("warmup")), (Tried("higher-rate"), Tried("higher-rate"))):
        assert topics(advised((LOST,), tried)[0]).count("rate") == 1


def test_a_higher_rate_is_no_lower_one():
    assert advised((SLOW,), TWICE) == (SLOW,)
    assert advised((SLOW,), (Tried("higher-rate"),))[0].remedies[0].why.startswith("tried already")


def test_only_instability_is_told_that_the_rate_is_not_the_cause():
    (found,) = advised((OVER,), TWICE)
    assert "initialisation" not in topics(found)
    assert topics(found)[-1] == "rate"


def test_an_initialisation_that_was_tried_too_comes_after_data_and_precision():
    (found,) = advised((LOST,), (*TWICE, Tried("init")))
    assert topics(found)[0] == "data"
    assert topics(found)[-1] == "initialisation"


def test_a_remedy_without_an_edit_is_told_apart_by_its_words():
    lower = Finding("SF102", "divergence", 1, "error", 1.0, "m", {}, (Remedy(1, "Halve the rate.", "w", None, "rate"),))
    assert topics(advised((lower,), TWICE)[0])[0] == "initialisation"
    open_one = Finding("SF102", "divergence", 1, "error", 1.0, "m", {}, (Remedy(1, "Search it.", "w", None, "rate"),))
    assert topics(advised((open_one,), TWICE)[0]) == ["rate"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("rate=0.1", Tried("lower rate", 0.1)),
        ("lower-rate", Tried("lower rate")),
        ("LR=1e-4@9000", Tried("lower rate", 1e-4, 9000)),
        ("raise-rate", Tried("higher rate")),
        ("weight-decay", Tried("weight decay")),
        ("clipping@3", Tried("clip", None, 3)),
        ("bf16", Tried("precision")),
    ],
)
def test_what_was_tried_is_said_in_a_word(text, found):
    assert Tried.of(text) == found


@pytest.mark.parametrize("text", ["rate=fast", "rate@soon", "=3", "", "rate=1@1e400"])
def test_what_cannot_be_understood_is_refused(text):
    with pytest.raises(ArgumentError, match="lower-rate"):
        Tried.of(text)


def resumed(rates, losses, resumes):
    n = len(losses[0])
    lr = [rate for rate in rates for _ in range(n)]
    loss = [value for part in losses for value in part]
    columns = {"step": list(range(len(loss))), "loss": loss, "lr": lr}
    return History(columns, origin=Origin(facts={"resumes": tuple(float(at) for at in resumes)}))


UP = [3.0, 2.5, 2.0, 2.1, 2.0, 2.6, 4.0, 6.0, 8.0, 9.0]
DOWN = [3.0, 2.5, 2.0, 1.9, 1.8, 1.7, 1.6, 1.5, 1.4, 1.3]
LOST_LOSS = [*UP[:9], math.nan]


def test_a_log_shows_itself_that_lower_rates_only_delayed_it():
    history = resumed((6e-5, 3e-5, 1e-5), (UP, LOST_LOSS, UP), (10, 20))
    assert lessons(history) == (Tried("lower rate", 3e-5, 19), Tried("lower rate", 1e-5, 29))
    assert topics(sf.diagnose(history)[0])[0] == "initialisation"


def test_a_lower_rate_that_cured_it_is_no_lesson():
    assert lessons(resumed((6e-5, 3e-5), (UP, DOWN), (10,))) == ()


def test_a_resume_of_a_good_run_or_at_the_same_rate_is_no_lesson():
    assert lessons(resumed((6e-5, 3e-5), (DOWN, UP), (10,))) == ()
    assert lessons(resumed((6e-5, 6e-5), (UP, UP), (10,))) == ()


def test_a_log_without_resumes_or_rates_has_no_lessons():
    history = resumed((6e-5,), (UP,), ())
    assert lessons(history) == ()
    assert lessons(History({"step": [0], "loss": [1.0]}, origin=Origin(facts={"resumes": (1.0,)}))) == ()


def test_lessons_survive_resumes_that_lie_outside_the_log():
    assert lessons(resumed((6e-5, 3e-5), (UP, UP), (-5, 10, 10, 99))) == (Tried("lower rate", 3e-5, 19),)


def test_an_edit_of_the_rate_says_in_which_direction_it_goes():
    up = Remedy(1, "x", "y", Edit("scaled", {"k": 3.0}), "rate")
    finding = Finding("SF201", "too slow", None, "warning", 1.0, "m", {}, (up,))
    assert headline((finding,)) == "too slow: the rate is too low"
