"""The parts of the guard: its trend, outliers, clipping, ring of snapshots, cuts and policies."""

import math
from statistics import fmean, pstdev

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some

import surefoot as sf
import surefoot.torch as st
from surefoot.errors import ArgumentError
from surefoot.torch.acting import Pace, factor
from surefoot.torch.clipping import Clipper, total_norm
from surefoot.torch.outliers import Outliers
from surefoot.torch.policies import ClipNorm, Rollback, SkipStep, ZClip
from surefoot.torch.ring import Ring
from surefoot.torch.trend import Band, Trend


def first_alarm(losses, warmup=50):
    trend = Trend(Band())
    for step, loss in enumerate(losses):
        if trend.fed(float(loss), min(1.0, (step + 1) / warmup)):
            return step
    return None


def noise(n, size, seed=0):
    return size * np.random.default_rng(seed).normal(size=n)


def falling(n, start=3.0, end=1.0):
    return end + (start - end) * np.exp(-np.arange(n) / 60)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("size", [0.0, 0.02, 0.2])
def test_a_run_that_learns_is_never_called_lost(seed, size):
    assert first_alarm(falling(600) + noise(600, size, seed)) is None


def test_losses_of_zero_and_below_zero_are_no_trouble():
    assert first_alarm(np.zeros(300)) is None
    assert first_alarm(-falling(300, start=-1.0, end=3.0) + noise(300, 0.05)) is None


def test_a_run_that_explodes_is_lost_within_a_few_updates():
    losses = falling(400) + noise(400, 0.05)
    losses[200:] += 0.3 * np.arange(200)
    assert 205 <= first_alarm(losses) <= 215


def test_one_spike_that_heals_is_not_a_loss():
    losses = falling(400) + noise(400, 0.05)
    for size in (2.0, 1e6):
        losses[200] = size
        assert first_alarm(losses) is None


def test_a_run_that_collapses_to_chance_after_an_explosion_is_lost():
    losses = np.concatenate([np.full(40, 2.30), np.full(2, 30.0), np.full(300, 2.30)]) + noise(342, 0.01)
    assert first_alarm(losses) is not None


def test_a_peak_at_which_the_loss_rises_above_its_warmup_is_too_high():
    losses = np.concatenate([np.linspace(4.8, 2.8, 60), 2.8 + 0.001 * np.arange(300)]) + noise(360, 0.05)
    assert 100 < first_alarm(losses) < 300


def test_a_loss_that_follows_a_restart_of_the_rate_is_no_alarm_but_an_explosion_there_is():
    rates = np.concatenate([np.linspace(1, 0, 300), np.linspace(1, 0, 300)])
    losses = np.concatenate([falling(300), 1.0 + 1.2 * np.exp(-np.arange(300) / 60)]) + noise(600, 0.05)
    for exploded in (False, True):
        trend = Trend(Band())
        seen = [
            bool(trend.fed(float(loss) + 5.0 * (exploded and k > 320), float(rate)))
            for k, (loss, rate) in enumerate(zip(losses, rates, strict=True))
        ]
        assert any(seen) == exploded


def test_without_a_restart_the_same_loss_is_an_alarm():
    losses = np.concatenate([falling(300), 1.0 + 1.2 * np.exp(-np.arange(300) / 60)]) + noise(600, 0.05)
    assert first_alarm(losses) is not None


def test_the_rule_of_olmo_is_the_mean_and_six_deviations_of_the_values_before():
    generator = np.random.default_rng(1)
    losses, norms = (generator.normal(5.0, 1.0, 200).tolist() for _ in range(2))
    outliers = Outliers(SkipStep(128, 64, 6.0, robust=False))
    for loss, norm in zip(losses, norms, strict=True):
        outliers.add(loss, norm)
    limits = [fmean(kept[-128:]) + 6 * pstdev(kept[-128:]) for kept in (losses, norms)]
    assert outliers.odd(limits[0] - 1e-6, limits[1] - 1e-6) == ""
    assert "loss" in outliers.odd(limits[0] + 1e-6, 0.0)
    assert "norm" in outliers.odd(0.0, limits[1] + 1e-6)


def test_the_default_rule_wants_both_to_jump_and_waits_until_it_knows_the_noise():
    outliers = Outliers(SkipStep())
    generator = np.random.default_rng(1)
    for k in range(100):
        assert (outliers.odd(100.0, 100.0) == "") == (k < 2)
        assert (outliers.odd(7.0, 9.0) == "") == (k < 64)
        outliers.add(math.exp(generator.normal(0, 0.1)), math.exp(generator.normal(0, 0.3)))
    assert outliers.odd(100.0, 1.0) == outliers.odd(1.0, 100.0) == outliers.odd(1.3, 2.0) == ""
    assert outliers.odd(100.0, 100.0)


def test_mixed_up_labels_late_in_a_run_stand_out_of_the_heavy_tail_of_its_losses():
    outliers = Outliers(SkipStep())
    generator = np.random.default_rng(2)
    for _ in range(3):
        outliers.add(2.0, 1.0)
    for _ in range(200):
        loss = math.exp(generator.normal(-5, 1.5))
        assert outliers.odd(loss, loss) == ""
        outliers.add(loss, loss)
    assert outliers.odd(6.0, 6.0)
    assert outliers.odd(0.9, 6.0) == ""


