"""The rates of a Scheduler: closed form for every group, field and kind of number; cuts; foreign hands."""

import json

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

import surefoot.torch as st
from surefoot.errors import ArgumentError, BindingError
from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import hold, ramp

WARM = Schedule(0.1, (ramp(0, 1, 5), ramp(1, 0, 15, "cosine")))
FALL = Schedule(0.1, (ramp(1, 0, 8, "cosine"),))


def weight():
    return torch.nn.Parameter(torch.ones(2))


def sgd(*rates, **kwargs):
    return torch.optim.SGD([{"params": [weight()], "lr": rate} for rate in rates], lr=0.1, **kwargs)


def run(optimizer, n, field="lr"):
    """Step n times and return the field of every group as each update found it."""
    seen = []

    def note(opt, *_):
        seen.append([float(getattr(group[field], "data", group[field])) for group in opt.param_groups])

    hook = optimizer.register_step_pre_hook(note)
    for _ in range(n):
        optimizer.step()
    hook.remove()
    return seen


def kept(*rates):
    """Rates as a float or as tensors of several kinds."""
    return {
        "float": list(rates),
        "float32 tensor": [torch.tensor(rate) for rate in rates],
        "float64 tensor": [torch.tensor(rate, dtype=torch.float64) for rate in rates],
        "1-d tensor": [torch.tensor([rate]) for rate in rates],
        "float beside tensor": [*rates[:-1], torch.tensor(rates[-1])],
    }


@pytest.mark.parametrize("kind", kept(0.1))
@pytest.mark.parametrize("rates", [(0.2,), (0.2, 0.1), (0.05, 0.1, 0.2)], ids=len)
def test_every_group_runs_at_its_share_of_the_schedule(rates, kind):
    optimizer = torch.optim.SGD([{"params": [weight()], "lr": rate} for rate in kept(*rates)[kind]], lr=0.1)
    held = [group["lr"] for group in optimizer.param_groups]
    st.Scheduler(optimizer, WARM)
    expected = [[WARM(t) * rate / max(rates) for rate in rates] for t in range(25)]
    np.testing.assert_allclose(run(optimizer, 25), expected, rtol=1e-6, atol=0)
    for tensor, group in zip(held, optimizer.param_groups, strict=True):
        assert not isinstance(tensor, torch.Tensor) or group["lr"] is tensor


def test_float_rates_are_the_schedule_bit_for_bit():
    optimizer = sgd(0.1)
    st.Scheduler(optimizer, WARM)
    assert run(optimizer, 2500) == [[WARM(t)] for t in range(2500)]


# SequentialLR of torch 2.4 enters its next part by a call that torch itself deprecates
@pytest.mark.filterwarnings("ignore:The epoch parameter in `scheduler.step:UserWarning")
def test_parity_with_torch_over_a_whole_run():
    ours, theirs = sgd(0.1, 0.02), sgd(0.1, 0.02)
    st.Scheduler(ours, Schedule(0.1, (ramp(0.1, 1, 20), ramp(1, 0, 80, "cosine"))))
    reference = SequentialLR(theirs, [LinearLR(theirs, 0.1, 1, 20), CosineAnnealingLR(theirs, 80)], [20])
    expected = []
    for _ in range(100):
        expected.append([group["lr"] for group in theirs.param_groups])
        theirs.step()
        reference.step()
    np.testing.assert_allclose(run(ours, 100), expected, rtol=1e-9, atol=1e-15)


def test_float32_tensor_rates_do_not_drift_in_a_hundred_thousand_steps():
    plan = Schedule(0.1, (ramp(1, 0.1, 100_000, "cosine"),))
    optimizer = sgd(torch.tensor(0.1), torch.tensor(0.01))
    scheduler = st.Scheduler(optimizer, plan)
    for t in [*range(0, 100_000, 997), 99_999]:
        scheduler.set(t)
        expected = [np.float32(plan(t)), np.float32(plan(t) * (float(np.float32(0.01)) / float(np.float32(0.1))))]
        assert [float(group["lr"]) for group in optimizer.param_groups] == expected


@pytest.mark.parametrize("kwargs", [{"foreach": False}, {"fused": True}], ids=str)
def test_tensor_rates_move_the_weights_as_float_rates_do(kwargs):
    finals = []
    for lr in (0.1, torch.tensor(0.1)):
        parameter = torch.nn.Parameter(torch.linspace(-1, 1, 5))
        optimizer = torch.optim.AdamW([parameter], lr=lr, **kwargs)
        st.Scheduler(optimizer, WARM)
        for _ in range(10):
            optimizer.zero_grad()
            (parameter**2).sum().backward()
            optimizer.step()
        finals.append(parameter.detach())
    torch.testing.assert_close(finals[0], finals[1])


