"""Checkpoints: the position comes back in every order of construction; what differs is said."""

import copy
import io
import itertools
import json

import pytest
import torch

import surefoot.torch as st
from surefoot.errors import BindingError, FormatError
from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import hold, ramp

ONE_CYCLE = Schedule(1.0, (ramp(0.04, 1, 3, "cosine"), ramp(1, 4e-6, 7, "cosine")))
PLANS = {
    "warmup and cosine": Schedule(1.0, (ramp(0.1, 1, 3), ramp(1, 0, 7, "cosine"))),
    "warmup from 0": Schedule(1.0, (ramp(0, 1, 3), ramp(1, 0, 7, "cosine"))),
    "one-cycle": ONE_CYCLE,
    "cosine": Schedule(1.0, (ramp(1, 0, 8, "cosine"),)),
    "multistep": Schedule(1.0, (hold(2), hold(None, 0.1))),
}
# Each row: a plan, where it is resumed, the rates of the updates from there on (four printed digits).
RIGHT = [
    (Schedule(1.0, (ramp(1, 0, 4, "cosine"),)), 0, [1, 0.8536, 0.5, 0.1464, 0, 0, 0, 0, 0]),
    (Schedule(1.0, (ramp(0.5, 1, 2), ramp(1, 0, 4, "cosine"))), 0, [0.5, 0.75, 1, 0.8536, 0.5, 0.1464, 0, 0, 0, 0, 0]),
    (PLANS["warmup and cosine"], 5, [0.8117, 0.6113, 0.3887, 0.1883, 0.0495]),
    (PLANS["one-cycle"], 5, [0.8117]),
    (PLANS["cosine"], 3, [0.6913, 0.5, 0.3087, 0.1464, 0.0381, 0]),
    (PLANS["multistep"], 3, [0.1, 0.1, 0.1, 0.1]),
    (Schedule(1.0, (ramp(1, 0, 8),)), 3, [0.625, 0.5, 0.375, 0.25]),
    (Schedule(1.0, (ramp(0.1, 1, 4), ramp(1, 0.2, 8, "cosine"))), 0, [0.1, 0.325, 0.55, 0.775, 1.0]),
]


def weights(n):
    return [torch.nn.Parameter(torch.ones(2)) for _ in range(n)]


def build(tensor=False, base=1.0):
    rates = [base, base / 10]
    rates = [torch.tensor(rate) for rate in rates] if tensor else rates
    groups = [{"params": [w], "lr": rate} for w, rate in zip(weights(2), rates, strict=True)]
    return torch.optim.AdamW(groups, lr=base)


def run(optimizer, n):
    seen = []

    def note(opt, *_):
        seen.append([float(group["lr"]) for group in opt.param_groups])

    hook = optimizer.register_step_pre_hook(note)
    for _ in range(n):
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = torch.ones(2)
        optimizer.step()
    hook.remove()
    return seen


def checkpoint(plan, updates, **kwargs):
    optimizer = build(**kwargs)
    scheduler = st.Scheduler(optimizer, plan)
    run(optimizer, updates)
    stored = io.BytesIO()
    torch.save({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}, stored)
    return stored.getvalue(), run(optimizer, 6)


def loaded(stored):
    return torch.load(io.BytesIO(stored), weights_only=True)


ACTS = ("build", "optimizer", "scheduler", "build again")
ORDERS = [acts for acts in itertools.permutations(ACTS) if acts.index("build") < min(map(acts.index, ACTS[2:]))]
ORDERS += [("build", "scheduler"), ("optimizer", "build", "scheduler")]


@pytest.mark.parametrize("tensor", [False, True], ids=["float", "tensor"])
@pytest.mark.parametrize("order", ORDERS, ids=" > ".join)
@pytest.mark.parametrize("updates", [0, 1, 5, 12])
def test_the_rates_go_on_as_if_nothing_had_happened(order, updates, tensor):
    plan = PLANS["warmup from 0"]
    stored, expected = checkpoint(plan, updates, tensor=tensor)
    state = loaded(stored)
    optimizer, scheduler = build(tensor), None
    for act in order:
        if act == "optimizer":
            optimizer.load_state_dict(state["optimizer"])
        elif act == "scheduler":
            scheduler.load_state_dict(state["scheduler"])
        else:
            scheduler = st.Scheduler(optimizer, plan, strict=True)
    assert scheduler.position == updates
    assert scheduler.get_last_lr() == pytest.approx([plan(max(updates - 1, 0)), plan(max(updates - 1, 0)) / 10])
    assert run(optimizer, 6) == expected
    assert scheduler.position == updates + 6


@pytest.mark.parametrize(("plan", "start", "expected"), RIGHT)
def test_where_torch_is_wrong_these_rates_are_right(plan, start, expected):
    stored, _ = checkpoint(plan, start)
    for restore_optimizer in (True, False):
        optimizer = build()
        if restore_optimizer:
            optimizer.load_state_dict(loaded(stored)["optimizer"])
        st.Scheduler(optimizer, plan).load_state_dict(loaded(stored)["scheduler"])
        assert [rates[0] for rates in run(optimizer, len(expected))] == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize(
    ("old", "new", "expected", "jump"),
    [
        (ramp(1, 0, 4, "cosine"), ramp(1, 0, 8, "cosine"), [0.6913, 0.5, 0.3087, 0.1464, 0.0381, 0], 0.6913 / 0.1464),
        (ramp(1, 0, 4), ramp(1, 0, 8), [0.625, 0.5, 0.375, 0.25, 0.125, 0], 2.5),
    ],
    ids=["cosine 4 to 8", "polynomial 4 to 8"],
)
def test_a_longer_horizon_in_the_code_wins_and_its_jump_is_reported(old, new, expected, jump):
    stored, _ = checkpoint(Schedule(1.0, (old,)), 3)
    optimizer = build()
    scheduler = st.Scheduler(optimizer, Schedule(1.0, (new,)))
    with pytest.warns(st.ScheduleChanged, match=r"for update 3 .*a jump of x"):
        scheduler.load_state_dict(loaded(stored)["scheduler"])
    (change,) = scheduler.changes
    assert (change.field, change.step) == ("lr", 3)
    assert change.jump == pytest.approx(jump, rel=1e-3)
    assert [rates[0] for rates in run(optimizer, len(expected))] == pytest.approx(expected, abs=5e-5)


