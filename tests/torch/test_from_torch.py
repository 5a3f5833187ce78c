"""from_torch against torch itself: the rates of whole runs, and a live scheduler that is left alone."""

import copy
import warnings

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler as lr

from surefoot.errors import ArgumentError
from surefoot.schedule.core import Schedule
from surefoot.schedule.foreign.torch_schedulers import from_torch


def optimizer(rates=(0.1,), kind=torch.optim.SGD, **options):
    groups = [{"params": [torch.nn.Parameter(torch.ones(2))], "lr": rate} for rate in rates]
    return kind(groups, lr=rates[0], **options)


def applied(scheduler, total, group=0):
    rates = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(total):
            rates.append(float(scheduler.optimizer.param_groups[group]["lr"]))
            scheduler.optimizer.step()
            scheduler.step()
    return np.array(rates)


def sequential(*parts, at):
    def build(o):
        return lr.SequentialLR(o, [part(o) for part in parts], milestones=list(at))

    return build


CASES = {
    "constant": (lambda o: lr.ConstantLR(o, 0.3, 4), 9),
    "linear": (lambda o: lr.LinearLR(o, 0.1, 1.0, 5), 9),
    "linear falling": (lambda o: lr.LinearLR(o, 1.0, 0.2, 5), 9),
    "exponential": (lambda o: lr.ExponentialLR(o, 0.9), 40),
    "exponential rising": (lambda o: lr.ExponentialLR(o, 1.1), 40),
    "step": (lambda o: lr.StepLR(o, 7, 0.1), 30),
    "multistep": (lambda o: lr.MultiStepLR(o, [3, 7, 7, 12], 0.5), 20),
    "multistep from zero": (lambda o: lr.MultiStepLR(o, [0, 5], 0.5), 20),
    "cosine": (lambda o: lr.CosineAnnealingLR(o, 17), 17),
    "cosine floor": (lambda o: lr.CosineAnnealingLR(o, 17, eta_min=0.02), 17),
    "cosine rising": (lambda o: lr.CosineAnnealingLR(o, 17, eta_min=0.4), 17),
    "polynomial": (lambda o: lr.PolynomialLR(o, 12, 2.0), 15),
    "restarts": (lambda o: lr.CosineAnnealingWarmRestarts(o, 5), 23),
    "restarts growing": (lambda o: lr.CosineAnnealingWarmRestarts(o, 3, 2, 0.01), 40),
    "one-cycle": (lambda o: lr.OneCycleLR(o, 1.0, total_steps=10), 10),
    "one-cycle uneven": (lambda o: lr.OneCycleLR(o, 1.0, total_steps=23, pct_start=0.29), 23),
    "one-cycle linear": (lambda o: lr.OneCycleLR(o, 1.0, total_steps=50, anneal_strategy="linear"), 50),
    "one-cycle three": (lambda o: lr.OneCycleLR(o, 1.0, total_steps=33, pct_start=0.4, three_phase=True), 33),
    "one-cycle sharp": (lambda o: lr.OneCycleLR(o, 1.0, total_steps=10, pct_start=0.05), 10),
    "cyclic": (lambda o: lr.CyclicLR(o, 0.1, 1.0, 4, 6), 41),
    "cyclic 2": (lambda o: lr.CyclicLR(o, 0.1, 1.0, 4, mode="triangular2"), 41),
    "cyclic exp": (lambda o: lr.CyclicLR(o, 0.1, 1.0, 5, mode="exp_range", gamma=0.97), 41),
    "cyclic own": (lambda o: lr.CyclicLR(o, 0.1, 1.0, 5, scale_fn=lambda x: 0.5**x), 41),
    "lambda": (lambda o: lr.LambdaLR(o, lambda t: 1 / (1 + t)), 20),
    "multiplicative": (lambda o: lr.MultiplicativeLR(o, lambda t: 0.9 if t % 2 else 1.0), 20),
    "sequential": (
        sequential(lambda o: lr.LinearLR(o, 0.1, 1.0, 3), lambda o: lr.CosineAnnealingLR(o, 7), at=[3]), 10,
    ),
    "sequential of three": (
        sequential(
            lambda o: lr.LinearLR(o, 0.5, 1.0, 4), lambda o: lr.ExponentialLR(o, 0.9),
            lambda o: lr.StepLR(o, 3, 0.5), at=[4, 11],
        ), 25,
    ),
    "sequential with gaps": (
        sequential(lambda o: lr.LinearLR(o, 0.5, 1.0, 4), lambda o: lr.PolynomialLR(o, 5), at=[8]), 20,
    ),
    "sequential ending in a lambda": (
        sequential(lambda o: lr.LinearLR(o, 0.5, 1.0, 4), lambda o: lr.LambdaLR(o, lambda t: 0.9**t), at=[4]), 20,
    ),
    "chained": (lambda o: lr.ChainedScheduler([lr.LinearLR(o, 0.1, 1, 4), lr.CosineAnnealingLR(o, 8)]), 8),
    "chained with a floor": (
        lambda o: lr.ChainedScheduler([lr.CosineAnnealingLR(o, 8, 0.02), lr.ConstantLR(o, 0.5, 3)]), 8,
    ),
    "chained erasing": (lambda o: lr.ChainedScheduler([lr.ExponentialLR(o, 0.5), lr.LambdaLR(o, lambda t: 0.9**t)]), 8),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_rates_are_those_that_torch_applies(name):
    build, total = CASES[name]
    found = from_torch(build(optimizer()), total=total)
    assert found.total == total
    np.testing.assert_allclose(found.array(), applied(build(optimizer()), total), rtol=1e-11, atol=1e-15)
    assert found(total) == found(total + 1000)
    assert Schedule.from_json(found.to_json()) == found


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("ran", [0, 3])
def test_a_live_scheduler_is_read_from_its_beginning_and_not_touched(name, ran):
    build, total = CASES[name]
    scheduler = build(optimizer())
    applied(scheduler, ran)
    found = from_torch(scheduler, total=total)
    twin = build(optimizer())
    applied(twin, ran)
    np.testing.assert_allclose(applied(scheduler, total - ran - 1), applied(twin, total - ran - 1), rtol=0, atol=0)
    assert found == from_torch(build(optimizer()), total=total)


def test_state_of_the_live_scheduler_and_optimizer_is_the_same_after():
    scheduler = lr.ChainedScheduler([lr.LinearLR(o := optimizer(), 0.1, 1, 4), lr.CosineAnnealingLR(o, 8)])
    before = copy.deepcopy((scheduler.state_dict(), o.state_dict()))
    from_torch(scheduler, total=8)
    assert (scheduler.state_dict(), o.state_dict()) == before


def test_a_tensor_rate_is_read_and_keeps_its_value():
    o = optimizer((torch.tensor(0.1),), torch.optim.AdamW)
    scheduler = lr.LambdaLR(o, lambda t: 0.5**t)
    found = from_torch(scheduler, total=4)
    np.testing.assert_allclose(found.array(), 0.1 * 0.5 ** np.arange(4), rtol=1e-6)
    assert float(o.param_groups[0]["lr"]) == pytest.approx(0.1)


def test_the_group_with_the_highest_rate_is_read_unless_one_is_named():
    scheduler = lr.CosineAnnealingLR(optimizer((0.1, 0.3, 0.2)), 8)
    assert from_torch(scheduler).peak == 0.3
    assert from_torch(scheduler, group=2).peak == 0.2


@pytest.mark.parametrize(
    ("build", "total"),
    [
        (lambda o: lr.CosineAnnealingLR(o, 17), 17),
        (lambda o: lr.PolynomialLR(o, 12), 12),
        (lambda o: lr.OneCycleLR(o, 1.0, total_steps=10), 10),
        (lambda o: lr.StepLR(o, 3), None),
        (lambda o: lr.CyclicLR(o, 0.1, 1.0, 4), None),
        (sequential(lambda o: lr.LinearLR(o, 0.1, 1.0, 3), lambda o: lr.CosineAnnealingLR(o, 7), at=[3]), 10),
    ],
)
def test_a_scheduler_that_knows_its_end_needs_no_total(build, total):
    assert from_torch(build(optimizer())).total == total


def test_past_its_end_a_cosine_is_held_where_torch_rises_again():
    found = from_torch(lr.CosineAnnealingLR(optimizer(), 4), total=9)
    np.testing.assert_allclose(
        found.array(), 0.1 * np.array([1, 0.85355339, 0.5, 0.14644661, 0, 0, 0, 0, 0]), atol=1e-9
    )


def test_a_lambda_without_an_end_asks_for_the_total():
    with pytest.raises(ArgumentError, match="total=None: LambdaLR cannot tell its length"):
        from_torch(lr.LambdaLR(optimizer(), lambda t: 1.0 + 0 * t))


def test_a_metric_scheduler_is_refused():
    with pytest.raises(ArgumentError, match="ReduceLROnPlateau follows a metric"):
        from_torch(lr.ReduceLROnPlateau(optimizer()))


def test_somebody_elses_scheduler_is_refused():
    class Mine(lr.LRScheduler):
        def get_lr(self):
            return [0.1]

    with pytest.raises(ArgumentError, match="Mine is not one of torch's own"):
        from_torch(Mine(optimizer()))


@pytest.mark.parametrize("wrong", [0, -3, 2.0, True])
def test_a_bad_total_is_refused(wrong):
    with pytest.raises(ArgumentError, match="must be a number of updates >= 1"):
        from_torch(lr.StepLR(optimizer(), 3), total=wrong)
