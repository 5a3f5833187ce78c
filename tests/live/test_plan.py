from types import SimpleNamespace

import pytest

import surefoot as sf
from surefoot.errors import ArgumentError
from surefoot.live.plan import facts, rate

GROUPS = [{"lr": 0.1, "weight_decay": 0.0, "betas": (0.9, 0.99)}, {"lr": 0.3, "weight_decay": 0.05}]


class AdamW:
    param_groups = GROUPS


def test_the_total_is_the_schedules_unless_given():
    plan = sf.cosine(0.1, total=100)
    assert facts(None, None, plan, {})["total"] == 100
    assert facts(50, None, plan, {})["total"] == 50
    assert facts(None, None, None, {}) == {}


def test_an_optimizer_object_says_its_name_and_its_settings():
    expected = {"optimizer": "adamw", "weight_decay": 0.05, "beta1": 0.9}
    assert facts(None, AdamW(), None, {}) == expected
    wrapped = SimpleNamespace(optimizer=AdamW(), param_groups=GROUPS)
    assert facts(None, wrapped, None, {}) == expected


def test_what_is_given_wins_and_none_is_left_out():
    assert facts(None, AdamW(), None, {"weight_decay": 1.0, "batch": None})["weight_decay"] == 1.0
    assert "batch" not in facts(None, AdamW(), None, {"batch": None})


@pytest.mark.parametrize("total", [0, -1, 2.5, True, "100"])
def test_a_total_is_a_count(total):
    with pytest.raises(ArgumentError, match="total="):
        facts(total, None, None, {})


def test_what_is_no_optimizer_fact_or_schedule_is_refused():
    with pytest.raises(ArgumentError, match="optimizer="):
        facts(None, 3, None, {})
    with pytest.raises(ArgumentError, match="batch="):
        facts(None, None, None, {"batch": [1]})
    with pytest.raises(ArgumentError, match="schedule="):
        rate(None, 0.1)


def test_the_rate_is_that_of_the_largest_group_as_it_is_now():
    optimizer = AdamW()
    applied = rate(optimizer, sf.constant(7.0))
    assert applied(0) == 0.3
    optimizer.param_groups = [{"lr": 0.01}]
    assert applied(1) == 0.01


def test_without_an_optimizer_the_rate_is_the_schedules_bit_for_bit():
    plan = sf.wsd(0.1, total=1000, warmup=50)
    applied = rate("sgd", plan)
    steps = [0, 1, 49, 255, 256, 999, 3, 2000]
    assert [applied(step) for step in steps] == [plan(step) for step in steps]


def test_a_function_of_the_step_is_a_schedule_too():
    assert rate(None, lambda step: step / 2)(3) == 1.5