def test_strict_refuses_another_schedule_and_restores_nothing():
    stored, _ = checkpoint(PLANS["cosine"], 3)
    scheduler = st.Scheduler(build(), PLANS["one-cycle"], strict=True)
    with pytest.raises(BindingError, match=r"another schedule .*\. Nothing was restored"):
        scheduler.load_state_dict(loaded(stored)["scheduler"])
    assert scheduler.position == 0
    assert scheduler.changes == ()


def test_an_equal_schedule_is_loaded_in_silence():
    stored, _ = checkpoint(PLANS["cosine"], 3)
    scheduler = st.Scheduler(build(), Schedule.from_json(PLANS["cosine"].to_json()), strict=True)
    scheduler.load_state_dict(loaded(stored)["scheduler"])
    assert scheduler.changes == ()


def test_a_field_that_is_new_or_gone_is_reported():
    stored, _ = checkpoint(PLANS["cosine"], 3)
    scheduler = st.Scheduler(build(), {"weight_decay": Schedule(0.1, (hold(None),))})
    with pytest.warns(st.ScheduleChanged, match="nothing"):
        scheduler.load_state_dict(loaded(stored)["scheduler"])
    assert [(change.field, change.saved is None, change.value is None) for change in scheduler.changes] == [
        ("lr", False, True),
        ("weight_decay", True, False),
    ]


def test_other_group_factors_in_the_code_win_and_are_reported():
    stored, _ = checkpoint(PLANS["cosine"], 3)
    optimizer = build()
    scheduler = st.Scheduler(optimizer, PLANS["cosine"], groups=[1.0, 0.5])
    with pytest.warns(st.ScheduleChanged, match="lr of group 1: .*group factor"):
        scheduler.load_state_dict(loaded(stored)["scheduler"])
    rate = PLANS["cosine"](3)
    assert run(optimizer, 1) == [[rate, rate / 2]]


@pytest.mark.parametrize("rate", [1.0, 0.3])
def test_a_change_of_the_peak_is_told_in_the_code_that_makes_it(rate):
    stored, _ = checkpoint(PLANS["cosine"], 2)
    scheduler = st.Scheduler(build(base=rate), PLANS["cosine"].with_peak(2.0))
    with pytest.warns(st.ScheduleChanged, match="x2"):
        scheduler.load_state_dict(loaded(stored)["scheduler"])


def test_the_state_is_json_and_cuts_come_back():
    optimizer = build(tensor=True)
    scheduler = st.Scheduler(optimizer, {"lr": PLANS["cosine"], "beta1": Schedule(0.9, (hold(None),))})
    run(optimizer, 2)
    scheduler.cut(0.5, "spike")
    state = json.loads(json.dumps(scheduler.state_dict()))
    fresh = build(tensor=True)
    again = st.Scheduler(fresh, scheduler.schedules, strict=True)
    again.load_state_dict(state)
    assert again.cuts == (st.Cut(2, 0.5, "spike"),)
    assert run(fresh, 3) == run(optimizer, 3)
    assert again.state_dict() == scheduler.state_dict()


def test_loading_twice_is_loading_once():
    stored, expected = checkpoint(PLANS["cosine"], 3)
    optimizer = build()
    scheduler = st.Scheduler(optimizer, PLANS["cosine"])
    for _ in range(2):
        scheduler.load_state_dict(loaded(stored)["scheduler"])
        optimizer.load_state_dict(loaded(stored)["optimizer"])
    assert run(optimizer, 6) == expected


def test_loading_the_optimizer_in_mid_run_does_not_break_tensor_rates():
    optimizer = build(tensor=True)
    scheduler = st.Scheduler(optimizer, PLANS["cosine"], strict=True)
    run(optimizer, 2)
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert [rates[0] for rates in run(optimizer, 2)] == pytest.approx(
        [PLANS["cosine"](2), PLANS["cosine"](3)], rel=1e-6
    )
    assert scheduler.position == 4


@pytest.mark.parametrize(
    ("state", "match"),
    [
        ({"last_epoch": 7, "_step_count": 8}, r"not one of surefoot.*set\(7\)"),
        ({"surefoot": 1, "position": 3}, "damaged"),
        ({"surefoot": 1, "position": -3, "cuts": [], "fields": {}}, "position=-3"),
        ({"surefoot": 1, "position": 3, "cuts": [[1]], "fields": {}}, "damaged"),
    ],
)
def test_a_state_that_is_not_ours_is_refused_and_nothing_changes(state, match):
    optimizer = build()
    scheduler = st.Scheduler(optimizer, PLANS["cosine"])
    run(optimizer, 2)
    with pytest.raises(FormatError, match=match):
        scheduler.load_state_dict(state)
    assert scheduler.position == 2
