"""The clock of a Scheduler: only applied updates count, whoever calls what how often."""

import copy
import pickle

import pytest
import torch
from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict

import surefoot.torch as st
from surefoot.errors import ArgumentError, BindingError, FormatError, PositionError
from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import hold, ramp

PLAN = Schedule(0.1, (ramp(0, 1, 3), ramp(1, 0, 9, "cosine")))


class Probe(torch.optim.Optimizer):
    """Plain gradient descent that writes down the rates each update was applied with."""

    def __init__(self, params, lr=0.1):
        self.seen = []
        super().__init__(params, {"lr": lr})

    def step(self, closure=None):
        loss = None if closure is None else closure()
        self.seen.append([float(group["lr"]) for group in self.param_groups])
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.data.add_(parameter.grad, alpha=-float(group["lr"]))
        return loss


def weight(value=1.0):
    return torch.nn.Parameter(torch.full((2,), value))


def probe(lr=0.1):
    return Probe([weight()], lr)


def column(optimizer):
    return [rates[0] for rates in optimizer.seen]


def planned(n, plan=PLAN):
    return [plan(t) for t in range(n)]


@pytest.mark.parametrize("calls", [0, 1, 2, 7], ids=lambda n: f"{n} calls of step() an update")
def test_the_rate_follows_updates_however_often_step_is_called(calls):
    optimizer = probe()
    scheduler = st.Scheduler(optimizer, PLAN)
    for _ in range(15):
        optimizer.step()
        for _ in range(calls):
            scheduler.step()
    assert column(optimizer) == planned(15)
    assert scheduler.position == scheduler.last_epoch == 15


def test_calling_step_before_the_optimizer_changes_nothing_and_does_not_warn():
    optimizer = probe()
    scheduler = st.Scheduler(optimizer, PLAN)
    for _ in range(5):
        scheduler.step()
        optimizer.step()
    assert column(optimizer) == planned(5)


def test_constructing_writes_nothing():
    optimizer = torch.optim.AdamW([weight()], lr=0.3)
    before = copy.deepcopy(optimizer.state_dict())
    step = optimizer.step
    st.Scheduler(optimizer, {"lr": PLAN, "beta1": Schedule(0.9, (hold(None),))})
    assert optimizer.state_dict() == before
    assert optimizer.step == step
    assert "initial_lr" not in optimizer.param_groups[0]


def test_it_is_an_lr_scheduler_whose_optimizer_is_the_one_it_was_given():
    optimizer = probe()
    scheduler = st.Scheduler(optimizer, PLAN)
    assert isinstance(scheduler, torch.optim.lr_scheduler.LRScheduler)
    assert scheduler.optimizer is optimizer


def test_last_lr_is_the_first_rate_before_update_0_and_the_applied_one_after():
    optimizer = probe()
    scheduler = st.Scheduler(optimizer, PLAN)
    assert scheduler.get_last_lr() == [PLAN(0)]
    for t in range(14):
        optimizer.step()
        assert scheduler.get_last_lr() == [PLAN(t)] == optimizer.seen[-1]
        assert scheduler.get_lr() == [PLAN(t + 1)]


def test_gradient_accumulation_counts_updates_not_micro_batches():
    parameter = weight()
    optimizer = Probe([parameter])
    scheduler = st.Scheduler(optimizer, PLAN)
    for micro in range(12):
        parameter.sum().backward()
        if micro % 4 == 3:
            optimizer.step()
            optimizer.zero_grad()
        scheduler.step()
    assert column(optimizer) == planned(3)


