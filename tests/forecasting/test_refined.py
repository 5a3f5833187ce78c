"""The refined schedule against the printed values, a naive twin, and what it must do on runs of known shape."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import surefoot as sf
from surefoot.errors import ArgumentError
from surefoot.forecasting.bound import bound
from surefoot.forecasting.refined import refined, refined_rates, smoothed

weights = arrays(np.float64, st.integers(1, 40), elements=st.floats(1e-3, 1e3))


def run(norms, lr=0.1, every=1):
    return sf.History.of(sf.Reading(every * t, 1.0, lr=lr, grad_norm=float(g)) for t, g in enumerate(norms))


def test_a_constant_norm_gives_linear_decay():
    assert refined_rates(np.full(5, 3.0) ** -2).round(12).tolist() == [0.8, 0.6, 0.4, 0.2, 0.0]


def test_growing_norms_give_the_printed_values():
    assert refined_rates(np.array([1.0, 2.0, 4.0, 4.0]) ** -2).round(6).tolist() == [0.272727, 0.022727, 0.002841, 0.0]


@given(w=weights)
def test_the_rates_are_the_formula_summed_naively(w):
    naive = [w[t] / w.max() * sum(w[t + 1 :]) / sum(w) for t in range(len(w))]
    assert refined_rates(w) == pytest.approx(np.array(naive), rel=1e-9, abs=1e-12)


@given(w=weights, k=st.floats(1e-3, 1e3))
def test_the_unit_of_the_norms_does_not_matter(w, k):
    assert refined_rates(k * w) == pytest.approx(refined_rates(w), rel=1e-9)


@given(norms=arrays(np.float64, st.integers(1, 60), elements=st.floats(0.1, 10)), share=st.floats(0, 0.9))
def test_the_smoothing_is_a_median_filter_reflected_on_the_right(norms, share):
    half = min(int(share * len(norms)) // 2, len(norms) - 1)
    mirror = np.concatenate([np.full(half, norms[0]), norms, norms[-1 - half : -1][::-1]])
    naive = [np.median(mirror[i : i + 2 * half + 1]) for i in range(len(norms))]
    assert smoothed(norms, share).tolist() == naive


def test_a_run_with_level_norms_is_told_to_decay_linearly():
    found = refined(run(np.full(500, 2.0)))
    assert found.array() == pytest.approx(sf.linear(0.1, total=500).array(), rel=1e-9)


def test_norms_that_fall_early_make_a_warmup_of_their_own():
    early = np.concatenate([np.linspace(5, 1, 100), np.ones(900)])
    rates = refined(run(early)).array()
    assert rates[0] < 0.1 * rates.max()
    assert 80 <= rates.argmax() <= 130


def test_adam_weighs_the_norms_half_as_much_in_the_log():
    early = np.concatenate([np.full(100, 4.0), np.ones(900)])
    first = {name: refined(run(early), optimizer=name).array()[0] for name in ("sgd", "adam")}
    assert first["sgd"] < 0.3 * first["adam"]


def test_a_sparse_log_and_another_total_keep_the_shape():
    shape = np.concatenate([np.linspace(5, 1, 100), np.ones(900)])
    dense, sparse = refined(run(shape)), refined(run(shape[::10], every=10), total=2000)
    assert sparse.total == 2000
    assert np.abs(sparse.array()[::2] - dense.array()).mean() < 0.01 * dense.peak


def test_norms_that_were_not_logged_or_not_finite_are_left_out():
    holes = np.where(np.arange(500) % 5, 2.0, np.nan)
    holes[7] = np.inf
    assert refined(run(holes)).array() == pytest.approx(sf.linear(0.1, total=500).array(), rel=2e-2, abs=1e-3)


@given(seed=st.integers(0, 50))
def test_the_bound_with_those_norms_prefers_it_to_linear_decay(seed):
    norms = np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.1, 300)))
    shares = refined_rates(norms**-2.0)
    made = bound(shares, grad_norms=norms).best
    assert made <= bound(sf.linear(1.0, total=300), grad_norms=norms).best * 1.02


@pytest.mark.parametrize(
    ("history", "wrong", "word"),
    [
        (run(np.ones(50)), {"optimizer": "lion"}, "optimizer='lion'"),
        (run(np.ones(50)), {"total": 1}, "total=1"),
        (run(np.ones(50)), {"peak": 0.0}, "peak=0.0"),
        (run(np.ones(50)), {"share": 1.0}, "share=1.0"),
        (run(np.ones(5)), {}, "16"),
        (sf.History.of([sf.Reading(0, 1.0)]), {}, "grad_norm"),
        (sf.History.of(sf.Reading(t, 1.0, grad_norm=1.0) for t in range(50)), {}, "logs lr"),
    ],
)
def test_what_cannot_be_refined_is_refused_by_name(history, wrong, word):
    with pytest.raises(ArgumentError, match=word):
        refined(history, **wrong)


@pytest.mark.parametrize("wrong", [[], [1.0, 0.0], [np.inf], [[1.0]]])
def test_weights_are_above_zero(wrong):
    with pytest.raises(ArgumentError, match="weights"):
        refined_rates(wrong)
