"""fit_law: a law fitted on small scales predicts large ones, says how sure it is, and refuses what carries none."""

from __future__ import annotations

import csv
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

import surefoot as sf

S = sf.Scale
BENCH = Path(__file__).parents[2] / "benchmarks" / "laws"


@pytest.fixture(scope="module")
def made():
    """Return the generator of sweeps with Step Law's constants."""
    sys.path.insert(0, str(BENCH))
    try:
        import own_law_surface  # noqa: PLC0415  it lies beside the benchmarks

        yield own_law_surface
    finally:
        sys.path.remove(str(BENCH))
        sys.modules.pop("own_law_surface", None)


def curve(best, *, sharp=0.05, rates=range(-14, 1), noise=0.0, rng=None, seeds=1, base=2.0):
    """Return a sweep whose log loss is an exact parabola about ``best``, noise aside."""
    trials = []
    for k in rates:
        for seed in range(seeds):
            loss = base * math.exp(sharp * (k * math.log(2) - math.log(best)) ** 2)
            loss += noise * float(rng.standard_normal()) if rng is not None else 0.0
            trials.append(sf.Trial(2.0**k, seed, 10, 10, loss))
    return sf.Curve(tuple(trials))


def widths(exponent=-1.0, sizes=(64, 128, 256, 512, 1024), **how):
    return {S(width=w): curve(0.01 * (w / 64) ** exponent, **how) for w in sizes}


@pytest.mark.parametrize(("small", "large"), [(2.7e8, 4e8), (5.4e8, 1e9)])
@pytest.mark.parametrize("step", [0.5, 1.0])
def test_a_law_of_small_cells_predicts_the_large_ones_within_two_permille(made, small, large, step):
    rng = np.random.default_rng(1)
    data = {cell: made.swept(*cell, rng, made.Surface(step=step)) for cell in made.CELLS}
    law = sf.fit_law([row for cell in made.CELLS if cell[0] <= small for row in data[cell]])
    regrets = []
    for n, d in (cell for cell in made.CELLS if cell[0] >= large):
        lr, low, high = law.predict(S(params=n, tokens=d))
        assert low < made.best(n, d)[0] < high
        regrets.append(made.regret(data[n, d], lr, law.predict_batch(S(params=n, tokens=d))[0]))
    assert np.mean(regrets) <= 2.0
    truth = {("lr", "params"): -0.713, ("lr", "horizon"): 0.307, ("batch", "params"): 0.0, ("batch", "horizon"): 0.571}
    for one in law.exponents:
        assert one.low < truth[one.of, one.quantity] < one.high
        assert one.high - one.low < 0.3


def test_the_ridge_gives_the_best_rate_at_another_batch(made):
    rng = np.random.default_rng(2)
    flat = made.Surface(noise=1e-5, steep=0.0, soft=0.0)
    law = sf.fit_law([row for cell in made.CELLS[:11] for row in made.swept(*cell, rng, flat)])
    rate, batch = made.best(2e8, 1e10)
    own = law.predict(S(params=2e8, tokens=1e10))[0]
    twice = law.predict(S(params=2e8, tokens=1e10, batch=2 * batch / 2048))[0]
    assert own == pytest.approx(rate, rel=0.02)
    assert twice / own == pytest.approx(2**made.RIDGE, rel=0.03)
    assert law.covers == {"params", "horizon", "batch"}


def test_step_law_wins_among_the_published_ones_where_it_is_the_truth(made):
    rng = np.random.default_rng(3)
    law = sf.fit_law([row for cell in made.CELLS[:9] for row in made.swept(*cell, rng, made.Surface())])
    by = {rival.law: rival for rival in law.rivals}
    assert (by["own"].how, by["step-law"].how, by["no change"].how) == ("left out", "by itself", "carried")
    assert by["own"].mean < 1.0
    assert by["step-law"].mean < 1.0
    assert by["step-law"].mean < min(by[name].mean for name in ("porian", "deepseek", "kaplan", "no change"))


@settings(max_examples=20)
@given(some.floats(-1.5, 1.5), some.floats(0.02, 0.5))
def test_an_exact_power_law_is_found_exactly(exponent, sharp):
    law = sf.fit_law({S(width=w): curve(0.02 * (w / 64) ** exponent, sharp=sharp, rates=range(-20, 9)) for w in
                      (32, 64, 128, 256)})  # fmt: skip
    (one,) = law.exponents
    assert one.value == pytest.approx(exponent, abs=1e-6)
    assert one.low <= exponent + 1e-9
    assert one.high >= exponent - 1e-9
    assert law.predict(S(width=1024))[0] == pytest.approx(0.02 * 16**exponent, rel=1e-5)


