import math

import pytest

from surefoot.search.evidence import Climb, Step, read
from surefoot.search.memorising import by_heart, improvement, memorising
from surefoot.search.rungs import Rung
from surefoot.trial import Trial

CLIMB = Climb(start=2.0, noise=0.01)
SHORT, LONG = Rung(1 / 32, 3, 1.0), Rung(1 / 8, 3, 1.0)


def trial(octave, loss, train=None):
    status = "done" if math.isfinite(loss) else "diverged"
    end = loss if train is None else train
    return Trial(2.0**octave, 0, 50, 50, loss, status, validated=True, points=(0, 49), losses=(2.0, end))


def step(trials, rung=LONG):
    return Step(rung, rung.fraction, tuple(trials), read(trials, CLIMB))


def climb(*steps):
    return Climb(steps, start=2.0, noise=0.01)


def test_improvement_is_per_doubling():
    short, long = step([trial(-3, 1.5)], SHORT), step([trial(-3, 1.0)])
    assert improvement(climb(short, long)) == pytest.approx(0.25)
    assert improvement(climb(short)) is None


def test_improvement_is_not_seen_where_the_longer_trials_had_much_lower_rates():
    short = step([trial(-3, 1.0)], SHORT)
    assert improvement(climb(short, step([trial(-5, 1.5)]))) is None
    assert improvement(climb(short, step([trial(-5, 1.5), trial(-3.5, 0.9)]))) is not None


BY_HEART = [trial(-6, 1.2, 1.2), trial(-5, 1.0, 0.9), trial(-4, 1.1, 0.6)]
FALLING = [trial(-6, 1.05, 1.2), trial(-5, 1.0, 0.9)]
FLAT = [trial(-6, 1.02, 1.2), trial(-5, 1.0, 0.9)]
UNSTABLE = [trial(-6, 1.2, 1.2), trial(-5, 1.0, 0.9), trial(-4, 1.1, 1.05)]


@pytest.mark.parametrize(
    ("trials", "share"),
    [(BY_HEART, 1.0), (UNSTABLE, 0.0), (BY_HEART[:2], 0.0), (FALLING, 0.5), (FLAT, 1.0)],
    ids=["only the training loss falls", "neither falls", "both fall", "one far more", "one hardly, at the end"],
)
def test_what_a_higher_rate_teaches(trials, share):
    assert by_heart(step(trials), CLIMB) == pytest.approx(share)


def test_rates_far_apart_say_nothing():
    assert by_heart(step([trial(-7, 1.2, 1.2), trial(-5, 1.0, 0.9), trial(-2.5, 1.1, 0.6)]), CLIMB) == 0.0


def test_a_rung_without_validation_or_a_second_trial_says_nothing():
    alone = step([trial(-5, 1.0, 0.1)])
    unjudged = step([Trial(2.0**x, 0, 50, 50, loss, losses=(2.0, loss)) for x, loss in ((-5, 1.0), (-4, 1.1))])
    assert by_heart(alone, CLIMB) == by_heart(unjudged, CLIMB) == 0.0


@pytest.mark.parametrize(("before", "share"), [(1.02, 1.0), (1.15, 0.5), (1.5, 0.0)])
def test_both_signs_have_to_come_together(before, share):
    assert memorising(climb(step([trial(-5, before)], SHORT), step(BY_HEART))) == pytest.approx(share, abs=1e-9)
    assert memorising(climb(step([trial(-5, before)], SHORT), step(UNSTABLE))) == 0.0


def test_longer_trials_that_end_worse_are_sign_enough():
    long, run = step([trial(-6, 1.2), trial(-5, 1.0)]), Rung(1 / 2, 2, 1.0, whole=True)
    assert memorising(climb(step([trial(-5, 0.8)], SHORT), long)) == 1.0
    assert memorising(climb(long, step([trial(-6, 1.2), trial(-5, 1.1)], run))) == 1.0
    assert memorising(climb(long, step([trial(-6, 1.2), trial(-5, 0.99)], run))) == 0.0


def test_one_rung_does_not_tell():
    assert memorising(climb(step(BY_HEART))) == 0.0
    assert memorising(climb()) == 0.0


LOWEST = [trial(-6, 1.0, 0.5), trial(-5, 1.3, 0.3)]


@pytest.mark.parametrize(
    ("trials", "share"),
    [
        (LOWEST, 1.0),
        ([trial(-6, 1.0, 0.5), trial(-5, 1.3, 0.9)], 0.0),
        ([trial(-6, 1.0, 0.5), trial(-5, 1.02, 0.3)], 0.0),
        ([trial(-7, 1.1, 0.6), *LOWEST], 0.0),
    ],
    ids=["overfits", "is unstable", "hardly worse", "a lower rate is worse too"],
)
def test_with_no_shorter_rung_to_compare_with_a_rung_must_overfit_outright(trials, share):
    # The shorter rung's best rate is far above, so that no improvement can be read.
    assert memorising(climb(step([trial(0, 1.0)], SHORT), step(trials))) == share


def test_short_probes_that_overfit_say_nothing_yet():
    assert memorising(climb(step([trial(0, 1.0)], SHORT), step(LOWEST, Rung(1 / 16, 2, 1.4)))) == 0.0
