"""from_transformers against transformers.get_scheduler, over whole runs."""

import warnings

import numpy as np
import pytest
import torch
from transformers import SchedulerType, get_scheduler

from surefoot.errors import ArgumentError
from surefoot.schedule.foreign.torch_schedulers import from_torch
from surefoot.schedule.foreign.transformers_names import METRIC, from_transformers

CASES = [
    ("linear", {}),
    ("cosine", {}),
    ("cosine", {"num_cycles": 1.75}),
    ("cosine", {"num_cycles": 0.3}),
    ("cosine_with_restarts", {}),
    ("cosine_with_restarts", {"num_cycles": 3}),
    ("polynomial", {}),
    ("polynomial", {"lr_end": 1e-5, "power": 2.5}),
    ("constant", {}),
    ("constant_with_warmup", {}),
    ("inverse_sqrt", {}),
    ("inverse_sqrt", {"timescale": 40}),
    ("cosine_with_min_lr", {"min_lr_rate": 0.1}),
    ("cosine_with_min_lr", {"min_lr": 5e-5, "num_cycles": 1.0}),
    ("cosine_warmup_with_min_lr", {"min_lr_rate": 0.1}),
    ("cosine_warmup_with_min_lr", {"min_lr": 5e-5, "warmup_lr_rate": 0.2}),
    ("warmup_stable_decay", {"num_decay_steps": 20}),
    ("warmup_stable_decay", {"num_decay_steps": 20, "min_lr_ratio": 0.1, "decay_type": "1-sqrt"}),
    ("warmup_stable_decay", {"num_decay_steps": 9, "min_lr_ratio": 0.1, "warmup_type": "cosine"}),
    ("warmup_stable_decay", {"num_decay_steps": 9, "warmup_type": "1-sqrt", "decay_type": "linear"}),
    ("warmup_stable_decay", {"num_decay_steps": 9, "num_cycles": 1.5, "num_stable_steps": 5, "min_lr_ratio": 0.2}),
]
PEAK = 3e-4


def theirs(name, total, warmup, options):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=PEAK)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scheduler = get_scheduler(name, optimizer, warmup, total, scheduler_specific_kwargs=dict(options))
        rates = []
        for _ in range(total):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
    return np.array(rates)


@pytest.mark.parametrize("warmup", [0, 1, 13])
@pytest.mark.parametrize("total", [70, 71])
@pytest.mark.parametrize(("name", "options"), CASES)
def test_rates_are_those_of_transformers(name, options, total, warmup):
    found = from_transformers(name, peak=PEAK, total=total, warmup=warmup, **options)
    assert found.total == total
    np.testing.assert_allclose(found.array(), theirs(name, total, warmup, options), rtol=1e-11, atol=1e-11 * PEAK)
    assert found(total + 10**6) == found(total)


def test_every_name_of_transformers_is_read_or_refused():
    assert {kind.value for kind in SchedulerType} == {name for name, _ in CASES} | set(METRIC)


def test_a_member_of_the_enumeration_is_a_name():
    assert from_transformers(SchedulerType.LINEAR, peak=1.0, total=4).array().tolist() == [1.0, 0.75, 0.5, 0.25]


@pytest.mark.parametrize(("name", "options"), [("constant", {}), ("inverse_sqrt", {}), ("constant_with_warmup", {})])
def test_plans_without_an_end_may_stay_open(name, options):
    assert from_transformers(name, peak=1.0, warmup=10, **options).total is None


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("greedy", {"total": 10}, "follows a metric"),
        ("reduce_lr_on_plateau", {"total": 10}, "follows a metric"),
        ("cosinus", {"total": 10}, "name='cosinus' is unknown: use one of linear, cosine"),
        ("linear", {}, "total=None: 'linear' needs the number of updates"),
        ("linear", {"total": 10, "warmup": 11}, "warmup=11 must not be above total=10"),
        ("linear", {"total": 10, "power": 2}, "takes options"),
        ("cosine_with_min_lr", {"total": 10}, "exactly one of min_lr= and min_lr_rate="),
        ("polynomial", {"total": 10, "lr_end": 2.0}, "lr_end=2.0 must be >= 0 and below peak=1.0"),
        ("warmup_stable_decay", {"total": 10}, "needs num_decay_steps="),
        ("warmup_stable_decay", {"total": 10, "num_decay_steps": 11}, "do not fit in total=10"),
        ("warmup_stable_decay", {"total": 10, "num_decay_steps": 1, "decay_type": "sqrt"}, "use one of linear, cosine"),
        ("cosine", {"total": 10, "num_cycles": 0}, "num_cycles=0 must be > 0"),
        ("linear", {"total": 10, "peak": -1.0}, "peak=-1.0 must be a rate >= 0"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_sentence(name, arguments, sentence):
    with pytest.raises(ArgumentError) as refusal:
        from_transformers(name, **{"peak": 1.0, **arguments})
    assert sentence in str(refusal.value)


@pytest.mark.parametrize("name", ["linear", "cosine", "polynomial"])
def test_a_live_scheduler_of_transformers_tells_its_own_length(name):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=PEAK)
    found = from_torch(get_scheduler(name, optimizer, 13, 70))
    assert found.total == 70
    np.testing.assert_allclose(found.array(), theirs(name, 70, 13, {}), rtol=1e-12, atol=1e-18)