def test_one_tensor_given_to_all_groups_is_given_apart_when_it_is_first_written():
    shared = torch.tensor(0.1)
    optimizer = torch.optim.SGD([{"params": [weight()]}, {"params": [weight()]}], lr=shared)
    st.Scheduler(optimizer, WARM, groups=[1.0, 0.5])
    assert optimizer.param_groups[1]["lr"] is shared
    np.testing.assert_allclose(run(optimizer, 9)[-1], [WARM(8), WARM(8) / 2], rtol=1e-6)
    assert optimizer.param_groups[0]["lr"] is shared


def test_a_tensor_that_requires_grad_is_written_too():
    optimizer = torch.optim.SGD([weight()], lr=torch.tensor(0.1, requires_grad=True), differentiable=False)
    st.Scheduler(optimizer, FALL)
    np.testing.assert_allclose(run(optimizer, 3), [[FALL(t)] for t in range(3)], rtol=1e-6)


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ([1.0, 0.25], [1.0, 0.25]),
        ((2, 0), [2.0, 0.0]),
        (lambda group: 0.5 if group["name"] == "b" else 1.0, [1.0, 0.5]),
        ({"lr": [0.3, 0.6]}, [0.3, 0.6]),
        (None, [1.0, 0.1]),
    ],
    ids=["list", "tuple", "function", "by field", "ratios"],
)
def test_group_factors_can_be_given(groups, expected):
    optimizer = torch.optim.SGD(
        [{"params": [weight()], "name": "a"}, {"params": [weight()], "name": "b", "lr": 0.01}], lr=0.1
    )
    scheduler = st.Scheduler(optimizer, FALL, groups=groups)
    np.testing.assert_allclose(run(optimizer, 2)[1], [FALL(1) * factor for factor in expected], rtol=1e-12)
    np.testing.assert_allclose(scheduler.base_lrs, [0.1 * factor for factor in expected], rtol=1e-12)


@pytest.mark.parametrize(
    ("groups", "match"),
    [([1.0], "1 factors and the optimizer 2 groups"), ([1.0, -1.0], ">= 0"), ([1.0, float("nan")], "finite"),
     (0.5, "one a group"),
     ({"momentum": [1, 1]}, "which no schedule drives")],
)  # fmt: skip
def test_bad_group_factors_are_refused(groups, match):
    with pytest.raises(ArgumentError, match=match):
        st.Scheduler(sgd(0.1, 0.01), FALL, groups=groups)


@pytest.mark.parametrize("field", ["lr", "weight_decay"])
def test_a_rate_written_into_the_last_group_only_is_reported_and_every_group_overwritten(field):
    optimizer = sgd(0.1, 0.01, 0.001, weight_decay=0.2)
    plans = {"lr": FALL, "weight_decay": Schedule(0.2, (ramp(1, 0, 8),))}
    scheduler = st.Scheduler(optimizer, plans)
    optimizer.step()
    optimizer.param_groups[2][field] = 0.7
    with pytest.warns(st.RateOverwritten, match=f"{field} of group 2 is 0.7 before update 1"):
        optimizer.step()
    optimizer.step()
    found = [[group["lr"], group["weight_decay"]] for group in optimizer.param_groups]
    np.testing.assert_allclose(found, [[FALL(2) * k, plans["weight_decay"](2)] for k in (1, 0.1, 0.01)], rtol=1e-12)
    assert scheduler.position == 3


def test_a_disturbed_step_that_strict_refuses_leaves_the_groups_as_it_found_them():
    optimizer = sgd(0.1, 0.01, 0.001)
    st.Scheduler(optimizer, FALL, strict=True)
    optimizer.step()
    optimizer.param_groups[1]["lr"] = 0.7
    before = [group["lr"] for group in optimizer.param_groups]
    with pytest.raises(BindingError, match=r"group 1 is 0\.7"):
        optimizer.step()
    assert [group["lr"] for group in optimizer.param_groups] == before


def test_rates_that_torchs_own_warmup_left_at_zero_keep_their_ratio():
    optimizer = sgd(0.1, 0.01)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: t / 10)
    assert [group["lr"] for group in optimizer.param_groups] == [0.0, 0.0]
    assert st.Scheduler(optimizer, FALL).base_lrs == pytest.approx([0.1, 0.01])


