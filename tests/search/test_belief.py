import math

import numpy as np
import pytest

from surefoot.search.belief import Belief, believed
from surefoot.search.evidence import Climb, Step, read
from surefoot.search.rungs import Rung
from surefoot.trial import Trial

CLIMB = Climb(start=2.0, noise=0.01)
EIGHTH = Rung(1 / 8, 4, 1.0)


def step(losses, rung=EIGHTH):
    trials = tuple(
        Trial(2.0**x, 0, 50, 50, loss, "done" if math.isfinite(loss) else "diverged", validated=True)
        for x, loss in losses.items()
    )
    return Step(rung, rung.fraction, trials, read(trials, CLIMB))


def climb(*steps):
    return Climb(steps, start=2.0, noise=0.01)


def bowl(center, octaves, curvature=0.05, best=1.0):
    return {x: best + curvature * (x - center) ** 2 for x in octaves}


def about(*steps, fraction=1 / 8, whole=False):
    return believed(climb(*steps), fraction, whole=whole)


@pytest.mark.parametrize("center", [-6.0, -4.5, -3.2])
def test_a_bowl_is_aimed_at_its_low_side(center):
    found = about(step(bowl(center, [-7, -6, -5, -4, -3, -2]))).aim()
    assert center - 0.8 < found < center + 0.1


@pytest.mark.parametrize("by", [-8.0, 3.0])
def test_the_aim_moves_with_the_rates(by):
    here = about(step(bowl(-4.0, [-6, -4, -2]))).aim()
    assert about(step(bowl(-4.0 + by, [-6 + by, -4 + by, -2 + by]))).aim() == pytest.approx(here + by, abs=0.11)


def test_the_less_is_known_the_lower_is_aimed():
    def about_four(spread):
        three = np.array([-4.0 - spread, -4.0, -4.0 + spread])
        return Belief(three, np.full(3, 2.0), np.full(3, 1.0), np.full(3, 1 / 3))

    assert about_four(2.0).aim() < about_four(1.0).aim() < about_four(0.0).aim() == pytest.approx(-4.0)


def test_the_risk_is_the_expected_regret():
    sure = Belief(np.array([-4.0]), np.array([2.0]), np.array([1.0]), np.array([1.0]))
    assert sure.risk(-4.0) == 0.0
    assert sure.risk(-6.0) == pytest.approx(0.05)
    assert sure.risk(-3.0) == pytest.approx(0.0875)
    assert sure.risk(9.0) == 1.0
    assert sure.aim() == pytest.approx(-4.0)


def test_a_region_is_wider_on_the_safe_side():
    belief = about(step(bowl(-4.0, [-6, -5, -4, -3, -2])))
    aim = belief.aim()
    low, high = belief.region(aim, 0.02, 1.0)
    assert aim - 1.05 < low < aim < high < aim + 1.05
    assert belief.region(aim, 0.0005, 1.0)[0] >= low


def test_a_drift_that_was_seen_goes_on():
    short = Rung(1 / 16, 3, 1.0)
    octaves = [-8, -7, -6, -5, -4, -3, -2]
    falling = [step(bowl(-4.0, octaves, 0.1, 1.4), short), step(bowl(-5.5, octaves, 0.1))]
    rising = [step(bowl(-4.0, octaves, 0.1, 1.4), short), step(bowl(-3.5, octaves, 0.1))]
    assert about(*falling, fraction=1.0, whole=True).aim() < about(*falling).aim() - 0.5
    assert about(*rising, fraction=1.0, whole=True).aim() > about(*falling, fraction=1.0, whole=True).aim() + 1.0


def test_trials_that_are_all_alike_do_not_send_the_aim_far_away():
    here = about(step({-6: 1.001, -5: 1.0, -4: 1.001}))
    assert -8 < here.aim() < -3


def test_rates_are_expected_to_fall_where_the_data_is_memorised():
    def judged(loss, train, octave):
        return Trial(2.0**octave, 0, 50, 50, loss, validated=True, points=(0, 49), losses=(2.0, train))

    def rung(step_, trains, before):
        trials = tuple(
            judged(t.loss + before, train, math.log2(t.lr)) for t, train in zip(step_.trials, trains, strict=True)
        )
        return Step(step_.rung, step_.fraction, trials, read(trials, CLIMB))

    octaves = [-6, -5, -4, -3, -2]
    short = step(bowl(-4.0, octaves, 0.05), Rung(1 / 16, 5, 1.0))
    long = step(bowl(-4.0, octaves, 0.05))
    heart, known = [1.2, 1.0, 0.8, 0.6, 0.4], [1.2, 1.05, 1.0, 1.05, 1.2]
    by_heart = about(rung(short, heart, 0.01), rung(long, heart, 0.0), fraction=1.0, whole=True).aim()
    otherwise = about(rung(short, known, 0.01), rung(long, known, 0.0), fraction=1.0, whole=True).aim()
    assert by_heart < otherwise - 1.0


def test_nothing_is_believed_where_nothing_was_learned():
    assert about(step({-4: 2.0, -3: 2.0})) is None
    assert about() is None


def test_a_rate_that_was_lost_pushes_the_belief_down():
    alone = about(step({-5: 1.05, -4: 1.0}))
    assert about(step({-5: 1.05, -4: 1.0, -3: math.inf})).aim() < alone.aim() + 1e-9