def test_intervals_hold_the_truth_and_grow_with_the_noise_and_the_distance():
    spans, held = [], 0
    for noise in (0.002, 0.1):
        law = sf.fit_law(widths(noise=noise, rng=np.random.default_rng(0), rates=range(-11, -4), seeds=1))
        (one,) = law.exponents
        spans.append(one.high - one.low)
        held += one.low < -1.0 < one.high
    assert held == 2
    assert spans[1] > 1.5 * spans[0]
    near, far = (law.predict(S(width=w)) for w in (256, 16_384))
    assert far[2] / far[1] > near[2] / near[1]


def test_more_seeds_narrow_the_interval():
    few, many = (
        sf.fit_law(widths(noise=0.03, rng=np.random.default_rng(5), rates=range(-12, -3), seeds=seeds)).exponents[0]
        for seeds in (1, 16)
    )
    assert many.high - many.low < few.high - few.low


def test_published_124m_runs_give_a_weak_negative_exponent_and_the_interval_says_so():
    rows = list(csv.DictReader((BENCH / "own_law_124m.csv").read_text().splitlines()))
    law = sf.fit_law([row for row in rows if row["cooldown"] == "0.2"])
    (one,) = law.exponents
    assert one.quantity == "horizon"
    assert -0.30 < one.value < -0.15
    assert one.high - one.low > 0.2
    assert one.low < -0.33 < one.high
    assert law.optimizer == "adamw"
    weak = sf.fit_law([row for row in rows if row["cooldown"] == "0.4"])
    assert any(note.startswith("weak: the exponent of horizon") for note in weak.notes)
    assert any("left out: horizon=25000, the best run lies at the highest rate" in note for note in weak.notes)
    with pytest.raises(sf.ArgumentError, match="at the highest rate in 4"):
        sf.fit_law([row for row in rows if row["cooldown"] == "0.9"])


def test_one_scale_with_two_warmups_carries_no_law():
    # Best test accuracies of why-warmup's Adam runs have one scale: a warmup is no quantity of a law.
    rows = [{"lr": 0.01 * 2**k, "loss": 1 + (k - w) ** 2, "warmup": 1 + w} for k in range(-2, 4) for w in (0, 1)]
    with pytest.raises(sf.ArgumentError, match="all at one scale"):
        sf.fit_law(rows)


def test_a_bend_is_said():
    sizes = {w: 0.01 * (w / 64) ** -0.5 * math.exp(0.2 * math.log(w / 64) ** 2) for w in (16, 32, 64, 128, 256, 512)}
    law = sf.fit_law({S(width=w): curve(best) for w, best in sizes.items()})
    assert any(note.startswith("bent: the best rate is no power law of width") for note in law.notes)
    assert not any(note.startswith("bent") for note in sf.fit_law(widths()).notes)


def test_a_failed_rate_above_the_best_closes_the_grid():
    def cut(width):
        best = 0.01 * 64 / width
        whole = curve(best, rates=range(-14, 1)).trials
        lost = [sf.Trial(t.lr, 0, 3, 10, math.nan, "diverged") if t.lr > 1.5 * best else t for t in whole]
        return sf.Curve(tuple(lost))

    law = sf.fit_law({S(width=w): cut(w) for w in (64, 128, 256, 512)})
    assert {cell.status for cell in law.cells} == {"inside"}
    assert law.exponents[0].value == pytest.approx(-1.0, abs=0.1)


def test_params_are_left_to_the_width_as_in_transfer_unless_asked_for():
    sweeps = {S(width=w, params=12 * w**2): curve(0.01 * 64 / w) for w in (64, 128, 256, 512)}
    law = sf.fit_law(sweeps)
    assert law.rate.names == ("width",)
    assert any("params follow from the width" in note for note in law.notes)
    other = sf.fit_law(sweeps, on=("params",))
    assert other.rate.slopes[0] == pytest.approx(-0.5, abs=1e-6)
    assert other.covers == {"params", "width"}
    assert any("width vary along" in note for note in other.notes)


def test_a_batch_is_a_quantity_where_it_is_given():
    law = sf.fit_law({S(batch=b, samples=1e5): curve(1e-3 * math.sqrt(b / 16)) for b in (16, 32, 64, 128)})
    assert law.rate.names == ("batch",)
    assert law.rate.slopes[0] == pytest.approx(0.5, abs=1e-6)
    assert law.batch is None
    with pytest.raises(sf.ArgumentError, match="no best batch"):
        law.predict_batch(S(batch=16))


