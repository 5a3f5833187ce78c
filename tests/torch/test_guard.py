"""The guard: a healthy run is untouched, a bad update leaves no trace, a lost run comes back."""

import copy
import json
import math
import random

import numpy as np
import pytest
import torch
from torch import nn

import surefoot as sf
import surefoot.torch as st
from surefoot.errors import ArgumentError, BindingError, GuardStop, SurefootError


class ScheduleFree(torch.optim.Optimizer):
    """A stand-in for schedulefree's SGD: counters in the group, an assertion on the first group, z in the state."""

    def __init__(self, params, lr=0.1):
        super().__init__(params, {"lr": lr, "k": 0, "weight_sum": 0.0, "train_mode": False})

    def train(self):
        for group in self.param_groups:
            group["train_mode"] = True

    def step(self, closure=None):
        if not self.param_groups[0]["train_mode"]:
            raise RuntimeError("not in train mode")
        loss = None if closure is None else closure()
        for group in self.param_groups:
            group["weight_sum"] += group["lr"] ** 2
            weight = group["lr"] ** 2 / group["weight_sum"] if group["weight_sum"] else 0.0
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                z = state.setdefault("z", parameter.detach().clone())
                z.sub_(parameter.grad, alpha=group["lr"])
                parameter.data.lerp_(z, weight)
            group["k"] += 1
        return loss


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    "adam fused": lambda p: torch.optim.Adam(p, 0.01, fused=True),
    "adamw foreach": lambda p: torch.optim.AdamW(p, 0.01, foreach=True),
    "adamw amsgrad": lambda p: torch.optim.AdamW(p, 0.01, amsgrad=True),
    "adamw tensor rate": lambda p: torch.optim.AdamW(p, torch.tensor(0.01)),
    "nadam": lambda p: torch.optim.NAdam(p, 0.01),
    "radam": lambda p: torch.optim.RAdam(p, 0.01),
    "rmsprop": lambda p: torch.optim.RMSprop(p, 0.01, momentum=0.5, centered=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, 0.05),
    "adadelta": lambda p: torch.optim.Adadelta(p),
    "adamax": lambda p: torch.optim.Adamax(p, 0.01),
    "asgd": lambda p: torch.optim.ASGD(p, 0.05),
    "rprop": lambda p: torch.optim.Rprop(p, 0.01),
    "schedule-free": ScheduleFree,
}
if hasattr(torch.optim, "Adafactor"):  # torch 2.5 and newer
    OPTIMIZERS["adafactor"] = lambda p: torch.optim.Adafactor(p, 0.01)


def net(seed=0, *, dropout=0.2, norm=True):
    torch.manual_seed(seed)
    middle = nn.BatchNorm1d(16) if norm else nn.Identity()
    return nn.Sequential(nn.Linear(6, 16), middle, nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, 3))


def batches(n, seed=1):
    generator = torch.Generator().manual_seed(seed)
    teacher = torch.randn(6, 3, generator=generator)
    for _ in range(n):
        x = torch.randn(32, 6, generator=generator)
        yield x, (x @ teacher).argmax(1)


def made(name, model):
    optimizer = OPTIMIZERS[name](list(model.parameters()))
    if hasattr(optimizer, "train"):
        optimizer.train()
    return optimizer


def loss_of(model, batch):
    return nn.functional.cross_entropy(model(batch[0]), batch[1])


def update(guard, optimizer, loss):
    optimizer.zero_grad()
    if guard is None:
        loss.backward()
        optimizer.step()
        return
    with guard.update(loss):
        loss.backward()
        optimizer.step()


def flat(model, optimizer):
    """Return everything that an update changes as one dict of copies, to compare bit for bit."""
    found = {name: value.clone() for name, value in model.state_dict().items()}
    for k, state in optimizer.state_dict()["state"].items():
        found |= {
            f"state {k} {name}": torch.as_tensor(value).clone()
            for name, value in state.items()
            if isinstance(value, (int, float, torch.Tensor))
        }
    for k, group in enumerate(optimizer.state_dict()["param_groups"]):
        found |= {
            f"group {k} {name}": torch.as_tensor(value, dtype=torch.float64)
            for name, value in group.items()
            if isinstance(value, (int, float, torch.Tensor))
        }
    return found


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


NAN = float("nan")


def spoiled(batch, how):
    x, y = batch
    return {"nan": (torch.full_like(x, NAN), y), "inf": (x * math.inf, y), "huge": (x * 1e4, y)}[how]


