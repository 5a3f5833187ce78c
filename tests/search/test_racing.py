"""A race: each method in one full run, told by a knob, beside the tuned schedule."""

import math
from dataclasses import replace

import pytest

import surefoot as sf
from surefoot.curve import Peak
from surefoot.errors import ArgumentError
from surefoot.search.racing import ENTRANTS, TUNED, included, race

PEAK = Peak(0.05, 0.02, 0.1, 0.5, "rungs", 0.6, 120, "three rungs agree")
SEEN = []
STEEP = {"adamw": 4.0, "prodigy": 2.0, "schedule-free": 1.0, "dog": 1.0, "gi-adam": 4.0}


def bowl(schedule, seed=0, optimizer="adamw", curvature=1.0):
    """Falls to a floor that depends on the method; under prodigy the rate of 1 is far too high."""
    SEEN.append((optimizer, schedule, seed, curvature))
    x = 1.0
    for step in range(schedule.total):
        x -= min(schedule(step), 1e9) * STEEP[optimizer] * (1.9 if optimizer == "prodigy" else 0.2) * x
        yield x * x + 0.01 * STEEP[optimizer]


@pytest.fixture(autouse=True)
def _forgotten():
    SEEN.clear()


def test_the_tuned_schedule_runs_first_and_each_method_on_its_own():
    found = race(bowl, PEAK, ["schedule-free", "dog"], total=80, seed=3, knobs={"curvature": 2.0})
    assert [entry.name for entry in found.entries] == [TUNED, "schedule-free", "dog"]
    assert [name for name, *_ in SEEN] == ["adamw", "schedule-free", "dog"]
    assert {(seed, curvature) for *_, seed, curvature in SEEN} == {(3, 2.0)}
    assert SEEN[0][1].peak == 0.05
    assert SEEN[1][1] == sf.constant(0.0025, total=80, warmup=0.05)
    assert SEEN[2][1] == sf.constant(1.0, total=80)
    assert all(entry.trial.steps == 80 for entry in found.entries)


def test_the_lowest_loss_is_best_and_a_run_that_breaks_is_not():
    found = race(bowl, PEAK, ["dog", "prodigy"], total=80)
    assert found.best.name == "dog"
    broken = found.entries[2]
    assert (broken.trial.status, math.isinf(broken.loss)) == ("diverged", True)
    row = found.row()
    assert row["best"] == "dog"
    assert row["entries"][2]["loss"] is None
    assert [entry["name"] for entry in row["entries"]] == [TUNED, "dog", "prodigy"]


def test_what_needs_the_tuned_rate_pays_for_the_search():
    found = race(bowl, PEAK, ["dog", "gi-adam"], total=80)
    assert [found.cost(entry) for entry in found.entries] == [200, 80, 200]
    assert SEEN[2][1] == sf.cosine(0.05, total=80)


def test_finished_runs_are_taken_from_the_journal_and_others_may_join(tmp_path):
    journal = tmp_path / "race.jsonl"
    first = race(bowl, PEAK, ["dog"], total=80, journal=journal)
    again = race(bowl, PEAK, ["schedule-free", "dog"], total=80, journal=journal)
    assert [name for name, *_ in SEEN] == ["adamw", "dog", "schedule-free"]
    assert again.entries[0].loss == first.entries[0].loss
    assert again.entries[2].loss == first.entries[1].loss


def test_what_was_chosen_beside_the_peak_goes_to_every_run():
    peak = replace(PEAK, knobs={"curvature": 7.0, "warmup": 0.1})
    race(bowl, peak, ["dog"], total=40)
    assert [curvature for *_, curvature in SEEN] == [7.0, 7.0]


def test_an_interrupt_leaves_the_runs_that_were_done():
    def told(progress):
        if progress.finished is not None and progress.stage == "race: dog":
            raise KeyboardInterrupt

    found = race(bowl, PEAK, ["dog", "schedule-free"], total=40, progress=told)
    assert found.interrupted
    assert [entry.name for entry in found.entries] == [TUNED, "dog"]


def test_a_task_without_the_knob_is_told_how_to_get_it():
    def plain(schedule):
        yield schedule(0)

    def open_to_all(schedule, **knobs):
        yield schedule(len(knobs))

    with pytest.raises(ArgumentError, match=r"plain takes no optimizer.*st\.optim\.build"):
        included(plain, ["dog"])
    assert included(plain, []) == ()
    assert included(open_to_all, ["dog"]) == ("dog",)


@pytest.mark.parametrize(("name", "said"), [("momo", "asks for the loss"), ("adam", "no method that can be raced")])
def test_a_method_that_cannot_be_raced_is_named(name, said):
    with pytest.raises(ArgumentError, match=said):
        race(bowl, PEAK, [name], total=40)


def test_without_an_answer_there_is_no_race():
    none = Peak(None, None, None, None, "rungs", 0.0, 10, "every run diverged.")
    with pytest.raises(ArgumentError, match="no tuned schedule to race"):
        race(bowl, none, ["dog"], total=40)


@pytest.mark.parametrize("name", ENTRANTS)
def test_every_schedule_has_the_length_of_the_run(name):
    assert ENTRANTS[name](0.01, 50).total == 50