@pytest.mark.parametrize("fused", [False, True], ids=["unfused", "fused"])
@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW, torch.optim.Adam])
def test_an_update_that_amp_skipped_does_not_count(kind, fused):
    parameter = torch.nn.Parameter(torch.ones(3))
    optimizer = kind([parameter], lr=0.1, fused=fused)
    scheduler = st.Scheduler(optimizer, PLAN)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    bad = {0, 3, 4}
    counts = []
    for attempt in range(8):
        optimizer.zero_grad()
        scaler.scale((parameter * (float("inf") if attempt in bad else 1.0)).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()
        counts.append(scheduler.position)
        assert scheduler.get_last_lr() == [PLAN(max(scheduler.position - 1, 0))]
    assert counts == [0, 1, 2, 2, 2, 3, 4, 5]


def test_a_fused_update_is_resolved_only_when_its_answer_is_needed():
    optimizer = torch.optim.AdamW([weight()], lr=0.1, fused=True)
    scheduler = st.Scheduler(optimizer, PLAN)
    optimizer.param_groups[0]["params"][0].grad = torch.ones(2)
    for found_inf in (0.0, 1.0, 0.0):
        optimizer.grad_scale, optimizer.found_inf = torch.tensor(1.0), torch.tensor(found_inf)
        optimizer.step()
        assert scheduler._position.pending is not None
    assert scheduler.state_dict()["position"] == 2


def test_constructing_twice_inherits_the_position_and_replaces_the_first():
    optimizer = probe()
    first = st.Scheduler(optimizer, PLAN)
    for _ in range(4):
        optimizer.step()
    second = st.Scheduler(optimizer, PLAN)
    for _ in range(4):
        optimizer.step()
        first.step()
        second.step()
    assert column(optimizer) == planned(8)
    assert first.position == second.position == 8
    assert first.get_last_lr() == second.get_last_lr() == [PLAN(7)]


def test_constructing_twice_before_training_counts_once():
    optimizer = probe()
    for _ in range(3):
        scheduler = st.Scheduler(optimizer, PLAN)
    for _ in range(6):
        optimizer.step()
    assert column(optimizer) == planned(6)
    assert scheduler.position == 6


def test_a_second_plan_starts_where_the_first_stands_and_keeps_the_group_factors():
    optimizer = Probe([{"params": [weight()]}, {"params": [weight()], "lr": 0.3}])
    st.Scheduler(optimizer, PLAN)
    optimizer.step()  # a warmup's update 0 leaves only zeros in the groups
    other = Schedule(1.0, (ramp(1, 0, 10),))
    scheduler = st.Scheduler(optimizer, other)
    assert scheduler.get_last_lr() == [0.0, 0.0]
    optimizer.step()
    assert optimizer.seen[-1] == [other(1) * (0.1 / 0.3), other(1)]


def test_a_second_scheduler_of_other_fields_is_refused_and_leaves_the_first_at_work():
    optimizer = torch.optim.SGD([weight()], lr=0.1, weight_decay=0.1)
    scheduler = st.Scheduler(optimizer, PLAN)
    with pytest.raises(BindingError, match="one dict"):
        st.Scheduler(optimizer, {"weight_decay": PLAN})
    optimizer.step()
    assert scheduler.position == 1


@pytest.mark.parametrize("lr", [0.1, torch.tensor(0.1)], ids=["float", "tensor"])
@pytest.mark.parametrize("updates", [0, 1, 2])
@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
def test_the_priming_step_of_distributed_checkpoints_is_neither_written_nor_counted(kind, updates, lr):
    model = torch.nn.Linear(2, 1)
    optimizer = kind(model.parameters(), lr=lr if isinstance(lr, float) else lr.clone())
    scheduler = st.Scheduler(optimizer, PLAN)
    for _ in range(updates):
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    state = get_optimizer_state_dict(model, optimizer)
    assert scheduler.position == updates
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    set_optimizer_state_dict(model, optimizer, state)
    assert scheduler.position == updates
    for t in range(updates, updates + 3):
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
        assert float(optimizer.param_groups[0]["lr"]) == pytest.approx(PLAN(t))
    assert scheduler.position == updates + 3


@pytest.mark.parametrize("lr", [0.1, torch.tensor(0.1)], ids=["float", "tensor"])
def test_a_priming_step_is_told_where_only_another_field_is_scheduled(lr):
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    scheduler = st.Scheduler(optimizer, {"weight_decay": PLAN})
    get_optimizer_state_dict(model, optimizer)
    assert scheduler.position == 0
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    assert scheduler.position == 1
    assert scheduler.get_last_lr() == [pytest.approx(0.1)]


def test_zeros_that_are_left_in_the_groups_do_not_stop_the_clock():
    optimizer = probe()
    optimizer.param_groups[0]["params"][0].grad = torch.ones(2)
    scheduler = st.Scheduler(optimizer, Schedule(0.1, (ramp(1, 0, 9),)))
    optimizer.step()
    optimizer.param_groups[0]["lr"] = 0.0
    optimizer.step()
    with pytest.warns(st.RateOverwritten):
        optimizer.step()
    assert column(optimizer) == [0.1, 0.0, 0.1 * (8 / 9)]
    assert scheduler.position == 2


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))], ids=["deepcopy", "pickle"])  # noqa: S301  own bytes
def test_a_copy_that_lost_its_hooks_says_so_at_step(copied):
    scheduler = st.Scheduler(torch.optim.SGD([weight()], lr=0.1), PLAN)
    scheduler.optimizer.step()
    twin = copied(scheduler)
    with pytest.raises(BindingError, match="position=1"):
        twin.step()
    again = st.Scheduler(twin.optimizer, PLAN, position=1)
    twin.optimizer.step()
    again.step()
    assert again.get_last_lr() == [PLAN(1)]
    assert scheduler.position == 1
    scheduler.step()


