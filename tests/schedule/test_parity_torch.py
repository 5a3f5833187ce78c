"""Whole runs against torch.optim.lr_scheduler, and each difference of convention with its numbers."""

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler as lrs

from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import hold, ramp
from surefoot.schedule.recipes.cycles import cyclic, restarts
from surefoot.schedule.recipes.decays import constant, cosine, exponential, linear, polynomial
from surefoot.schedule.recipes.one_cycle import one_cycle, one_cycle_momentum
from surefoot.schedule.recipes.stairs import step_decay

PEAK = 0.3
STEPS = 60


def run(make, steps, *, peak=PEAK, field="lr"):
    """Return the field of updates 0 to steps - 1 under a torch scheduler."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=peak, momentum=0.9)
    scheduler = make(optimizer)
    seen = []
    for k in range(steps):
        seen.append(optimizer.param_groups[0][field])
        optimizer.step()
        if k < steps - 1:
            scheduler.step()
    return np.array(seen)


def sequential(*makers, milestones):
    return lambda o: lrs.SequentialLR(o, [make(o) for make in makers], milestones)


EXACT = {
    "ConstantLR": (lambda o: lrs.ConstantLR(o, 0.25, 10), Schedule(PEAK, (hold(10, 0.25), hold(None)))),
    "LinearLR": (lambda o: lrs.LinearLR(o, 0.1, 1.0, 20), constant(PEAK, warmup=20, start=0.1)),
    "LinearLR falling": (lambda o: lrs.LinearLR(o, 1.0, 0.1, 40), linear(PEAK, total=40, floor=0.1)),
    "PolynomialLR": (lambda o: lrs.PolynomialLR(o, 40, power=1.0), polynomial(PEAK, total=40, power=1.0)),
    "PolynomialLR, power 2.5": (lambda o: lrs.PolynomialLR(o, 40, power=2.5), polynomial(PEAK, total=40, power=2.5)),
    "StepLR": (lambda o: lrs.StepLR(o, 7, 0.3), step_decay(PEAK, total=None, every=7, factor=0.3)),
    "MultiStepLR": (
        lambda o: lrs.MultiStepLR(o, [10, 25, 26, 50], 0.2),
        step_decay(PEAK, total=STEPS, at=(10, 25, 26, 50), factor=0.2),
    ),
    "MultiStepLR, twice at once": (
        lambda o: lrs.MultiStepLR(o, [10, 10], 0.2), step_decay(PEAK, total=STEPS, at=(10, 10), factor=0.2),
    ),
    "ExponentialLR": (lambda o: lrs.ExponentialLR(o, 0.95), exponential(PEAK, total=None, factor=0.95)),
    "CyclicLR": (lambda o: lrs.CyclicLR(o, 0.03, PEAK, 7), cyclic(PEAK, rise=7, floor_lr=0.03)),
    "CyclicLR, uneven": (
        lambda o: lrs.CyclicLR(o, 0.03, PEAK, 5, 9), cyclic(PEAK, rise=5, fall=9, floor_lr=0.03),
    ),
    "CyclicLR triangular2": (
        lambda o: lrs.CyclicLR(o, 0.03, PEAK, 7, mode="triangular2"),
        cyclic(PEAK, rise=7, floor_lr=0.03, mode="triangular2"),
    ),
    "CyclicLR exp_range": (
        lambda o: lrs.CyclicLR(o, 0.03, PEAK, 7, mode="exp_range", gamma=0.97),
        cyclic(PEAK, rise=7, floor_lr=0.03, mode="exp_range", gamma=0.97),
    ),
    "CosineAnnealingWarmRestarts": (
        lambda o: lrs.CosineAnnealingWarmRestarts(o, 7, 2, eta_min=0.03),
        restarts(PEAK, total=STEPS, period=7, growth=2, floor_lr=0.03),
    ),
    "CosineAnnealingWarmRestarts, equal": (
        lambda o: lrs.CosineAnnealingWarmRestarts(o, 9), restarts(PEAK, total=STEPS, period=9, growth=1),
    ),
    "SequentialLR of LinearLR and CosineAnnealingLR": (
        sequential(
            lambda o: lrs.LinearLR(o, 0.1, 1.0, 10), lambda o: lrs.CosineAnnealingLR(o, 50, 0.03), milestones=[10]
        ),
        cosine(PEAK, total=60, warmup=10, start=0.1, floor_lr=0.03),
    ),
    "SequentialLR of three": (
        sequential(
            lambda o: lrs.LinearLR(o, 0.25, 1.0, 5),
            lambda o: lrs.ConstantLR(o, 1.0, 1),
            lambda o: lrs.LinearLR(o, 1.0, 0.1, 20),
            milestones=[5, 30],
        ),
        Schedule(PEAK, (ramp(0.25, 1, 5), hold(25), ramp(1, 0.1, 20))),
    ),
    "LambdaLR": (lambda o: lrs.LambdaLR(o, lambda t: max(0.0, 1 - t / 50)), linear(PEAK, total=50)),
    "MultiplicativeLR": (
        lambda o: lrs.MultiplicativeLR(o, lambda _: 0.9), exponential(PEAK, total=None, factor=0.9),
    ),
    "CosineAnnealingLR": (lambda o: lrs.CosineAnnealingLR(o, 60, 0.03), cosine(PEAK, total=60, floor_lr=0.03)),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step:UserWarning")
@pytest.mark.parametrize(("make", "schedule"), EXACT.values(), ids=EXACT)
def test_a_scheduler_of_torch_agrees_over_the_whole_run_and_past_the_end_where_it_holds(make, schedule):
    np.testing.assert_allclose(schedule.array(0, STEPS), run(make, STEPS), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("total", [4, 10, 15, 33, 100, 101])
@pytest.mark.parametrize("shape", ["cosine", "linear"])
@pytest.mark.parametrize(("three", "pct"), [(False, 0.3), (False, 0.45), (True, 0.3), (True, 0.4)])
def test_one_cycle_in_the_convention_of_torch_is_torch_to_the_last_update(total, shape, three, pct):
    def make(o):
        return lrs.OneCycleLR(
            o, PEAK, total, pct_start=pct, anneal_strategy="cos" if shape == "cosine" else shape, three_phase=three
        )

    keywords = {"total": total, "warmup": pct, "shape": shape, "three_phase": three, "convention": "torch"}
    np.testing.assert_allclose(one_cycle(PEAK, **keywords).array(), run(make, total), rtol=1e-12, atol=1e-16)
    momentum = one_cycle_momentum(0.95, low=0.85, **keywords)
    np.testing.assert_allclose(momentum.array(), run(make, total, field="momentum"), rtol=1e-12)


def test_one_cycle_of_torch_with_its_own_div_factors():
    def make(o):
        return lrs.OneCycleLR(o, PEAK, 40, div_factor=10, final_div_factor=100, pct_start=0.25)

    ours = one_cycle(PEAK, total=40, warmup=0.25, start=0.1, floor=0.001, convention="torch")
    np.testing.assert_allclose(ours.array(), run(make, 40), rtol=1e-12)


# --- where the conventions differ, with numbers ---------------------------------------------------------------


def test_cosine_rises_again_in_torch_and_is_held_here():
    torch_rates = run(lambda o: lrs.CosineAnnealingLR(o, 4), 9, peak=1.0)
    np.testing.assert_allclose(torch_rates, [1, 0.8536, 0.5, 0.1464, 0, 0.1464, 0.5, 0.8536, 1], atol=5e-5)
    assert cosine(1.0, total=4).array(4, 9).tolist() == [0.0] * 5


@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step:UserWarning")
def test_a_sequence_that_ends_in_a_cosine_rises_again_in_torch_and_is_held_here():
    make = sequential(lambda o: lrs.LinearLR(o, 0.5, 1.0, 2), lambda o: lrs.CosineAnnealingLR(o, 4), milestones=[2])
    np.testing.assert_allclose(run(make, 11, peak=1.0)[6:], [0, 0.1464, 0.5, 0.8536, 1], atol=5e-5)
    assert cosine(1.0, total=6, warmup=2, start=0.5).array(6, 11).tolist() == [0.0] * 5


def test_one_cycle_peaks_one_update_later_here_and_reaches_its_floor_after_the_last_update():
    torch_rates = run(lambda o: lrs.OneCycleLR(o, 1.0, 10), 10)
    ours = one_cycle(1.0, total=10)
    assert (int(torch_rates.argmax()), int(ours.array().argmax())) == (2, 3)
    assert torch_rates[9] == pytest.approx(4e-6)
    assert (round(ours(9), 4), ours(10)) == (0.0495, 0.0)


def test_one_cycle_raises_past_its_end_in_torch_and_is_held_here():
    with pytest.raises(ValueError, match="Tried to step 11 times"):
        run(lambda o: lrs.OneCycleLR(o, 1.0, 10), 12)
    assert one_cycle(1.0, total=10, convention="torch")(11) == pytest.approx(4e-6)


def test_warm_restarts_and_cycles_have_no_end_in_torch_and_are_held_at_theirs_here():
    make = {
        "restarts": (lambda o: lrs.CosineAnnealingWarmRestarts(o, 5), restarts(1.0, total=10, period=5, growth=1)),
        "cyclic": (lambda o: lrs.CyclicLR(o, 0.1, 1.0, 5), cyclic(1.0, total=10, rise=5, floor=0.1)),
    }
    for theirs, ours in make.values():
        assert run(theirs, 16, peak=1.0)[10:16].max() == 1.0
        assert set(ours.array(10, 16)) == {ours(10)} < {0.0, 0.1}


def test_eta_min_is_a_rate_in_torch_and_floor_a_fraction_of_the_peak_here():
    low = run(lambda o: lrs.CosineAnnealingLR(o, 10, eta_min=0.05), 11, peak=0.5)[10]
    assert low == pytest.approx(0.05)
    assert cosine(0.5, total=10, floor=0.05)(10) == 0.025
    assert cosine(0.5, total=10, floor_lr=0.05)(10) == 0.05


def test_a_linear_warmup_may_not_start_at_zero_in_torch_and_does_here():
    with pytest.raises(ValueError, match="Starting multiplicative factor"):
        run(lambda o: lrs.LinearLR(o, 0.0, 1.0, 5), 2)
    assert constant(1.0, warmup=5)(0) == 0.0


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (lambda o: lrs.CosineAnnealingLR(o, -5), lambda: cosine(1, total=-5)),
        (lambda o: lrs.CosineAnnealingLR(o, 4, eta_min=10), lambda: cosine(1, total=4, floor_lr=10)),
        (lambda o: lrs.ExponentialLR(o, -1), lambda: exponential(1, total=4, factor=-1)),
        (lambda o: lrs.ExponentialLR(o, float("nan")), lambda: exponential(1, total=4, factor=float("nan"))),
        (lambda o: lrs.OneCycleLR(o, -1, 10), lambda: one_cycle(-1, total=10)),
        (lambda o: lrs.CyclicLR(o, 1.0, 0.1, 5), lambda: cyclic(0.1, rise=5, floor_lr=1.0)),
        (lambda o: lrs.StepLR(o, -3), lambda: step_decay(1, total=9, every=-3)),
    ],
)
def test_an_argument_that_torch_accepts_and_should_not_is_refused_here(theirs, ours):
    assert len(run(theirs, 1)) == 1
    with pytest.raises(ValueError, match=r"must|above"):
        ours()
