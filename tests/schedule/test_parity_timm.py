"""Whole runs against timm.scheduler, and each difference of convention with its numbers."""

import sys
from importlib import import_module
from importlib.metadata import distribution
from types import ModuleType

import numpy as np
import pytest
import torch

from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import ramp
from surefoot.schedule.recipes.cycles import restarts
from surefoot.schedule.recipes.decays import cosine, polynomial
from surefoot.schedule.recipes.inverse import inverse_sqrt
from surefoot.schedule.recipes.long import wsd
from surefoot.schedule.recipes.stairs import step_decay

PEAK = 3e-4
STEPS = 80


@pytest.fixture(scope="module")
def timm():
    """timm.scheduler without timm/__init__, which needs torchvision: a bare parent package stands in for it."""
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "timm"}
    parent = ModuleType("timm")
    parent.__path__ = [str(distribution("timm").locate_file("timm"))]
    for name in before:
        del sys.modules[name]
    sys.modules["timm"] = parent
    yield import_module("timm.scheduler")
    for name in [name for name in sys.modules if name.split(".")[0] == "timm"]:
        del sys.modules[name]
    sys.modules.update(before)


def run(kind, steps=STEPS, *, peak=PEAK, **arguments):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=peak)
    scheduler = kind(optimizer, t_in_epochs=False, **arguments)
    seen = []
    for t in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        scheduler.step_update(t + 1)
    return np.array(seen)


SAME = {
    "cosine": ("CosineLRScheduler", {"t_initial": 60, "lr_min": 3e-5}, cosine(PEAK, total=60, floor_lr=3e-5)),
    "cosine after a warmup": (
        "CosineLRScheduler",
        {"t_initial": 50, "lr_min": 3e-5, "warmup_t": 10, "warmup_lr_init": 3e-6, "warmup_prefix": True},
        cosine(PEAK, total=60, warmup=10, start=0.01, floor_lr=3e-5),
    ),
    "cosine in growing cycles": (
        "CosineLRScheduler",
        {"t_initial": 10, "cycle_mul": 2.0, "cycle_decay": 0.5, "cycle_limit": 3},
        restarts(PEAK, total=70, cycles=3, growth=2, shrink=0.5),
    ),
    "cosine in equal cycles": (
        "CosineLRScheduler", {"t_initial": 10, "cycle_limit": 6}, restarts(PEAK, total=60, cycles=6, growth=1),
    ),
    "polynomial": (
        "PolyLRScheduler",
        {"t_initial": 50, "power": 2.0, "lr_min": 3e-6, "warmup_t": 10, "warmup_prefix": True},
        polynomial(PEAK, total=60, power=2.0, warmup=10, floor=0.01),
    ),
    "polynomial by default": ("PolyLRScheduler", {"t_initial": 60}, polynomial(PEAK, total=60, power=0.5)),
    "steps": (
        "StepLRScheduler",
        {"decay_t": 7, "decay_rate": 0.3, "warmup_t": 10, "warmup_prefix": True},
        step_decay(PEAK, total=None, every=7, factor=0.3, warmup=10),
    ),
    "milestones, one update early": (
        "MultiStepLRScheduler",
        {"decay_t": [10, 25, 50], "decay_rate": 0.3},
        step_decay(PEAK, total=STEPS, at=(9, 24, 49), factor=0.3),
    ),
    **{
        f"wsd, {theirs}": (
            "WSDLRScheduler",
            {"t_initial": 50, "decay_t": 20, "warmup_t": 10, "decay_fn": theirs, **extra},
            wsd(PEAK, total=60, warmup=10, decay=20, shape=ours, parameters=own),
        )
        for theirs, extra, ours, own in (
            ("linear", {}, "linear", ()),
            ("1-sqrt", {}, "1-sqrt", ()),
            ("cosine", {}, "cosine", ()),
            ("power", {"decay_power": 2.0}, "1-square", ()),
            ("power", {"decay_power": 3.5}, "1-power", (("power", 3.5),)),
            ("exp", {}, "exponential", ()),
            ("exp", {"decay_ratio": 0.02}, "exponential", (("base", 0.02),)),
        )
    },
    "wsd to a floor": (
        "WSDLRScheduler",
        {"t_initial": 50, "decay_t": 20, "warmup_t": 10, "lr_min": 3e-5},
        wsd(PEAK, total=60, warmup=10, decay=20, floor=0.1),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "arguments", "ours"), SAME.values(), ids=SAME)
def test_a_scheduler_of_timm_agrees_over_the_whole_run_and_past_its_end(timm, kind, arguments, ours):
    theirs = run(getattr(timm, kind), **arguments)
    np.testing.assert_allclose(ours.array(0, STEPS), theirs, rtol=1e-11, atol=1e-18)


def test_a_reciprocal_root_before_the_decay_agrees_until_the_decay(timm):
    theirs = run(timm.WSDLRScheduler, t_initial=50, decay_t=20, warmup_t=10, stable_fn="rsqrt")
    np.testing.assert_allclose(inverse_sqrt(PEAK, warmup=10).array(0, 41), theirs[:41], rtol=1e-12)


# --- where the conventions differ, with numbers ---------------------------------------------------------------


def test_a_warmup_without_the_prefix_never_reaches_the_peak_there(timm):
    theirs = run(timm.CosineLRScheduler, 6, peak=1.0, t_initial=6, warmup_t=2, warmup_lr_init=0.1)
    np.testing.assert_allclose(theirs, [0.1, 0.55, 0.75, 0.5, 0.25, 0.067], atol=5e-4)
    assert cosine(1.0, total=6, warmup=2, start=0.1).array().max() == 1.0


def test_the_warmup_precedes_the_run_there_and_belongs_to_the_total_here(timm):
    theirs = run(timm.CosineLRScheduler, t_initial=50, warmup_t=10, warmup_prefix=True)
    assert int(np.flatnonzero(theirs == 0.0)[1]) == 60
    assert cosine(PEAK, total=50, warmup=10)(50) == 0.0


def test_a_milestone_takes_effect_one_update_earlier_there(timm):
    theirs = run(timm.MultiStepLRScheduler, 8, peak=1.0, decay_t=[3], decay_rate=0.5)
    assert theirs.tolist() == [1, 1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    assert step_decay(1.0, total=8, at=(3,), factor=0.5).array(0, 4).tolist() == [1, 1, 1, 0.5]


def test_an_exponential_decay_to_a_floor_is_shifted_there_and_geometric_here(timm):
    theirs = run(
        timm.WSDLRScheduler, 21, peak=1.0, t_initial=20, decay_t=20, lr_min=0.1, decay_fn="exp", decay_ratio=0.1
    )
    u = np.arange(21) / 20
    np.testing.assert_allclose(theirs, 0.1 + 0.9 * (0.1**u - 0.1) / 0.9, rtol=1e-12)
    ours = Schedule(1.0, (ramp(1, 0.1, 20, "exponential"),))
    np.testing.assert_allclose(ours.array(0, 21), 0.1**u, rtol=1e-12)