def test_hooks_that_somebody_removed_are_missed_at_step():
    optimizer = probe()
    scheduler = st.Scheduler(optimizer, PLAN)
    optimizer._optimizer_step_pre_hooks.clear()
    with pytest.raises(BindingError):
        scheduler.step()


def test_a_step_that_raises_is_not_counted():
    optimizer = probe()
    scheduler = st.Scheduler(optimizer, PLAN)
    optimizer.step()

    def broken():
        raise KeyError("batch")

    with pytest.raises(KeyError):
        optimizer.step(broken)
    optimizer.step()
    assert column(optimizer) == planned(2)
    assert scheduler.position == 2


def test_a_step_that_calls_its_parents_step_counts_once():
    class Child(Probe):
        def step(self, closure=None):
            return super().step(closure)

    Probe([weight()])  # torch wraps the parent's step when the first of its kind is built
    optimizer = Child([weight()])
    scheduler = st.Scheduler(optimizer, PLAN)
    for _ in range(5):
        optimizer.step()
    assert column(optimizer) == planned(5)
    assert scheduler.position == 5


def test_closures_of_lbfgs_count_as_one_update_a_step():
    parameter = weight()
    optimizer = torch.optim.LBFGS([parameter], lr=1.0, max_iter=3)
    scheduler = st.Scheduler(optimizer, Schedule(0.5, (ramp(1, 0, 5),)))
    calls = []

    def closure():
        optimizer.zero_grad()
        loss = (parameter**2).sum()
        loss.backward()
        calls.append(float(optimizer.param_groups[0]["lr"]))
        return loss

    for _ in range(2):
        optimizer.step(closure)
        scheduler.step()
    assert scheduler.position == 2
    assert set(calls) == {0.5, 0.4}
    assert len(calls) > 2


def test_set_is_idempotent_in_any_order_and_writes_at_once():
    optimizer = probe()
    scheduler = st.Scheduler(optimizer, PLAN)
    for t in (5, 5, 2, 11, 2, 0):
        scheduler.set(t)
        assert optimizer.param_groups[0]["lr"] == PLAN(t)
        assert scheduler.get_last_lr() == [PLAN(t)]
        assert scheduler.position == t


def test_set_before_each_partial_step_gives_the_parts_of_one_update_one_rate():
    optimizer = probe()
    scheduler = st.Scheduler(optimizer, PLAN)
    for t in range(4):
        for _ in range(2):
            scheduler.set(t)
            optimizer.step()
    assert column(optimizer) == [PLAN(t) for t in range(4) for _ in range(2)]
    assert scheduler.position == 4


def test_resume_by_hand_is_one_integer():
    optimizer = probe()
    scheduler = st.Scheduler(optimizer, PLAN, position=6)
    assert optimizer.param_groups[0]["lr"] == 0.1
    assert scheduler.get_last_lr() == [PLAN(5)]
    optimizer.step()
    assert column(optimizer) == [PLAN(6)]


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda s: s.set(-1), PositionError, "negative"),
        (lambda s: s.set(2.0), ArgumentError, "must be an int"),
        (lambda s: s.step(3), ArgumentError, "set"),
        (lambda s: s.cut(0.0), ArgumentError, r"\(0, 1\]"),
        (lambda s: s.cut(2.0), ArgumentError, r"\(0, 1\]"),
        (lambda s: s.cut(float("nan")), ArgumentError, "finite"),
        (lambda s: st.Scheduler(s.optimizer, PLAN, position=-2), PositionError, "negative"),
        (lambda s: st.Scheduler(s.optimizer, PLAN, position=True), ArgumentError, "must be an int"),
        (lambda s: s.load_state_dict(None), FormatError, "state_dict"),
        (lambda s: st.Scheduler(s.optimizer, lambda t: 0.1 / (t + 1)), ArgumentError, "no Schedule"),
        (lambda s: st.Scheduler(s.optimizer, {}), ArgumentError, "no field"),
        (lambda _: st.Scheduler(torch.nn.Linear(1, 1), PLAN), ArgumentError, "Linear"),
    ],
)
def test_bad_arguments_are_refused_and_change_nothing(call, error, match):
    optimizer = probe()
    scheduler = st.Scheduler(optimizer, PLAN)
    optimizer.step()
    with pytest.raises(error, match=match):
        call(scheduler)
    optimizer.step()
    assert column(optimizer) == planned(2)
    assert scheduler.position == 2
