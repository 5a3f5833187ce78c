import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surefoot.search.parabola import CLIP, fitted, regrets

octave = st.floats(-20, 5)


@given(octave, st.floats(0.005, 0.04), st.floats(0.5, 1.5))
def test_a_true_parabola_is_found(center, curvature, spacing):
    x = center + spacing * (np.arange(5) - 2) + 0.1
    found = fitted(x.tolist(), (curvature * (x - center) ** 2).tolist())
    assert found.center == pytest.approx(center, abs=1e-6)
    assert found.curvature == pytest.approx(curvature, rel=1e-6)
    assert found.inside
    assert found.reach(0.01) == pytest.approx(math.sqrt(0.01 / curvature))


@given(st.lists(st.tuples(octave, st.floats(0, CLIP)), min_size=1, max_size=9))
def test_the_centre_stays_near_the_best_point_whatever_the_points(points):
    x, y = zip(*points, strict=True)
    found = fitted(x, y)
    assert min(x) - 0.71 <= found.center <= max(x) + 0.71
    assert found.curvature >= 0


@given(st.lists(st.tuples(octave, st.floats(0, CLIP)), min_size=3, max_size=6), st.floats(-5, 5))
def test_moving_the_points_moves_the_centre(points, by):
    x, y = (np.array(values).round(3) for values in zip(*points, strict=True))
    here, there = fitted(x.tolist(), y.tolist()), fitted((x + round(by, 1)).tolist(), y.tolist())
    if (
        len(set(x.round(1).tolist())) == len(set((x + round(by, 1)).round(1).tolist()))
        and min(np.diff(sorted(x))) > 0.2
    ):
        assert there.center - here.center == pytest.approx(round(by, 1), abs=1e-6)


def test_a_plateau_has_its_middle_for_a_centre():
    assert fitted([0.0, 1.0, 2.0, 3.0, 4.0], [0.3, 0.0, 0.0, 0.0, 0.3]).center == pytest.approx(2.0)


@pytest.mark.parametrize(("regret", "end"), [([0.3, 0.2, 0.0], 2.0), ([0.0, 0.2, 0.3], 0.0)])
def test_a_best_point_at_an_end_is_not_left_far_behind(regret, end):
    found = fitted([0.0, 1.0, 2.0], regret)
    assert abs(found.center - end) <= 0.7 + 1e-9
    assert not found.inside


def test_regrets_are_shares_of_the_gain():
    assert regrets([3.0, 2.0, 2.1, math.inf], 4.0) == [CLIP, 0.0, pytest.approx(0.05), CLIP]


@pytest.mark.parametrize("losses", [[math.inf, math.inf], [5.0, 4.0], [4.0]])
def test_without_a_gain_every_regret_is_clipped(losses):
    assert regrets(losses, 4.0) == [CLIP] * len(losses)


@given(
    st.lists(st.floats(-10, 10), min_size=1, max_size=5), st.floats(11, 20), st.floats(-1e3, 1e3), st.floats(0.1, 1e3)
)
def test_regrets_know_neither_scale_nor_offset(losses, start, offset, scale):
    moved = regrets([offset + scale * loss for loss in losses], offset + scale * start)
    assert moved == pytest.approx(regrets(losses, start), abs=1e-6)