def zclip_oracle(norms, z=2.5, decay=0.97, warm=25):
    """Return the clipped norms as the paper's pseudocode gives them."""
    mean, variance, out = float(np.mean(norms[:warm])), float(np.var(norms[:warm])), list(norms[:warm])
    for norm in norms[warm:]:
        score = (norm - mean) / math.sqrt(variance)
        kept = mean + z * z / score * math.sqrt(variance) if score > z else norm
        out.append(kept)
        old = mean
        mean = decay * mean + (1 - decay) * kept
        variance = decay * variance + (1 - decay) * (kept - old) ** 2 * decay
    return out


def test_adaptive_clipping_is_that_of_the_paper():
    norms = np.abs(np.random.default_rng(0).normal(1.0, 0.2, 200))
    norms[60], norms[100:103] = 9.0, 5.0
    clipper = Clipper(ZClip())
    found = [norm * clipper.factor(norm) for norm in norms]
    assert found == pytest.approx(zclip_oracle(norms.tolist()), rel=1e-9)
    assert found[60] < 2.0


@given(some.lists(some.floats(1e-3, 1e3), min_size=1, max_size=60))
def test_clipping_never_enlarges_a_gradient(norms):
    for rule in (ZClip(warm=3), ClipNorm(1.0)):
        clipper = Clipper(rule)
        assert all(0.0 < clipper.factor(norm) <= 1.0 for norm in norms)


def test_the_norm_is_that_of_torch_over_dtypes_and_sparse_gradients():
    dense = [torch.randn(5, 3), torch.full((7,), 1e4, dtype=torch.float16), torch.randn(2).bfloat16()]
    assert float(total_norm(dense)) == pytest.approx(float(torch.cat([g.float().flatten() for g in dense]).norm()))
    assert float(total_norm([])) == 0.0


@given(some.integers(2, 6), some.integers(5, 200))
def test_a_ring_holds_a_few_snapshots_the_newest_and_some_old_ones(keep, updates):
    ring, weight = Ring(keep, 1), torch.zeros(1)
    for step in range(updates):
        weight.fill_(step)
        ring.add(step, 0.1, {("w",): weight, ("plain",): step})
    steps = [one.step for one in ring.snapshots]
    assert len(steps) == min(keep, updates)
    assert steps == sorted(steps)
    assert steps[-1] == updates - 1
    for one in ring.snapshots:
        assert float(one.held[("w",)]) == one.held[("plain",)] == one.step
    latest = updates // 2
    chosen = ring.pick(latest)
    assert chosen.step == max((step for step in steps if step <= latest), default=steps[0])
    assert ring.snapshots[-1] is chosen


@given(some.floats(0, 10), some.floats(1e-6, 10), some.integers(0, 5), some.booleans())
def test_a_cut_lowers_the_rate_by_a_half_to_a_tenth(good, ahead, repeats, proven):
    rule = Rollback()
    k = factor(rule, good, ahead, repeats, proven=proven)
    assert rule.least <= k <= rule.cut
    assert k <= factor(rule, good, ahead, 0, proven=proven)
    assert factor(Rollback(cut=0.5, exact=True), good, ahead, repeats, proven=proven) == 0.5


def test_snapshots_grow_rarer_while_a_copy_costs_more_than_its_share():
    pace = Pace(25, 0.02)
    pace._update = 0.001
    for _ in range(5):
        pace.copied(0.0021)
    assert pace.every == 200
    fixed = Pace(25, None)
    fixed.copied(1e9)
    assert fixed.every == 25


def test_a_rate_climbs_to_its_cut_and_the_cut_survives_a_round_trip_once():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = st.Scheduler(optimizer, sf.constant(1.0))
    rates = []
    for step in range(10):
        if step == 3:
            scheduler.cut(0.5, "spike", rewarm=3)
        if step == 6:
            state = scheduler.state_dict()
            scheduler.load_state_dict(state)
            scheduler.load_state_dict(state)
        optimizer.step()
        rates += scheduler.get_last_lr()
    assert rates == [1.0, 1.0, 1.0, 0.125, 0.25, 0.375, 0.5, 0.5, 0.5, 0.5]
    assert scheduler.cuts == (st.Cut(3, 0.5, "spike", 3),)


def test_a_state_from_before_there_was_a_rewarm_still_loads():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = st.Scheduler(optimizer, sf.constant(1.0))
    state = scheduler.state_dict() | {"position": 5, "cuts": [[2, 0.5, "spike"]]}
    scheduler.load_state_dict(state)
    assert scheduler.cuts == (st.Cut(2, 0.5, "spike"),)


@pytest.mark.parametrize("rewarm", [-1, 2.5, True])
def test_a_rewarm_is_a_number_of_updates(rewarm):
    scheduler = st.Scheduler(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0), sf.constant(1.0))
    with pytest.raises(ArgumentError, match=f"rewarm={rewarm}"):
        scheduler.cut(0.5, rewarm=rewarm)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: st.policies.zclip(z=0.0), r"z=0\.0"),
        (lambda: st.policies.zclip(decay=1.0), "decay=1"),
        (lambda: st.policies.clip_norm(-1.0), "norm=-1"),
        (lambda: st.policies.skip_step(window=1), "window=1"),
        (lambda: st.policies.reset_and_halve(cut=1.5), r"cut=1\.5"),
        (lambda: st.policies.rollback_and_skip(-1), "back=-1"),
        (lambda: st.policies.ladder(times=-1), "times=-1"),
    ],
)
def test_a_policy_with_a_number_out_of_range_is_refused(make, words):
    with pytest.raises(ArgumentError, match=words):
        make()
