"""Schedule-Free inside what else surefoot does to a run: tasks, finders, guards, schedulers, scalers, compilers."""

import copy
import math

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounter

import surefoot as sf
import surefoot.torch as st

optim = st.optim
EVERY = (optim.ScheduleFreeAdamW, optim.ScheduleFreeSGD, optim.ScheduleFreeRAdam)


class Batches:
    """A loader of twenty batches."""

    def __iter__(self):
        generator = torch.Generator().manual_seed(0)
        for _ in range(20):
            x = torch.randn(16, 6, generator=generator)
            yield x, (x[:, 0] > 0).long()

    def __len__(self):
        return 20


def pair(kind=optim.ScheduleFreeAdamW, attached=False, lr=0.05):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3))
    optimizer = kind(model.parameters(), lr=lr)
    if attached:
        optimizer.attach(model)
    return model, optimizer


def loss_fn(output, target):
    return nn.functional.cross_entropy(output, target)


def train(model, optimizer, steps, guard=None, poison=()):
    for k, (x, y) in zip(range(steps), Batches(), strict=False):
        scale = math.nan if k in poison else 1.0
        optimizer.zero_grad()
        loss = loss_fn(model(x * scale), y)
        if guard is None:
            loss.backward()
            optimizer.step()
        else:
            with guard.update(loss):
                loss.backward()
                optimizer.step()


def everything(model, optimizer):
    state = [t.clone() for s in optimizer.state.values() for t in s.values()]
    groups = [{name: v for name, v in g.items() if name != "params"} for g in optimizer.param_groups]
    return [p.detach().clone() for p in model.parameters()], state, groups


def alike(a, b):
    return (
        all(torch.equal(x, y) for x, y in zip(a[0], b[0], strict=True))
        and all(torch.equal(x, y) for x, y in zip(a[1], b[1], strict=True))
        and a[2] == b[2]
    )


@pytest.mark.parametrize("attached", [False, True])
@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("kind", EVERY)
def test_a_task_puts_model_and_optimizer_back_bit_for_bit(kind, mode, attached):
    model, optimizer = pair(kind, attached)
    train(model, optimizer, 6)
    getattr(optimizer, mode)()
    before = everything(model, optimizer)
    task = st.task(model, optimizer, Batches(), loss_fn)
    first = [reading.loss for reading in task(sf.constant(0.1, total=8), seed=1)]
    assert alike(everything(model, optimizer), before)
    again = [reading.loss for reading in task(sf.constant(0.1, total=8), seed=1)]
    assert first == again
    assert optimizer.training == (mode == "train")


def test_a_branch_of_a_task_goes_on_as_the_run_itself():
    model, optimizer = pair()
    task = st.task(model, optimizer, Batches(), loss_fn)
    schedule = sf.constant(0.1, total=12)
    whole = [reading.loss for reading in task(schedule, seed=1)]
    run = task(schedule, seed=1)
    head = [next(run).loss for _ in range(6)]
    branch = task.snapshot()
    run.close()
    tail = [reading.loss for reading in task.resume(branch, schedule)]
    assert head + tail == whole


def test_a_range_test_leaves_the_weights_as_they_were():
    model, optimizer = pair()
    train(model, optimizer, 4)
    before = everything(model, optimizer)
    peak = st.find(model, optimizer, Batches(), loss_fn)
    assert len(peak.curve.test_lrs) > 10
    assert alike(everything(model, optimizer), before)


@pytest.mark.parametrize("kind", EVERY)
def test_a_guard_that_has_nothing_to_do_changes_nothing_and_one_that_skips_skips(kind):
    plain, first = pair(kind)
    train(plain, first, 12)
    guarded, second = pair(kind)
    train(guarded, second, 12, st.Guard(guarded, second))
    assert alike(everything(plain, first), everything(guarded, second))
    skipping, third = pair(kind)
    guard = st.Guard(skipping, third)
    train(skipping, third, 12, guard, poison=(3, 7))
    assert [action.what for action in guard.actions] == ["skip", "skip"]
    assert third.param_groups[0]["k"] == 10


def test_a_guard_rolls_z_and_the_counts_back_with_the_weights():
    model, optimizer = pair()
    scheduler = st.Scheduler(optimizer, sf.constant(0.05))
    guard = st.Guard(model, optimizer, scheduler, every=5, policy=st.policies.rollback_and_skip(back=8))
    past = {}
    for epoch in range(20):
        for x, y in Batches():
            past.setdefault(optimizer.param_groups[0]["k"], everything(model, optimizer))
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            with guard.update(loss + 100.0 * (epoch > 1)):
                loss.backward()
                optimizer.step()
            back = [action for action in guard.actions if action.what == "roll back"]
            if back:
                assert 0 < back[0].after == optimizer.param_groups[0]["k"]
                assert alike(everything(model, optimizer), past[back[0].after])
                return
    raise AssertionError("the guard never rolled back")


@pytest.mark.parametrize("kind", EVERY)
def test_a_state_that_was_reset_in_the_middle_takes_no_giant_step(kind):
    """Guards may forget moments, and a parameter's first gradient may come late: both begin anew at update k."""
    model, optimizer = pair(kind, lr=0.01)
    train(model, optimizer, 15)
    optimizer.state.clear()
    before = [p.detach().clone() for p in model.parameters()]
    train(model, optimizer, 1)
    moved = [(p.detach() - old).abs().max() for p, old in zip(model.parameters(), before, strict=True)]
    assert 0 < max(moved) < 1.1 * 0.01


