"""Whole runs against every type of transformers.get_scheduler, and each difference of convention with its numbers."""

import numpy as np
import pytest
import torch
from transformers import get_scheduler
from transformers.trainer_utils import SchedulerType

from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import ramp
from surefoot.schedule.recipes.cycles import restarts
from surefoot.schedule.recipes.decays import constant, cosine, linear, polynomial
from surefoot.schedule.recipes.inverse import inverse_sqrt
from surefoot.schedule.recipes.long import wsd

PEAK = 3e-4
METRIC_DRIVEN = {"reduce_lr_on_plateau", "greedy"}


def run(name, steps, *, total=60, warmup=10, peak=PEAK, **extra):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=peak)
    scheduler = get_scheduler(name, optimizer, warmup, total, scheduler_specific_kwargs=extra or None)
    seen = []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return np.array(seen)


# name, its own arguments, the same plan here, and the updates over which both agree
SAME = [
    ("constant", {}, constant(PEAK), 100),
    ("constant_with_warmup", {}, constant(PEAK, warmup=10), 100),
    ("linear", {}, linear(PEAK, total=60, warmup=10), 100),
    ("cosine", {}, cosine(PEAK, total=60, warmup=10), 61),
    ("cosine_with_restarts", {"num_cycles": 5}, restarts(PEAK, total=60, warmup=10, cycles=5, growth=1), 100),
    ("cosine_with_restarts", {"num_cycles": 1}, restarts(PEAK, total=60, warmup=10, cycles=1), 100),
    ("polynomial", {}, polynomial(PEAK, total=60, warmup=10, power=1, floor_lr=1e-7), 100),
    ("polynomial", {"power": 2.5, "lr_end": 1e-5}, polynomial(PEAK, total=60, warmup=10, power=2.5, floor_lr=1e-5), 99),
    ("inverse_sqrt", {}, inverse_sqrt(PEAK, warmup=10), 100),
    ("inverse_sqrt", {"timescale": 33}, inverse_sqrt(PEAK, warmup=10, timescale=33), 100),
    ("cosine_with_min_lr", {"min_lr": 3e-5}, cosine(PEAK, total=60, warmup=10, floor_lr=3e-5), 61),
    ("cosine_with_min_lr", {"min_lr_rate": 0.1}, cosine(PEAK, total=60, warmup=10, floor=0.1), 61),
    # Its warmup counts from 1 and its last update is the floor: one update less of each.
    (
        "cosine_warmup_with_min_lr",
        {"min_lr_rate": 0.1},
        cosine(PEAK, total=59, warmup=9, start=0.1, floor=0.1),
        60,
    ),
    (
        "cosine_warmup_with_min_lr",
        {"min_lr_rate": 0.1, "warmup_lr_rate": 0.25},
        cosine(PEAK, total=59, warmup=9, start=0.25, floor=0.1),
        60,
    ),
    *(
        (
            "warmup_stable_decay",
            {"num_decay_steps": 20, "decay_type": shape, "min_lr_ratio": low},
            wsd(PEAK, total=60, warmup=10, decay=20, shape=shape, floor=low, start=low),
            100,
        )
        for shape in ("linear", "cosine", "1-sqrt")
        for low in (0.0, 0.1)
    ),
    *(
        (
            "warmup_stable_decay",
            {"num_decay_steps": 20, "warmup_type": theirs, "decay_type": "linear"},
            wsd(PEAK, total=60, warmup=10, decay=20, shape="linear", warmup_shape=ours),
            100,
        )
        # Their rise "1-sqrt" is 1 - sqrt(1 - u): the complement of what is called "root" here.
        for theirs, ours in (("linear", "linear"), ("cosine", "cosine"), ("1-sqrt", "root"))
    ),
]


@pytest.mark.parametrize(("name", "extra", "schedule", "steps"), SAME, ids=[f"{row[0]} {row[1]}" for row in SAME])
def test_a_type_of_transformers_agrees_over_the_whole_run(name, extra, schedule, steps):
    np.testing.assert_allclose(schedule.array(0, steps), run(name, steps, **extra), rtol=1e-11, atol=1e-18)


def test_every_type_is_in_the_table_but_those_that_follow_a_metric():
    assert {row[0] for row in SAME} | METRIC_DRIVEN == {kind.value for kind in SchedulerType}


# --- where the conventions differ, with numbers ---------------------------------------------------------------


def test_the_cosines_rise_again_after_the_end_and_are_held_here():
    theirs = run("cosine", 7, total=4, warmup=0, peak=1.0)
    np.testing.assert_allclose(theirs[4:], [0, 0.1464, 0.5], atol=5e-5)
    assert cosine(1.0, total=4).array(4, 7).tolist() == [0.0] * 3
    low = run("cosine_with_min_lr", 9, total=4, warmup=0, peak=1.0, min_lr_rate=0.1)
    assert low[8] == pytest.approx(1.0)
    assert cosine(1.0, total=4, floor=0.1)(8) == 0.1


def test_min_lr_is_a_share_of_the_default_rate_of_the_optimizer_and_here_of_the_peak():
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": 0.1}]
    optimizer = torch.optim.SGD(groups, lr=1.0)
    scheduler = get_scheduler("cosine_with_min_lr", optimizer, 0, 4, scheduler_specific_kwargs={"min_lr": 0.05})
    for _ in range(4):
        optimizer.step()
        scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.005)
    assert cosine(0.1, total=4, floor_lr=0.05)(4) == 0.05


def test_an_inverse_square_root_without_a_warmup_is_nearly_constant_there_and_refused_here():
    np.testing.assert_allclose(run("inverse_sqrt", 3, warmup=0, peak=1.0), [1, 0.99995, 0.9999], atol=1e-6)
    with pytest.raises(ValueError, match=r"needs timescale="):
        inverse_sqrt(1.0, warmup=0)
    np.testing.assert_allclose(
        inverse_sqrt(1.0, timescale=10_000).array(0, 50), run("inverse_sqrt", 50, warmup=0, peak=1.0), rtol=1e-12
    )


def test_a_warmup_longer_than_the_run_climbs_and_drops_there_and_is_refused_here():
    np.testing.assert_allclose(run("linear", 12, total=6, warmup=10, peak=1.0)[9:], [0.9, 0, 0], atol=1e-12)
    with pytest.raises(ValueError, match=r"warmup .10. is more than total=6"):
        linear(1.0, total=6, warmup=10)


def test_a_warmup_and_decay_that_do_not_fit_jump_there_and_are_refused_here():
    theirs = run("warmup_stable_decay", 6, total=6, warmup=4, peak=1.0, num_decay_steps=6, decay_type="linear")
    np.testing.assert_allclose(theirs, [0, 0.25, 0.5, 0.75, 0.3333, 0.1667], atol=5e-5)
    with pytest.raises(ValueError, match="more than total=6"):
        wsd(1.0, total=6, warmup=4, decay=6)


def test_unequal_restarts_are_rounded_to_updates_here_and_sampled_between_them_there():
    theirs = run("cosine_with_restarts", 10, total=10, warmup=0, peak=1.0, num_cycles=3)
    ours = restarts(1.0, total=10, cycles=3, growth=1)
    assert ours.starts == (0, 3, 7)
    assert [t for t in range(10) if ours(t) == 1.0] == [0, 3, 7]
    assert [t for t in range(10) if theirs[t] == 1.0] == [0]


def test_a_plan_built_from_phases_is_the_recipe():
    plan = Schedule(PEAK, (ramp(0, 1, 10), ramp(1, 0, 50, "cosine")))
    assert plan == cosine(PEAK, total=60, warmup=10)
