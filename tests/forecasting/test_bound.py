"""The convex bound against its published values, a closed form, a naive twin, and the laws it must obey."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import surefoot as sf
from surefoot.errors import ArgumentError
from surefoot.forecasting.bound import bound, relative_peak, second_stage

# laws.md, section 9: best peak x sqrt(1000), best bound x sqrt(1000); the official code's sampling, then ours.
PUBLISHED = {
    "constant": (0.3435, 2.9141, 0.3433, 2.9128),
    "wsd 0.1": (0.4573, 2.3032, 0.4570, 2.3022),
    "wsd 0.2": (0.5115, 2.1736, 0.5111, 2.1727),
    "wsd 0.4": (0.6052, 2.0669, 0.6047, 2.0659),
    "wsd 0.6": (0.7061, 2.0247, 0.7054, 2.0237),
    "wsd 0.8": (0.8301, 2.0094, 0.8291, 2.0085),
    "linear": (0.9965, 2.0070, 0.9960, 2.0060),
    "cosine": (0.9689, 2.0642, 0.9684, 2.0632),
}
SQRT_DECAYS = {0.1: (0.4748, 2.2553), 0.2: (0.5401, 2.1351), 0.4: (0.6655, 2.0475)}

rates = arrays(np.float64, st.integers(1, 30), elements=st.floats(1e-3, 1.0))
factors = st.floats(1e-3, 1e3)


def ours(name, total=1000):
    kind, _, share = name.partition(" ")
    if kind == "wsd":
        return sf.wsd(1.0, total=total, decay=float(share), shape="linear")
    return getattr(sf, kind)(1.0, total=total)


def official(name, total=1000):
    """Rates as the official code samples them: both ends are in, so that the last one is 0."""
    kind, _, share = name.partition(" ")
    if kind == "constant":
        return np.append(np.ones(total - 1), 0.0)
    if kind == "cosine":
        return 0.5 * (1.0 + np.cos(np.pi * np.arange(total) / (total - 1)))
    steps = total - 1 if kind == "linear" else round(float(share) * total)
    return np.concatenate([np.ones(total - steps), 1.0 - np.arange(1, steps + 1) / steps])


def naive(eta, norms, distance):
    """The formula as it is printed, sum by sum, in O(T^2)."""
    n, whole = len(eta), math.fsum(eta)
    value = distance**2 / (2 * whole) + math.fsum(e**2 * g**2 for e, g in zip(eta, norms, strict=True)) / (2 * whole)
    for k in range(n - 1):
        cost = math.fsum(eta[t] ** 2 * norms[t] ** 2 for t in range(k, n))
        value += 0.5 * eta[k] / math.fsum(eta[k + 1 :]) * cost / math.fsum(eta[k:])
    return value


@pytest.mark.parametrize("name", PUBLISHED)
def test_it_has_the_published_values_in_both_samplings(name):
    found = [value * 1000**0.5 for rates in (official(name), ours(name)) for value in pair(bound(rates))]
    assert np.round(found, 4).tolist() == list(PUBLISHED[name])


def pair(found):
    return found.best_peak, found.best


@pytest.mark.parametrize("share", SQRT_DECAYS)
def test_it_has_the_published_values_of_one_minus_sqrt_decays(share):
    found = bound(sf.wsd(1.0, total=1000, decay=share))
    assert np.round(np.array(pair(found)) * 1000**0.5, 4).tolist() == list(SQRT_DECAYS[share])


def test_one_and_two_updates_are_as_worked_by_hand():
    one, two = bound([1.0]), bound([1.0, 1.0])
    assert (one.distance, one.noise, one.last) == (0.5, 0.5, 0.0)
    assert (two.distance, two.noise, two.last) == (0.25, 0.5, 0.5)


@pytest.mark.parametrize("total", [1, 2, 10, 1000, 1_000_000])
def test_a_constant_rate_has_the_closed_form_with_the_harmonic_number(total):
    harmonic = math.fsum(1.0 / k for k in range(1, total))
    found = bound(sf.constant(1.0, total=total))
    assert found.best_peak * total**0.5 == pytest.approx((1 + harmonic) ** -0.5, rel=1e-13)
    assert found.best * total**0.5 == pytest.approx((1 + harmonic) ** 0.5, rel=1e-13)


def test_linear_decay_tends_to_a_value_of_two():
    found = bound(sf.linear(1.0, total=1_000_000))
    assert np.array(pair(found)) * 1000 == pytest.approx([1.0, 2.0], abs=2e-5)


def test_cosine_tends_to_its_computed_limit():
    assert np.round(np.array(pair(bound(sf.cosine(1.0, total=100_000)))) * 1e5**0.5, 3).tolist() == [0.971, 2.060]


@given(eta=rates, seed=st.integers(0, 99), distance=st.floats(0.1, 10))
def test_it_is_the_formula_summed_naively(eta, seed, distance):
    norms = np.random.default_rng(seed).uniform(0.1, 10, len(eta))
    found = bound(eta, distance=distance, grad_norms=norms).value
    assert found == pytest.approx(naive(eta, norms, distance), rel=1e-12)


@given(eta=rates, k=factors)
def test_the_best_peak_of_a_shape_does_not_depend_on_the_peak_it_was_given(eta, k):
    once, scaled = bound(eta), bound(k * eta)
    assert scaled.best_peak == pytest.approx(once.best_peak, rel=1e-12)
    assert scaled.value == pytest.approx(once.at(k * once.peak).value, rel=1e-12)


@given(eta=rates, k=factors)
def test_distance_and_norms_scale_the_value_and_the_peak(eta, k):
    once, far, steep = bound(eta), bound(eta, distance=k), bound(eta, grad_norms=k)
    assert pair(far) == pytest.approx((once.best_peak * k, once.best * k), rel=1e-12)
    assert pair(steep) == pytest.approx((once.best_peak / k, once.best * k), rel=1e-12)


@given(eta=rates)
def test_the_best_peak_is_the_lowest_point(eta):
    found = bound(eta)
    assert found.at(found.best_peak).value == pytest.approx(found.best, rel=1e-12)
    assert min(found.at(found.best_peak * k).value for k in (0.5, 0.9, 1.1, 2.0)) >= found.best * (1 - 1e-12)


@given(eta=rates, ahead=st.integers(0, 5), behind=st.integers(0, 5))
def test_updates_that_move_nothing_change_nothing(eta, ahead, behind):
    padded = np.concatenate([np.zeros(ahead), eta, np.zeros(behind)])
    assert bound(padded).value == pytest.approx(bound(eta).value, rel=1e-12)
    assert bound(padded, grad_norms=np.ones(len(padded))).value == pytest.approx(bound(eta).value, rel=1e-12)


@given(eta=rates, k=st.integers(1, 30))
def test_a_prefix_is_a_shorter_run(eta, k):
    table = sf.from_points([(i, float(rate)) for i, rate in enumerate(eta)], total=len(eta), interpolation="step")
    part = min(k, len(eta))
    assert bound(table, total=part).value == pytest.approx(bound(eta[:part]).value, rel=1e-9)


@given(eta=rates)
def test_no_shape_beats_one_over_the_root_of_the_updates(eta):
    assert bound(eta).best * len(eta) ** 0.5 >= 1.0


def test_wsd_wants_about_half_of_cosines_peak():
    found = relative_peak(ours("wsd 0.2"), ours("cosine"))
    assert found == pytest.approx(0.5111 / 0.9684, abs=1e-4)


@pytest.mark.parametrize(("total", "published"), [(100_000, 0.525), (200_000, 0.375)])
def test_the_second_stage_lies_within_a_step_of_the_published_grid(total, published):
    first, longer = (sf.wsd(1e-3, total=n, shape="linear") for n in (50_000, total))
    assert second_stage(first, longer, 40_000) == pytest.approx(published, abs=0.0125)


def test_the_second_stage_makes_the_first_peak_the_best_one():
    first, longer = (sf.wsd(1e-3, total=n, shape="linear") for n in (500, 1000))
    factor = second_stage(first, longer, 400)
    whole = np.where(np.arange(1000) < 400, 1.0, factor) * longer.array()
    assert bound(whole).best_peak == pytest.approx(bound(first).best_peak, rel=1e-3)


def test_no_second_stage_is_needed_for_a_run_that_is_not_longer():
    assert second_stage(ours("wsd 0.2"), ours("linear"), 500) == 1.0


def test_a_million_updates_of_the_smallest_rates_keep_their_digits():
    tiny = sf.linear(1e-300, total=1_000_000)
    assert bound(tiny).best_peak == pytest.approx(bound(sf.linear(1.0, total=1_000_000)).best_peak, rel=1e-9)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"schedule": []}, "schedule"),
        ({"schedule": [0.0, 0.0]}, "nothing moves"),
        ({"schedule": [1.0, -1.0]}, ">= 0"),
        ({"schedule": [1.0, math.nan]}, "finite"),
        ({"schedule": [1.0, 1e-320]}, "next to nothing"),
        ({"schedule": [1.0], "distance": 0.0}, "distance"),
        ({"schedule": [1.0], "grad_norms": 0.0}, "grad_norms"),
        ({"schedule": [1.0], "grad_norms": [1.0, 1.0]}, "grad_norms"),
        ({"schedule": [1.0], "grad_norms": -1.0}, "grad_norms"),
        ({"schedule": [1.0], "total": 3}, "total=3"),
    ],
)
def test_what_has_no_bound_is_refused_by_name(wrong, word):
    with pytest.raises(ArgumentError, match=word):
        bound(**wrong)


@pytest.mark.parametrize("at", [0, 1000, True, 0.5])
def test_a_stage_begins_inside_the_longer_run(at):
    with pytest.raises(ArgumentError, match="at="):
        second_stage(ours("wsd 0.2"), ours("linear"), at)


def test_a_stage_that_begins_too_late_is_refused():
    with pytest.raises(ArgumentError, match="branch off earlier"):
        second_stage(sf.wsd(1.0, total=100), sf.constant(1.0, total=10_000), 9_000)