@pytest.mark.parametrize("attached", [False, True])
def test_what_a_guard_saves_is_a_pair_that_goes_on(tmp_path, attached):
    model, optimizer = pair(attached=attached)
    guard = st.Guard(model, optimizer)
    train(model, optimizer, 8, guard)
    guard.save(tmp_path / "good.pt")
    saved = torch.load(tmp_path / "good.pt", weights_only=False)
    other, second = pair(attached=attached, lr=0.1)
    other.load_state_dict(saved["model"][0])
    second.load_state_dict(saved["optimizer"][0])
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    if attached:
        with optimizer.evaluating():
            assert all(torch.equal(saved["model"][0][name], p) for name, p in model.named_parameters())


def test_a_task_validates_the_evaluation_weights():
    model, optimizer = pair()
    held = [next(iter(Batches()))]
    run = st.task(model, optimizer, Batches(), loss_fn, val_loader=held)(sf.constant(0.05, total=6), seed=1)
    told = [(reading, reading.val_loss()) for reading in run]
    twin, other = pair()
    torch.manual_seed(1)
    for (reading, judged), (x, y) in zip(told, Batches(), strict=False):
        other.zero_grad()
        loss = loss_fn(twin(x), y)
        loss.backward()
        other.step()
        assert reading.loss == loss.item()
        with other.evaluating(), torch.no_grad():
            assert judged == pytest.approx(loss_fn(twin(held[0][0]), held[0][1]).item(), rel=1e-6)


def test_a_scaler_skips_the_updates_that_overflow():
    model, optimizer = pair()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10)
    for k, (x, y) in zip(range(8), Batches(), strict=False):
        optimizer.zero_grad()
        scaler.scale(loss_fn(model(x), y)).backward()
        if k == 4:
            model[0].weight.grad.fill_(math.inf)
        scaler.step(optimizer)
        scaler.update()
    assert optimizer.param_groups[0]["k"] == 7
    twin, other = pair()
    for k, (x, y) in zip(range(8), Batches(), strict=False):
        if k != 4:
            other.zero_grad()
            loss_fn(twin(x), y).backward()
            other.step()
    for a, b in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_checkpoints_of_the_distributed_kind_carry_both_sets_of_weights():
    from torch.distributed.checkpoint.state_dict import (  # noqa: PLC0415  slow to import
        get_model_state_dict,
        get_optimizer_state_dict,
        set_model_state_dict,
        set_optimizer_state_dict,
    )

    model, optimizer = pair(attached=True)
    train(model, optimizer, 6)
    saved = copy.deepcopy((get_model_state_dict(model), get_optimizer_state_dict(model, optimizer)))
    with optimizer.evaluating():
        for name, p in model.named_parameters():
            assert torch.equal(saved[0][name], p)
    y = [p.detach().clone() for p in model.parameters()]
    other, second = pair(attached=True, lr=0.1)
    set_model_state_dict(other, saved[0])
    set_optimizer_state_dict(other, second, saved[1])
    assert all(torch.equal(a, b) for a, b in zip(y, other.parameters(), strict=True))
    train(model, optimizer, 6)
    train(other, second, 6)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


# dynamo's own look at the loss
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_compiled_step_is_compiled_once_and_a_compiled_model_saves_x():
    model, optimizer = pair(attached=True)
    counter = CompileCounter()

    @torch.compile(backend=counter)
    def step(x, y):
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.detach()

    seen = []
    for x, y in Batches():
        step(x, y)
        seen.append(counter.frame_count)
    assert seen[1:] == seen[:1] * 19
    compiled = torch.compile(model, backend="eager")
    saved, made = compiled.state_dict(), optimizer.evaluation_state_dict(compiled)
    with optimizer.evaluating():
        for name, p in model.named_parameters():
            assert torch.equal(saved[f"_orig_mod.{name}"], p)
            assert torch.equal(made[f"_orig_mod.{name}"], p)


def test_short_runs_at_the_rate_of_adamw_lose_to_adamw():
    """What the documentation says, as a number: 600 updates of least squares at AdamW's rate."""

    def last(make):
        torch.manual_seed(0)
        x = torch.randn(256, 10)
        aim = x @ torch.linspace(-1, 1, 10)
        w = nn.Parameter(torch.zeros(10))
        optimizer = make([w])
        for k in range(200):
            rows = slice(k % 8 * 32, k % 8 * 32 + 32)
            optimizer.zero_grad()
            (x[rows] @ w - aim[rows]).square().mean().backward()
            optimizer.step()
        if isinstance(optimizer, optim.Averaged):
            optimizer.eval()
        return float((x @ w.detach() - aim).square().mean())

    adamw = last(lambda w: torch.optim.AdamW(w, lr=1e-2))
    assert last(lambda w: optim.ScheduleFreeAdamW(w, lr=1e-2)) > 2 * adamw
    assert last(lambda w: optim.ScheduleFreeAdamW(w, lr=1e-1)) < adamw