@pytest.mark.parametrize(
    ("curves", "how", "match"),
    [
        ([], {}, "curves holds no runs"),
        (7, {}, "must be pairs"),
        ([(1, 2)], {}, "must pair a Scale with a Curve"),
        ([5], {}, "give pairs"),
        ([{"lr": 0.1}], {}, "row 0 of curves needs lr and loss"),
        ([{"lr": "x", "loss": 1}], {}, "lr='x' must be a number"),
        ([{"lr": -0.1, "loss": 1}], {}, "must be a finite number > 0"),
        ([{"lr": 0.1, "loss": 1, "seed": 0}] * 2, {}, "twice at one scale"),
        ({S(width=64): curve(0.01)}, {}, "all at one scale"),
        (widths(sizes=(64, 128)), {}, "need 3 scales"),
        (widths(), {"on": ("depth",)}, "must be of what varies over the curves: width"),
        (widths(), {"on": ()}, "must be of what varies"),
        (widths(), {"batch": "best"}, "needs the batch"),
        (widths(), {"batch": "largest"}, "must be 'given', 'best' or None"),
        (widths(rates=range(-4, 1)), {}, "at the lowest rate in 5"),
        (widths(rates=(-7, -6)), {}, "fewer than three rates"),
        (widths() | {S(depth=4): curve(0.1)}, {}, "curves give .* at some scales only"),
        ({S(width=w, tokens=w * 1e6): curve(0.01 * 64 / w) for w in (64, 128, 256, 512)}, {}, "grow together"),
        ({S(width=w, kind=k): curve(0.01) for w, k in ((64, "lora"), (128, None), (256, None))}, {}, "differ in kind"),
        ({S(width=64, optimizer="adam"): curve(0.01), S(width=128, optimizer="sgd"): curve(0.01)}, {}, "several opt"),
        ({S(tokens=1e9): curve(0.01), S(samples=1e9): curve(0.01)}, {}, "different units"),
    ],
)
def test_what_carries_no_law_is_refused_with_one_sentence(curves, how, match):
    with pytest.raises(sf.ArgumentError, match=match):
        sf.fit_law(curves, **how)


def test_early_stopped_and_shorter_trials_are_no_full_runs():
    sweeps = {}
    for scale, one in widths().items():
        extra = (sf.Trial(0.5, 0, 3, 10, 0.1, "stopped"), sf.Trial(0.4, 0, 5, 5, 0.1))
        sweeps[scale] = sf.Curve((*one.trials, *extra))
    assert sf.fit_law(sweeps).exponents[0].value == pytest.approx(-1.0, abs=1e-6)


def test_losses_below_zero_carry_a_law_and_no_permille():
    def shifted(one):
        return sf.Curve(tuple(sf.Trial(t.lr, 0, 10, 10, math.log(t.loss) - 1) for t in one.trials))

    law = sf.fit_law({scale: shifted(one) for scale, one in widths().items()})
    assert law.exponents[0].value == pytest.approx(-1.0, abs=1e-6)
    assert law.rivals == ()
    assert sf.FittedLaw.from_json(law.to_json()) == law


def test_sweeps_given_as_pairs_over_rate_and_batch_find_the_best_batch(made):
    rng = np.random.default_rng(4)
    pairs = []
    for cell in made.CELLS[:8]:
        rows = made.swept(*cell, rng, made.Surface())
        for size in sorted({row["batch"] for row in rows}):
            trials = tuple(sf.Trial(row["lr"], 0, 9, 9, row["loss"]) for row in rows if row["batch"] == size)
            pairs.append((S(params=cell[0], tokens=cell[1], batch=size, sequence=2048), sf.Curve(trials)))
    law = sf.fit_law(pairs)
    assert law.batch is not None
    rate, batch = made.best(2e8, 1e10)
    factor = sf.transfer(S(params=6e7, tokens=2e9, sequence=2048), S(params=2e8, tokens=1e10, sequence=2048),
                         optimizer="adamw", law=law)  # fmt: skip
    assert factor.optimum == pytest.approx(rate, rel=0.12)
    assert factor.batch_optimum == pytest.approx(batch, rel=0.12)


def test_a_law_is_the_same_under_the_same_seed():
    sweeps = widths(noise=0.01, rng=np.random.default_rng(0))
    assert sf.fit_law(sweeps) == sf.fit_law(sweeps)
    assert sf.fit_law(sweeps).rate.draws != sf.fit_law(sweeps, seed=1).rate.draws
