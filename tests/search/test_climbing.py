"""The climb: what is done on a rung when the one before it taught nothing, and when it ends."""

import math
from dataclasses import replace

import pytest

from surefoot.search.climbing import bracket, climbed, settled
from surefoot.search.evidence import Climb, Step, read
from surefoot.search.question import asked
from surefoot.search.ranging import Landmarks
from surefoot.search.rungs import VALIDATION, Rung
from surefoot.search.shelf import Shelf
from surefoot.trial import Trial

TOTAL = 1000
FIRST = Rung(1 / 32, 3, 3.0)
CLIMB = Climb(marks=Landmarks(2.0, 0.01, 1.0, -6.0, -2.0, -7.0), start=2.0, noise=0.01)


class Bench:
    """A bench whose runs end at one loss, or diverge at the third update from the rate ``edge`` on."""

    def __init__(self, left, edge=math.inf):
        self.left, self.edge, self.lengths, self.shelf = left, edge, [], Shelf()

    def run(self, requests):
        self.lengths += [request.steps for request in requests]
        found = [trial(one.lr, math.inf if one.lr >= self.edge else 1.0, one.steps) for one in requests]
        self.left -= sum(3 if one.failed else one.total + VALIDATION for one in found)
        return found


def trial(lr, loss, steps=31):
    status = "done" if math.isfinite(loss) else "diverged"
    return Trial(lr, 0, steps, steps, loss, status, validated=True, points=(0, 1), losses=(2.0, loss))


def after(losses, rung=FIRST):
    trials = tuple(trial(2.0**octave, loss) for octave, loss in losses.items())
    return replace(CLIMB, steps=(Step(rung, rung.fraction, trials, read(trials, CLIMB)),))


def task(schedule):
    yield schedule(0)


def lengths(climb, rungs, left):
    bench = Bench(left)
    climbed(climb, asked(task, total=TOTAL, budget=1.0), bench, rungs)
    return bench.lengths


def test_after_a_rung_too_short_to_learn_little_is_spent_on_one_long_trial():
    plateau = after({-8: 2.0, -5: 2.0, -2: math.inf})
    assert lengths(plateau, (Rung(1 / 16, 2, 1.4),), 130) == [127]


def test_after_a_rung_too_short_to_learn_much_is_spent_on_as_many_trials_as_ever():
    plateau = after({-8: 2.0, -5: 2.0, -2: math.inf})
    assert len(lengths(plateau, (Rung(1 / 4, 3, 1.2),), 770)) == 3


def test_where_all_trials_diverge_what_they_left_looks_for_one_that_does_not():
    bench = Bench(2 * (40 + VALIDATION), edge=1e-6)
    climb = climbed(CLIMB, asked(task, total=TOTAL, budget=1.0), bench, (Rung(1 / 25, 2, 3.0),))
    assert [one.failed for one in climb.steps[-1].trials][-2:] == [True, False]
    assert len(climb.steps[-1].trials) > 2
    assert bench.left >= 0


def test_after_a_rung_that_learned_the_next_has_its_own_trials():
    assert len(lengths(after({-8: 1.8, -5: 1.0, -2: 1.9}), (Rung(1 / 16, 2, 1.4),), 130)) == 2


@pytest.mark.parametrize(("losses", "ended"), [({-9: 1.9, -5: 1.0, -1: 1.9}, False), ({}, False)])
def test_a_search_goes_on_while_there_is_something_to_learn(losses, ended):
    climb = after(losses) if losses else CLIMB
    assert settled(climb) is ended


def test_a_search_ends_where_several_rungs_agree_on_a_wide_optimum():
    climb = CLIMB
    for fraction in (1 / 8, 1 / 4, 1 / 2):
        rung = Rung(fraction, 7, 1.0, whole=fraction > 1 / 4)
        trials = tuple(trial(2.0**x, 1.0 + 0.0012 * (x + 5) ** 2) for x in range(-8, -1))
        climb = replace(climb, steps=(*climb.steps, Step(rung, fraction, trials, read(trials, climb))))
    assert settled(climb)


def test_a_range_test_that_says_nothing_is_begun_in_the_middle_of():
    assert bracket(Landmarks(2.0, 1.0, 0.1, -19.0, None, -19.5, middle=-7.0)) == -7.0
    assert bracket(Landmarks(2.0, 0.01, 1.0, -6.0, None, -7.0, middle=-7.0)) == -7.5