FIELDS = {
    "momentum of SGD": (lambda: sgd(0.1, momentum=0.9), "momentum", lambda g: g["momentum"]),
    "momentum of Adam": (lambda: torch.optim.AdamW([weight()]), "momentum", lambda g: g["betas"][0]),
    "beta1": (lambda: torch.optim.AdamW([weight()]), "beta1", lambda g: g["betas"][0]),
    "beta2": (lambda: torch.optim.AdamW([weight()]), "beta2", lambda g: g["betas"][1]),
    "weight_decay": (lambda: torch.optim.AdamW([weight()]), "weight_decay", lambda g: g["weight_decay"]),
    "eps": (lambda: torch.optim.AdamW([weight()]), "eps", lambda g: g["eps"]),
    "alpha of RMSprop": (lambda: torch.optim.RMSprop([weight()]), "alpha", lambda g: g["alpha"]),
}  # fmt: skip


@pytest.mark.parametrize("case", FIELDS)
def test_any_field_follows_a_schedule_on_the_same_clock(case):
    make, field, read = FIELDS[case]
    optimizer = make()
    plan = Schedule(0.9, (ramp(1, 0.5, 6), hold(None, 0.5)))
    betas = optimizer.param_groups[0].get("betas")
    st.Scheduler(optimizer, {field: plan, "lr": WARM})
    for t in range(9):
        optimizer.step()
        if field != "eps":
            assert read(optimizer.param_groups[0]) == pytest.approx(plan(t))
        assert optimizer.param_groups[0]["lr"] == WARM(t)
    if betas is not None and field != "beta2":
        assert optimizer.param_groups[0]["betas"][1] == betas[1]


def test_a_scheduled_weight_decay_stays_zero_where_it_was_zero():
    optimizer = torch.optim.AdamW(
        [{"params": [weight()], "weight_decay": 0.2}, {"params": [weight()], "weight_decay": 0.0}]
    )
    scheduler = st.Scheduler(optimizer, {"weight_decay": Schedule(0.2, (ramp(1, 0, 4),))})
    assert run(optimizer, 2, "weight_decay")[1] == [pytest.approx(0.15), 0.0]
    assert scheduler.get_last_lr() == [1e-3, 1e-3]


def test_tensor_betas_are_written_in_place():
    betas = (torch.tensor(0.9), torch.tensor(0.99))
    optimizer = torch.optim.AdamW([weight()], lr=torch.tensor(0.1), betas=betas, capturable=True)
    st.Scheduler(optimizer, {"lr": FALL, "beta1": Schedule(0.9, (ramp(1, 0.5, 4),))})
    optimizer.step()
    optimizer.step()
    assert optimizer.param_groups[0]["betas"][0] is betas[0]
    assert float(betas[0]) == pytest.approx(0.9 * 0.875)


@pytest.mark.parametrize(
    ("schedule", "match"),
    [
        ({"lr": FALL, "warmth": FALL}, "warmth.*use one of lr"),
        ({"nesterov": FALL}, "no number"),
        ({"params": FALL}, "params"),
        ({"momentum": Schedule(1.0, (hold(None),))}, "below 1"),
        ({"lr": 0.1}, "no Schedule"),
    ],
)
def test_a_field_that_cannot_be_scheduled_is_refused(schedule, match):
    with pytest.raises(ArgumentError, match=match):
        st.Scheduler(sgd(0.1, momentum=0.9, nesterov=True), schedule)


def test_two_names_of_one_field_are_refused():
    plan = Schedule(0.9, (hold(None),))
    with pytest.raises(ArgumentError, match="one field"):
        st.Scheduler(torch.optim.AdamW([weight()]), {"momentum": plan, "beta1": plan})


def test_a_group_that_is_added_later_runs_at_its_share():
    optimizer = sgd(0.1)
    scheduler = st.Scheduler(optimizer, FALL)
    run(optimizer, 3)
    optimizer.add_param_group({"params": [weight()], "lr": 0.02})
    optimizer.add_param_group({"params": [weight()]})
    assert scheduler.base_lrs == pytest.approx([0.1, 0.02, 0.1])
    # torch gives a group without a rate the optimizer's default.
    np.testing.assert_allclose(run(optimizer, 1)[0], [FALL(3), FALL(3) * 0.2, FALL(3)], rtol=1e-12)
    assert len(scheduler.get_last_lr()) == 3


def test_a_function_gives_the_factor_of_a_group_that_is_added_later():
    optimizer = sgd(0.1)
    st.Scheduler(optimizer, FALL, groups=lambda group: group.get("share", 1.0))
    optimizer.add_param_group({"params": [weight()], "share": 0.5})
    assert run(optimizer, 2)[1] == [FALL(1), FALL(1) * 0.5]


