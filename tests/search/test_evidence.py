import math

import pytest

from surefoot.search.evidence import (
    Climb,
    Step,
    apart,
    broken_above,
    next_octave,
    read,
    resolved,
)
from surefoot.search.ranging import Landmarks
from surefoot.search.rungs import Rung
from surefoot.trial import Trial

RUNG = Rung(1 / 8, 3, 1.0)
CLIMB = Climb(start=2.0, noise=0.01)


def trial(octave, loss, train=None, first=2.0):
    status = "done" if math.isfinite(loss) else "diverged"
    end = loss if train is None else train
    return Trial(2.0**octave, 0, 50, 50, loss, status, validated=True, points=(0, 49), losses=(first, end))


def step(trials, climb=CLIMB, rung=RUNG):
    return Step(rung, rung.fraction, tuple(trials), read(trials, climb))


def test_a_plateau_is_not_resolved():
    assert not resolved([trial(-5, 1.99), trial(-3, math.inf)], CLIMB)
    assert resolved([trial(-5, 1.9)], CLIMB)


@pytest.mark.parametrize(
    ("loss", "train", "counts"),
    [(1.99, 1.2, True), (1.99, 1.99, False), (1.999, 1.2, False), (2.1, 1.2, False)],
    ids=["trained and a little better", "hardly trained", "no better", "learned by heart"],
)
def test_a_small_fall_counts_where_the_training_loss_fell_far(loss, train, counts):
    assert resolved([trial(-3, loss, train)], CLIMB) is counts


@pytest.mark.parametrize(
    ("losses", "following"),
    [
        ({-3: 1.0, -2: 1.5}, -4.0),
        ({-3: 1.5, -2: 1.0}, -1.0),
        ({-3: 1.5, -2: 1.0, -1: 1.6}, -4.0),
        ({-3: 1.25, -2: 1.0, -1: 1.15}, 0.0),
        ({-3: 1.0, -2: math.inf}, -4.0),
        ({-3: math.inf, -2: math.inf}, -4.0),
        ({-3: 2.0, -2: 2.0}, -1.0),
        ({-6: 2.0, -2: math.inf}, -4.0),
        ({-3: 2.0, -2: 5.0}, -4.0),
    ],
    ids=["down", "up", "low side better", "high side better", "edge", "all lost", "plateau", "bisect", "close edge"],
)
def test_where_the_next_trial_goes(losses, following):
    assert next_octave([trial(x, loss) for x, loss in losses.items()], CLIMB, 1.0) == following


@pytest.mark.parametrize(("below", "following"), [(1.5, 0.0), (1.05, -1.0)])
def test_the_next_trial_leaps_above_an_end_that_is_far_better(below, following):
    assert next_octave([trial(-3, below), trial(-2, 1.0)], CLIMB, 1.0, 2.0) == following


def test_on_a_plateau_the_centre_is_the_edge_of_stability():
    assert read([trial(-8, 2.0), trial(-5, 2.0), trial(-2, math.inf)], CLIMB).center == -3.5
    assert read([trial(-2, math.inf), trial(-1, math.inf)], CLIMB).center == -5.0


def test_a_plateau_is_left_towards_the_blow_up_of_the_range_test():
    tested = Climb(marks=Landmarks(2.0, 0.01, 0.0, -9.0, 1.0), start=2.0, noise=0.01)
    assert next_octave([trial(-8, 2.0), trial(-5, 2.0)], tested, 1.0) == -2.0
    assert next_octave([trial(0.5, 2.0)], tested, 1.0) == 1.5
    assert read([trial(-5, 2.0)], tested).center == -2.0


def test_two_trials_borrow_from_the_rung_before():
    first = step([trial(-6, 1.9), trial(-4, 1.5), trial(-2, 1.9)])
    two = [trial(-4.5, 1.2), trial(-3.5, 1.22)]
    assert read(two, CLIMB).curvature == 0.0
    borrowed = read(two, Climb((first,), start=2.0, noise=0.01))
    assert borrowed.curvature > 0
    assert -4.5 < borrowed.center < -3.5


def test_what_broke_bounds_the_answer():
    here = step([trial(-4, 1.2), trial(-3, 1.0), trial(-2, math.inf)])
    assert broken_above(here, Climb((here,), start=2.0)) == -2.0
    longer = step([trial(-3.5, 2.5), trial(-6, 2.0)], rung=Rung(1 / 4, 2, 1.0))
    assert broken_above(here, Climb((here, longer), start=2.0)) == -3.5
    fine = step([trial(-4, 1.2), trial(-3, 1.0)])
    assert broken_above(fine, Climb((fine,), start=2.0)) is None


ENDED = tuple(x / 20 for x in range(40, 0, -2))


@pytest.mark.parametrize(
    ("before", "losses", "found"),
    [
        ((5.0, 2.0, 9.0), ENDED, True),
        ((5.0, 0.2, 9.0), ENDED, False),
        ((5.0, 2.0), ENDED, False),
        ((5.0, 2.0, 9.0), ENDED[:5], False),
        ((5.0, 2.0, 9.0), (*ENDED, 3.0), False),
    ],
    ids=["all lower", "one as low before", "too few before", "too short", "one high at the end"],
)
def test_what_ends_below_all_that_was_before_has_fallen(before, losses, found):
    test = Trial(1.0, 0, 9, 9, 1.0, "done", losses=before * 3)
    run = Trial(0.1, 0, 99, 99, losses[-1], "done", losses=losses)
    assert apart(run, Climb(test=test, start=5.0, noise=9.0)) is found
