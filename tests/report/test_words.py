from __future__ import annotations

import dataclasses

import pytest

import surefoot as sf
from surefoot.report.advice import advice, changes
from surefoot.report.words import code, confidence_word, cost, duration
from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import hold, ramp

SCHEDULES = (
    Schedule(0.1, (hold(10),)),
    Schedule(3e-4, (ramp(0, 1, 5), hold(None))),
    Schedule(4e-3, (ramp(0, 1, 100), hold(700, 0.5), ramp(1, 0.1, 200, "cosine"))),
)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_the_code_of_a_schedule_builds_the_schedule(schedule):
    assert eval(code(schedule), {"sf": sf}) == schedule  # noqa: S307  the text under test is our own code


def test_the_cost_is_said_in_updates_runs_and_time(examples):
    assert cost(examples.peak) == "800 updates, 0.80 full runs of 1,000 (5 short runs and a range test), 12 s"


@pytest.mark.parametrize(
    ("seconds", "text"), [(59.6, "1 min"), (60, "1 min"), (3600, "1 h 0 min"), (0, "under a second")]
)
def test_durations_carry_over(seconds, text):
    assert duration(seconds) == text


def test_words_for_confidence_fall_with_it():
    order = [confidence_word(c / 100) for c in range(100, -1, -1)]
    assert list(dict.fromkeys(order)) == ["high", "moderate", "low", "very low"]


def test_advice_depends_on_the_distance_to_the_edge(examples):
    near = dataclasses.replace(examples.peak, edge=8e-3)
    none = dataclasses.replace(examples.peak, edge=None)
    assert advice(near, examples.schedule)[0].text.startswith("Warm up over")
    assert "2.0x the peak" in advice(near, examples.schedule)[0].why
    assert advice(near)[1].text.startswith("Clip the global gradient norm")
    assert advice(examples.peak)[1].text == "Clipping is optional."
    assert advice(none)[1].text == "No sign that clipping is needed."


def test_advice_names_the_warmup_of_the_plan(examples):
    assert (
        advice(examples.peak, examples.schedule)[0].text
        == "Warm up over 100 updates (10.0% of the run), as the plan does."
    )
    assert "no warmup" in advice(examples.peak, SCHEDULES[0])[0].text


def test_there_is_no_advice_without_an_answer(examples):
    assert advice(examples.nothing) == ()
    assert len(changes(examples.nothing)) >= 2


def test_a_peak_at_the_end_of_what_was_tried_says_so(examples):
    assert any("the end of what is known" in text for text in changes(dataclasses.replace(examples.peak, lr=1e-2)))
    assert any("an extrapolation" in text for text in changes(dataclasses.replace(examples.peak, lr=1e-3)))
    assert any("confidence is low" in text for text in changes(dataclasses.replace(examples.peak, confidence=0.2)))