def test_a_cut_is_a_multiplier_from_the_next_update_on():
    optimizer = sgd(0.1)
    scheduler = st.Scheduler(optimizer, FALL.with_peak(1.0))
    seen = run(optimizer, 3)
    scheduler.cut(0.5, "loss spike")
    assert scheduler.get_last_lr() == seen[-1]
    seen += run(optimizer, 5)
    # the row "LR halved at step 3" of torch's wrong rates, right
    np.testing.assert_allclose(
        np.ravel(seen), [1, 0.9619, 0.8536, 0.3457, 0.25, 0.1543, 0.0732, 0.0190], atol=5e-5
    )  # fmt: skip
    assert scheduler.cuts == (st.Cut(3, 0.5, "loss spike"),)
    scheduler.cut(0.5)
    assert [cut.step for cut in scheduler.cuts] == [3, 8]
    json.dumps(scheduler.state_dict())


def test_cuts_multiply_and_belong_to_their_step():
    optimizer = sgd(0.1, 0.05)
    plan = Schedule(0.1, (hold(None),))
    scheduler = st.Scheduler(optimizer, plan)
    for t in (2, 4):
        scheduler.set(t)
        scheduler.cut(0.5, f"at {t}")
    for t, factor in ((0, 1), (1, 1), (2, 0.5), (3, 0.5), (4, 0.25), (9, 0.25)):
        scheduler.set(t)
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.1 * factor, 0.05 * factor])


def test_a_cut_survives_a_second_scheduler_and_is_not_doubled():
    optimizer = sgd(0.1)
    plan = Schedule(0.1, (hold(None),))
    st.Scheduler(optimizer, plan).cut(0.5)
    optimizer.step()
    st.Scheduler(optimizer, plan)
    assert run(optimizer, 2) == [[0.05], [0.05]]


@pytest.mark.parametrize("kind", kept(0.1))
def test_a_foreign_rate_is_overwritten_and_reported_once(kind):
    optimizer = torch.optim.SGD([{"params": [weight()], "lr": rate} for rate in kept(0.1, 0.1)[kind]], lr=0.1)
    scheduler = st.Scheduler(optimizer, FALL)
    optimizer.step()
    st.set_lr(optimizer, 0.7)
    with pytest.warns(st.RateOverwritten, match=r"group 0 is 0\.7 before update 1.*cut"):
        seen = run(optimizer, 1)
    st.set_lr(optimizer, 0.7)
    seen += run(optimizer, 1)  # a second warning would be an error
    np.testing.assert_allclose(seen, [[FALL(1)] * 2, [FALL(2)] * 2], rtol=1e-6)
    assert "0.7" in scheduler.overwritten
    assert scheduler.position == 3


def test_strict_refuses_a_foreign_rate_before_the_update():
    parameter = weight()
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    scheduler = st.Scheduler(optimizer, FALL, strict=True)
    optimizer.step()
    optimizer.param_groups[0]["lr"] = 0.7
    parameter.grad = torch.ones(2)
    with pytest.raises(BindingError, match="somebody else"):
        optimizer.step()
    assert torch.equal(parameter.detach(), torch.ones(2))
    assert optimizer.param_groups[0]["lr"] == 0.7
    assert scheduler.position == 1


def test_an_equal_rate_from_somebody_else_is_no_quarrel():
    optimizer = sgd(torch.tensor(0.1))
    st.Scheduler(optimizer, FALL, strict=True)
    optimizer.step()
    optimizer.param_groups[0]["lr"].fill_(FALL(0))
    optimizer.param_groups[0]["lr"] = torch.tensor(FALL(0))
    assert run(optimizer, 1) == [[pytest.approx(FALL(1), rel=1e-6)]]


# torch has Muon since 2.9
FOR_MATRICES = [getattr(torch.optim, name) for name in ("Adafactor", "Muon", "SGD") if hasattr(torch.optim, name)]


@pytest.mark.parametrize("kind", FOR_MATRICES, ids=lambda kind: kind.__name__)
def test_an_optimizer_beside_adamw_are_two_schedules_on_one_clock(kind):
    matrix, bias = torch.nn.Parameter(torch.eye(4)), torch.nn.Parameter(torch.zeros(4))
    first, adamw = kind([matrix], lr=0.02), torch.optim.AdamW([bias], lr=3e-4)
    plans = (WARM.with_peak(0.02), WARM.with_peak(3e-4))
    both = [st.Scheduler(one, plan) for one, plan in zip((first, adamw), plans, strict=True)]
    for t in range(22):
        (torch.ones(2, 4) @ matrix + bias).square().sum().backward()
        for one in (first, adamw):
            one.step()
            one.zero_grad()
        assert [one.param_groups[0]["lr"] for one in (first, adamw)] == [plan(t) for plan in plans]
        assert [scheduler.position for scheduler in both] == [t + 1, t + 1]


def test_past_the_end_the_last_rate_is_held():
    optimizer = sgd(0.1)
    st.Scheduler(optimizer, Schedule(0.1, (ramp(1, 0.1, 4, "cosine"),)))
    assert np.ravel(run(optimizer, 3000)[4:]) == pytest.approx(0.01)