def trained(name, guard=None, *, n=60, cast=None):
    """Train with dropout, global random numbers and a running average; return all that is left of it."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  the global generator is part of what must stay
    model = net()
    optimizer = made(name, model)
    scheduler = st.Scheduler(optimizer, sf.cosine(0.01, total=n, warmup=5))
    held = None if guard is None else guard(model, optimizer, scheduler)
    losses = []
    for batch in batches(n):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=cast is not None):
            loss = loss_of(model, batch)
        update(held, optimizer, loss)
        losses.append(loss.item())
    left = random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002  as above
    return losses, flat(model, optimizer), left, scheduler.position, held


@pytest.mark.parametrize("cast", [None, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_run_that_never_misbehaves_is_bit_identical_with_and_without_a_guard(name, cast, tmp_path):
    plain = trained(name, cast=cast)
    held = trained(name, lambda *a: st.Guard(*a, log=tmp_path / "run.jsonl", every=7), cast=cast)
    assert held[4].actions == ()
    assert len(held[4].snapshots) > 1
    assert plain[0] == held[0]
    assert same(plain[1], held[1])
    assert plain[2:4] == held[2:4]


@pytest.mark.parametrize("how", ["nan", "inf"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_update_that_is_not_finite_leaves_no_trace(name, how):
    model = net(dropout=0.0)
    optimizer = made(name, model)
    scheduler = st.Scheduler(optimizer, sf.cosine(0.01, total=50))
    guard = st.Guard(model, optimizer, scheduler)
    for batch in batches(4):
        update(guard, optimizer, loss_of(model, batch))
    before, groups = flat(model, optimizer), optimizer.param_groups
    update(guard, optimizer, loss_of(model, spoiled(next(batches(1)), how)))
    after = flat(model, optimizer)
    lr = [key for key in after if key.endswith(" lr")]
    assert same({k: v for k, v in before.items() if k not in lr}, {k: v for k, v in after.items() if k not in lr})
    assert optimizer.param_groups is groups
    assert scheduler.position == guard.position == 4
    assert [(action.step, action.what) for action in guard.actions] == [(4, "skip")]
    update(guard, optimizer, loss_of(model, next(batches(1))))
    assert scheduler.position == 5


@pytest.mark.parametrize("name", ["sgd", "adam fused", "adamw tensor rate", "schedule-free"])
def test_a_run_with_bad_batches_is_bit_identical_to_the_run_without_these_batches(name):
    def run(bad):
        model = net(dropout=0.0)
        optimizer = made(name, model)
        guard = st.Guard(model, optimizer, st.Scheduler(optimizer, sf.cosine(0.01, total=40)))
        for k, batch in enumerate(batches(40)):
            if k in bad:
                update(guard, optimizer, loss_of(model, spoiled(batch, "nan")))
            update(guard, optimizer, loss_of(model, batch))
        return flat(model, optimizer), len(guard.actions)

    clean, spoilt = run(()), run((0, 3, 4, 17, 39))
    assert spoilt[1] == 5
    assert same(clean[0], spoilt[0])


def test_the_outliers_of_a_corrupted_batch_are_left_out_and_its_running_statistics_with_them():
    model = net(dropout=0.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    guard = st.Guard(model, optimizer)
    for batch in batches(80):
        update(guard, optimizer, loss_of(model, batch))
    before = flat(model, optimizer)
    model[0].weight.data.mul_(1.0)
    update(guard, optimizer, 1e3 * loss_of(model, spoiled(next(batches(1)), "huge")))
    assert same(before, flat(model, optimizer))
    assert "jumped" in guard.actions[0].why


def test_a_batch_out_of_scale_that_the_loss_of_a_normalised_network_hides_is_left_out():
    model = net(dropout=0.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    guard = st.Guard(model, optimizer)
    for k, (x, y) in enumerate(batches(80)):
        before = flat(model, optimizer)
        update(guard, optimizer, loss_of(model, (1e4 * x if k in {30, 60} else x, y)))
        if k in {30, 60}:
            assert same(before, flat(model, optimizer))
    assert [action.what for action in guard.actions] == ["skip", "skip"]
    assert "running variance" in guard.actions[0].why
    assert float(model[1].running_var.max()) < 100


def test_a_bad_first_batch_is_undone_once_its_neighbours_show_it():
    def run(first):
        model = net(dropout=0.0, norm=False)
        optimizer = torch.optim.AdamW(model.parameters(), 0.01)
        scheduler = st.Scheduler(optimizer, sf.constant(0.01))
        guard = st.Guard(model, optimizer, scheduler)
        for k, batch in enumerate(batches(200)):
            x, y = batch
            loss = loss_of(model, (x * 1e4, y) if first and k == 0 else batch)
            update(guard, optimizer, loss)
        return loss.item(), guard, scheduler

    clean, spoilt = run(first=False), run(first=True)
    assert [(action.what, action.after) for action in spoilt[1].actions] == [("roll back", 0)]
    assert spoilt[2].cuts == ()
    assert spoilt[0] < 1.2 * clean[0]


def test_a_closure_is_judged_when_it_was_evaluated_and_lbfgs_makes_nothing_of_a_bad_one():
    for optimizer_of in (
        lambda p: torch.optim.LBFGS(p, lr=0.5, max_iter=3),
        lambda p: torch.optim.AdamW(p, 0.01),
    ):
        model = net(dropout=0.0, norm=False)
        optimizer = optimizer_of(model.parameters())
        guard = st.Guard(model, optimizer)

        def step(batch, model=model, optimizer=optimizer, guard=guard):
            def closure():
                optimizer.zero_grad()
                loss = loss_of(model, batch)
                loss.backward()
                return loss

            with guard.update():
                return optimizer.step(closure)

        for batch in batches(5):
            step(batch)
        before = flat(model, optimizer)
        assert math.isnan(step(spoiled(next(batches(1)), "nan")).item())
        after = flat(model, optimizer)
        counts = [key for key in after if key.endswith("func_evals")]
        assert all(torch.equal(before[key], after[key]) for key in after if key not in counts)
        assert guard.position == 5
        step(next(batches(1)))
        assert guard.position == 6


@pytest.mark.parametrize("fused", [False, True], ids=["unfused", "fused"])
def test_overflows_of_the_loss_scale_are_survived_beside_bad_batches(fused):
    def run(bad, overflow, guarded):
        model = net(dropout=0.0)
        optimizer = torch.optim.AdamW(model.parameters(), 0.01, fused=fused)
        scaler = torch.amp.GradScaler("cpu", init_scale=16.0, growth_interval=10**6)
        scheduler = st.Scheduler(optimizer, sf.cosine(0.01, total=30))
        guard = st.Guard(model, optimizer, scheduler, scaler=scaler) if guarded else None
        for k, batch in enumerate(batches(30)):
            for how in ["nan"] * (k in bad) + ["fine"]:
                loss = loss_of(model, batch if how == "fine" else spoiled(batch, how))
                optimizer.zero_grad()
                block = guard.update(loss) if guarded else torch.enable_grad()
                with block:
                    scaler.scale(loss).backward()
                    if k in overflow and how == "fine":
                        model[0].weight.grad[0, 0] = math.inf
                    scaler.step(optimizer)
                    scaler.update()
        return flat(model, optimizer), scaler.get_scale(), scheduler.position, guard

    bare = run((), (5, 6), guarded=False)
    held = run((), (5, 6), guarded=True)
    assert same(bare[0], held[0])
    assert held[1:3] == bare[1:3] == (4.0, 28)
    assert [action.what for action in held[3].actions] == ["skip", "skip"]
    assert "loss scale" in held[3].actions[0].why
    both = run((3, 9), (5, 6), guarded=True)
    assert both[2] == 28
    assert all(value.isfinite().all() for value in both[0].values())


def test_accumulated_micro_batches_are_one_update_wherever_the_blocks_are():
    def run(every_micro, bad=None):
        model = net(dropout=0.0)
        optimizer = torch.optim.AdamW(model.parameters(), 0.01)
        guard = st.Guard(model, optimizer)
        for k, batch in enumerate(batches(24)):
            loss = loss_of(model, spoiled(batch, "nan") if k == bad else batch) / 4
            last = k % 4 == 3
            if every_micro or last:
                with guard.update(loss):
                    loss.backward()
                    if last:
                        optimizer.step()
            else:
                loss.backward()
            if last:
                optimizer.zero_grad()
        return flat(model, optimizer), guard

    assert same(run(every_micro=True)[0], run(every_micro=False)[0])
    assert run(every_micro=True)[1].position == 6
    for every_micro in (True, False):
        state, guard = run(every_micro=every_micro, bad=9)
        assert guard.position == 5
        assert all(value.isfinite().all() for value in state.values())


def diverging(guard_of, *, n=240, peak=None, name="sgd"):
    """Train at a rate far too high, under a guard; return the last losses and the guard."""
    model = net(dropout=0.0, norm=False)
    optimizer = made(name, model)
    scheduler = st.Scheduler(optimizer, sf.cosine(peak or 20.0, total=n, warmup=10))
    guard = guard_of(model, optimizer, scheduler)
    losses = []
    for batch in batches(n):
        loss = loss_of(model, batch)
        losses.append(loss.item())
        update(guard, optimizer, loss)
    return losses, guard, scheduler


def test_a_rate_that_is_far_too_high_is_cut_until_the_run_learns():
    losses, guard, scheduler = diverging(lambda *a: st.Guard(*a, every=10))
    assert sum(losses[-20:]) / 20 < 0.3 < losses[0]
    done = [action for action in guard.actions if action.what == "cut"]
    assert done
    assert [cut.why for cut in scheduler.cuts] == [action.why for action in done]
    assert math.prod(cut.factor for cut in scheduler.cuts) < 0.3
    # The position is kept, so that the decay completes.
    assert scheduler.position == 240 - sum(action.what == "skip" for action in guard.actions)


def test_with_rewind_the_schedule_goes_back_too_and_earlier_cuts_stay_in_force():
    _, guard, scheduler = diverging(lambda *a: st.Guard(*a, every=10, rewind=True))
    back = [action for action in guard.actions if action.what == "roll back"]
    lost = sum(action.before - action.after for action in back)
    skipped = sum(action.what == "skip" for action in guard.actions)
    assert lost > 0
    assert scheduler.position == guard.position == 240 - lost - skipped
    multiplier = math.prod(cut.factor for cut in scheduler.cuts)
    assert scheduler.get_last_lr()[0] == pytest.approx(scheduler.schedules["lr"](scheduler.position - 1) * multiplier)


def test_a_rollback_restores_weights_and_optimizer_bit_for_bit_and_in_place(tmp_path):
    for where in (None, tmp_path):
        model = net(dropout=0.0)
        optimizer = torch.optim.AdamW(model.parameters(), 0.01, amsgrad=True)
        scheduler = st.Scheduler(optimizer, sf.constant(0.01))
        policy = st.policies.rollback_and_skip(back=0)
        guard = st.Guard(model, optimizer, scheduler, every=4, where=where, policy=policy)
        tensors = [*model.parameters(), *(v for state in optimizer.state.values() for v in state.values())]
        good = {}
        for k, batch in enumerate(batches(9)):
            if k == 8:
                good = flat(model, optimizer)
            update(guard, optimizer, loss_of(model, batch))
        assert [snapshot.step for snapshot in guard.snapshots] == [0, 4, 8]
        assert not same(good, flat(model, optimizer))
        for batch in batches(6):
            update(guard, optimizer, loss_of(model, spoiled(batch, "nan")))
        assert guard.actions[-1].what == "roll back"
        assert (guard.actions[-1].before, guard.actions[-1].after) == (9, 8)
        left = {key: value for key, value in flat(model, optimizer).items() if "num_batches" not in key}
        assert all(torch.equal(value, good[key]) for key, value in left.items() if not key.startswith("1."))
        assert all(a is b for a, b in zip(tensors, [*model.parameters()], strict=False))


def test_snapshots_on_disk_are_files_of_which_old_ones_are_deleted(tmp_path):
    model = net()
    optimizer = torch.optim.AdamW(model.parameters(), 0.01)
    guard = st.Guard(model, optimizer, every=2, keep=3, where=tmp_path)
    for batch in batches(30):
        update(guard, optimizer, loss_of(model, batch))
    assert len(list(tmp_path.rglob("*.pt"))) == len(guard.snapshots) <= 3
    guard.close()
    assert list(tmp_path.rglob("*.pt")) == []


def test_a_run_that_cannot_be_saved_is_stopped_with_its_last_good_state_on_disk(tmp_path):
    model = net(dropout=0.0)
    optimizer = torch.optim.AdamW(model.parameters(), 0.01)
    scheduler = st.Scheduler(optimizer, sf.cosine(0.01, total=200))
    guard = st.Guard(model, optimizer, scheduler, log=tmp_path / "run.jsonl", policy=st.policies.ladder(times=2))
    good = None
    with pytest.raises(GuardStop, match=r"run\.last-good\.pt") as stop:  # noqa: PT012  the stop comes in a loop
        for k, batch in enumerate(batches(200)):
            if k == 0:
                good = copy.deepcopy(model.state_dict())
            update(guard, optimizer, loss_of(model, batch if k < 10 else spoiled(batch, "nan")))
    assert isinstance(stop.value, SurefootError)
    saved = torch.load(stop.value.path, weights_only=True)
    assert all(torch.equal(saved["model"][0][key], good[key]) for key in good if "weight" in key)
    assert all(torch.equal(saved["model"][0][key], value) for key, value in model.state_dict().items())
    assert [cut[1] for cut in saved["cuts"]] == [cut.factor for cut in scheduler.cuts]
    assert list(tmp_path.glob("*.part")) == []


def test_without_a_scheduler_the_guard_cuts_for_the_length_of_a_step_only():
    model = net(dropout=0.0)
    rates = []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    optimizer.register_step_post_hook(lambda o, *_: rates.append(o.param_groups[0]["lr"]))
    plain = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    guard = st.Guard(model, optimizer, policy=st.policies.reset_and_halve())
    applied = []
    weight = model[4].bias
    for k, batch in enumerate(batches(12)):
        loss = loss_of(model, spoiled(batch, "nan") if 2 <= k < 8 else batch)
        before = weight.detach().clone()
        update(guard, optimizer, loss)
        if not 2 <= k < 8:
            applied.append(float(((before - weight.detach()) / weight.grad).nanmedian()))
            plain.step()
    assert applied == pytest.approx([0.1, 0.05, 0.0125, 0.00625, 0.003125, 0.0015625], rel=1e-3)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * 0.5**6)


def test_what_the_guard_did_is_in_the_log_that_surefoot_reads(tmp_path):
    path = tmp_path / "run.jsonl"
    losses, guard, _ = diverging(lambda *a: st.Guard(*a, every=10, log=path), n=120)
    guard.close()
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    readings = [row for row in rows if not {"roll_back", "cut"} & set(row)]
    assert len(readings) == len(losses)
    assert sum("skipped" in row for row in rows) == sum(action.what == "skip" for action in guard.actions)
    back = [action for action in guard.actions if action.what == "roll back"]
    assert [row["roll_back"] for row in rows if "roll_back" in row] == [action.after for action in back]
    assert len(sf.read(path)) == len({row["step"] for row in rows})


def test_several_optimizers_refuse_an_update_together():
    model = net(dropout=0.0)
    parts = [torch.optim.SGD(model[:2].parameters(), 0.05), torch.optim.AdamW(model[2:].parameters(), 0.01)]
    schedulers = [st.Scheduler(part, sf.constant(0.01)) for part in parts]
    guard = st.Guard(model, parts, schedulers)
    for k, batch in enumerate(batches(8)):
        loss = loss_of(model, spoiled(batch, "nan") if k == 5 else batch)
        with guard.update(loss):
            loss.backward()
            for part in parts:
                part.step()
                part.zero_grad()
    assert [one.position for one in schedulers] == [7, 7]
    assert all(value.isfinite().all() for value in model.state_dict().values())


def test_steps_outside_of_a_block_and_blocks_that_raise_leave_the_optimizer_whole():
    model = net(dropout=0.0)
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    guard = st.Guard(model, optimizer)
    groups = optimizer.param_groups
    loss_of(model, next(batches(1))).backward()
    optimizer.step()
    assert guard.position == 0
    with pytest.raises(ZeroDivisionError), guard.update(torch.tensor(NAN)):
        1 / 0  # noqa: B018  the error is the test
    assert optimizer.param_groups is groups
    guard.close()
    update(None, optimizer, loss_of(model, next(batches(1))))
    assert guard.actions == ()


def test_an_adaptive_clip_takes_a_peak_off_and_says_so():
    model = net(dropout=0.0)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    guard = st.Guard(model, optimizer, policy=st.policies.zclip())
    for batch in batches(40):
        update(guard, optimizer, loss_of(model, batch))
    seen = len(guard.actions)
    update(guard, optimizer, 50 * loss_of(model, next(batches(1))))
    action = guard.actions[seen]
    assert action.what == "clip"
    norm = torch.cat([parameter.grad.flatten() for parameter in model.parameters()]).norm()
    assert float(norm) == pytest.approx(action.after, rel=1e-4)
    assert action.after < action.before / 5


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"every": 0}, ArgumentError, "every=0"),
        ({"keep": 0}, ArgumentError, "keep=0"),
        ({"budget": 2.0}, ArgumentError, "budget=2.0"),
        ({"policy": "skip"}, ArgumentError, "policy='skip'"),
        ({"scheduler": "other"}, BindingError, "another optimizer"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_bad_argument_is_named(arguments, error, words):
    model = net()
    if "scheduler" in arguments:
        arguments = {"scheduler": st.Scheduler(made("sgd", net()), sf.constant(0.1))}
    with pytest.raises(error, match=words):
        st.Guard(model, made("sgd", model), **arguments)


def test_update_needs_the_loss_unless_there_is_a_closure():
    model = net()
    optimizer = made("sgd", model)
    guard = st.Guard(model, optimizer)
    with pytest.raises(ArgumentError, match="needs the loss"), guard.update():
        optimizer.step()
