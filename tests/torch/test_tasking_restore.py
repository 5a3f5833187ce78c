"""The law of st.task: whatever happens in a trial, the user's next steps are bit for bit what they would have been."""

import itertools
import math
import random

import numpy as np
import pytest
import torch

import surefoot as sf
from surefoot.errors import TaskError
from surefoot.search import branching
from surefoot.torch.finding import find, tune
from surefoot.torch.scheduler import Scheduler
from surefoot.torch.tasking import task


class Noisy(torch.utils.data.Dataset):
    """Samples that are augmented from all global generators and from one of its own."""

    def __init__(self):
        source = torch.Generator().manual_seed(1)
        self.x = torch.randn(50, 6, generator=source)
        self.y = torch.randint(0, 3, (50,), generator=source)
        self.rng = np.random.default_rng(2)

    def __len__(self):
        return 50

    def __getitem__(self, index):
        jitter = random.random() + np.random.rand() + self.rng.random() + torch.rand(()).item()  # noqa: NPY002  users' do
        return self.x[index] + 0.01 * jitter, self.y[index]


class Loop:
    """A user's training loop with everything that can go wrong, stopped in the middle of an epoch."""

    def __init__(self, *, make=None, generator=True, schedule="cosine"):
        torch.manual_seed(0)
        random.seed(0)
        np.random.seed(0)  # noqa: NPY002  the global generator is meant
        self.model = torch.nn.Sequential(
            torch.nn.Linear(6, 16),
            torch.nn.BatchNorm1d(16),
            torch.nn.ReLU(),
            torch.nn.Dropout(0.3),
            torch.nn.Linear(16, 3),
        )
        self.model[0].bias.requires_grad_(False)
        make = make or (lambda model: torch.optim.SGD(groups(model), lr=0.05, momentum=0.9, nesterov=True))
        self.optimizer = make(self.model)
        own = torch.Generator().manual_seed(4) if generator else None
        self.loader = torch.utils.data.DataLoader(Noisy(), batch_size=8, shuffle=True, generator=own)
        self.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=3)
        self.loss_fn = torch.nn.CrossEntropyLoss()
        self.scheduler = SCHEDULERS[schedule](self.optimizer)
        self.batches = self.endless()
        self.run(11)
        for group in self.optimizer.param_groups:  # an accumulation under way
            for parameter in group["params"]:
                assert parameter.grad is not None

    def one_class(self, output, target):
        """Return a loss that can be learned: the labels themselves are random."""
        return self.loss_fn(output, torch.zeros_like(target))

    def endless(self):
        while True:
            yield from self.loader

    def run(self, steps):
        losses = []
        for x, y in itertools.islice(self.batches, steps):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = self.loss_fn(self.model(x), y)
            self.optimizer.zero_grad()
            self.scaler.scale(loss).backward()
            self.scaler.step(self.optimizer)
            self.scaler.update()
            if self.scheduler is not None:
                self.scheduler.step()
            losses.append(loss.item())
        return losses

    def task(self, **options):
        given = {"scaler": self.scaler, "scheduler": self.scheduler, "autocast": torch.bfloat16} | options
        return task(self.model, self.optimizer, self.loader, given.pop("loss_fn", self.loss_fn), **given)

    def everything(self):
        return (
            [p.detach().clone() for p in self.model.parameters()],
            [b.clone() for b in self.model.buffers()],
            [float(group["lr"]) for group in self.optimizer.param_groups],
        )


def groups(model):
    return [
        {"params": [model[0].weight, model[1].weight], "lr": 0.05},
        {"params": [model[1].bias, *model[4].parameters()], "lr": 0.01, "weight_decay": 1e-2},
    ]


PLAN = sf.Schedule(0.05, (sf.ramp(0.1, 1, 8), sf.ramp(1, 0, 40, "cosine")))


SCHEDULERS = {
    "none": lambda _: None,
    "cosine": lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40),
    "lambda": lambda optimizer: torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1 / (1 + t)),
    "surefoot": lambda optimizer: Scheduler(optimizer, PLAN),
    "strict": lambda optimizer: Scheduler(optimizer, PLAN, strict=True),
}


def same(a, b):
    return all(
        torch.equal(x, y) if isinstance(x, torch.Tensor) else x == y
        for p, q in zip(a, b, strict=True)
        for x, y in zip(p, q, strict=True)
    )


def check(disturb, **options):
    """Run 20 steps of two equal loops, one of them disturbed before; compare everything bit for bit."""
    plain = Loop(**options)
    start, expected, end = plain.everything(), plain.run(20), plain.everything()
    loop = Loop(**options)
    identities = [id(p) for p in loop.model.parameters()]
    grads = [p.grad for p in loop.model.parameters()]
    disturb(loop)
    assert same(loop.everything(), start)
    assert [id(p) for p in loop.model.parameters()] == identities
    assert all(p.grad is grad for p, grad in zip(loop.model.parameters(), grads, strict=True))
    assert loop.run(20) == expected
    assert same(loop.everything(), end)
    if isinstance(loop.scheduler, Scheduler):
        assert loop.scheduler.get_last_lr() == plain.scheduler.get_last_lr()


def several_trials(loop, **options):
    trial = loop.task(**options)
    for lr in (1e-3, 1e-1, 3.0):
        readings = list(itertools.islice(trial(sf.Schedule(lr, (sf.hold(None),)), seed=3), 9))
        assert len(readings) == 9
        assert all(reading.lr == lr for reading in readings)


@pytest.mark.parametrize("schedule", SCHEDULERS)
@pytest.mark.parametrize("generator", [True, False])
def test_the_next_twenty_steps_are_bit_identical(schedule, generator):
    check(several_trials, schedule=schedule, generator=generator)


def tensor_rates(model):
    parts = [group | {"lr": torch.tensor(group["lr"])} for group in groups(model)]
    return torch.optim.AdamW(parts, lr=torch.tensor(0.05))


@pytest.mark.parametrize("make", [None, tensor_rates])
def test_a_strict_scheduler_sees_no_other_writer_afterwards(make):
    check(several_trials, schedule="strict", make=make)


def interleaved(loop):
    trial = loop.task()
    runs = [trial(sf.Schedule(lr, (sf.hold(None),)), seed=1) for lr in (0.01, 1.0)]
    for run in [*runs, *runs, runs[1], runs[0]]:
        next(run)
    for run in runs:
        run.close()


def abandoned(loop):
    next(loop.task()(sf.Schedule(0.1, (sf.hold(None),))))


def ended(loop):
    assert len(list(loop.task()(sf.Schedule(0.1, (sf.hold(5),))))) == 5


def judged(loop):
    trial = loop.task(val_loader=loop.loader)
    for reading in itertools.islice(trial(sf.Schedule(0.1, (sf.hold(None),))), 3):
        assert reading.val_loss() > 0


def evaluating(loop):
    loop.model.eval()
    with torch.no_grad():
        several_trials(loop)
    assert not any(module.training for module in loop.model.modules())
    loop.model.train()


def accumulated(loop):
    several_trials(loop, accumulate=3, clip=0.1)


def raising(error):
    def disturb(loop):
        calls = itertools.count()

        def loss_fn(output, target):
            if next(calls) == 4:
                raise error
            return loop.loss_fn(output, target)

        with pytest.raises(type(error), match="stop here"):
            list(loop.task(loss_fn=loss_fn)(sf.Schedule(0.1, (sf.hold(None),)), seed=1))

    return disturb


def nan_at_once(loop):
    trial = loop.task(loss_fn=lambda output, _: output.sum() * math.nan)
    readings = list(trial(sf.Schedule(0.1, (sf.hold(None),))))
    assert len(readings) == 1
    assert math.isnan(readings[0].loss)


def nan_without_a_scaler(loop):
    trial = loop.task(loss_fn=lambda output, _: output.sum() * math.nan, scaler=None, restore=[loop.scaler])
    readings = list(itertools.islice(trial(sf.Schedule(0.1, (sf.hold(None),))), 4))
    assert all(math.isnan(reading.loss) for reading in readings)


def own_steps(loop):
    def step_fn(batch):
        x, y = batch
        loop.optimizer.zero_grad()
        loss = loop.loss_fn(loop.model(x), y)
        loop.scaler.scale(loss).backward()
        loop.scaler.step(loop.optimizer)
        loop.scaler.update()
        if loop.scheduler is not None:
            loop.scheduler.step()
        return loss

    trial = task(loop.model, loop.optimizer, loop.loader, step_fn=step_fn, scaler=loop.scaler, scheduler=loop.scheduler)
    schedule = sf.Schedule(0.5, (sf.ramp(0, 1, 10),))
    used = [reading.lr for reading in trial(schedule)]
    assert used == schedule.array().tolist()


def own_steps_with_hidden_helpers(loop):
    average = torch.optim.swa_utils.AveragedModel(loop.model)
    noise, seen = torch.Generator().manual_seed(1), []
    before, state = [p.clone() for p in average.parameters()], noise.get_state()

    def step_fn(batch):
        x, y = batch
        loop.optimizer.zero_grad()
        loss = loop.loss_fn(loop.model(x + torch.randn(x.shape, generator=noise)), y)
        loss.backward()
        loop.optimizer.step()
        average.update_parameters(loop.model)
        HELPERS["scheduler"].step()
        seen.append(float(loss.detach()))
        return loss

    HELPERS["scheduler"] = loop.scheduler
    losses = [r.loss for r in task(loop.model, loop.optimizer, loop.loader, step_fn=step_fn)(PLAN)]
    assert seen == losses
    assert all(torch.equal(p, q) for p, q in zip(average.parameters(), before, strict=True))
    assert torch.equal(noise.get_state(), state)


HELPERS = {}


def found(loop, loss_fn=None, **options):
    given = {"scaler": loop.scaler, "scheduler": loop.scheduler, "autocast": torch.bfloat16, "total": 120} | options
    return find(loop.model, loop.optimizer, loop.loader, loss_fn or loop.loss_fn, **given)


def found_and_judged(loop):
    assert found(loop, val_loader=loop.loader, budget=0.5).cost_steps <= 60


def found_in_a_range_test(loop):
    assert found(loop, total=None).cost_steps <= 100


def tuned(loop):
    given = {"scaler": loop.scaler, "scheduler": loop.scheduler, "autocast": torch.bfloat16, "total": 80}
    assert tune(loop.model, loop.optimizer, loop.loader, loop.loss_fn, **given).cost_steps <= 40


def branched(loop, loss_fn=None):
    """Tune so that a trial goes on from where a shorter one was before its cooldown."""
    given = {"scaler": loop.scaler, "scheduler": loop.scheduler, "autocast": torch.bfloat16, "total": 80, "budget": 3}
    recipe = lambda peak, total: sf.constant(peak, total=total)
    return tune(loop.model, loop.optimizer, loop.loader, loss_fn or loop.one_class, recipe=recipe, **given)


@pytest.fixture(autouse=True)
def _far(monkeypatch):
    """Let trials be moved so far that some always go on from others."""
    monkeypatch.setattr(branching, "SNAP", 3.0)


def tuned_with_a_branch(loop):
    assert any(trial.since for trial in branched(loop).curve.trials)


def branch_fails(error):
    def disturb(loop):
        curve = branched(loop).curve
        first = next(k for k, trial in enumerate(curve.trials) if trial.since)
        before = len(curve.test_lrs) + sum(trial.steps for trial in curve.trials[:first])
        calls = itertools.count(-before - 4)

        def loss_fn(output, target):
            if next(calls) == 0:
                raise error
            return loop.one_class(output, target)

        if isinstance(error, KeyboardInterrupt):
            assert len(branched(loop, loss_fn).curve.trials) == first
            return
        with pytest.raises(TaskError, match="stop here"):
            branched(loop, loss_fn)

    return disturb


def failing(loop, error):
    calls = itertools.count()

    def loss_fn(output, target):
        if next(calls) == 7:
            raise error
        return loop.loss_fn(output, target)

    return found(loop, loss_fn)


def find_fails(loop):
    with pytest.raises(TaskError, match="stop here"):
        failing(loop, ValueError("stop here"))


def find_interrupted(loop):
    assert "interrupted" in failing(loop, KeyboardInterrupt()).why


def find_nan(loop):
    with pytest.raises(TaskError, match="nan at its first update"):
        found(loop, lambda output, _: output.sum() * math.nan)


def find_nan_without_a_scaler(loop):
    with pytest.raises(TaskError, match="nan at its first update"):
        found(loop, lambda output, _: output.sum() * math.nan, scaler=None)


def find_without_batches(loop):
    with pytest.raises(TaskError, match="loader is empty"):
        find(loop.model, loop.optimizer, [], loop.loss_fn, total=100)


DISTURBANCES = {
    "find": found,
    "find and judge": found_and_judged,
    "range test": found_in_a_range_test,
    "tune": tuned,
    "tune: branch": tuned_with_a_branch,
    "tune: branch raises": branch_fails(ValueError("stop here")),
    "tune: branch is interrupted": branch_fails(KeyboardInterrupt()),
    "find: loss_fn raises": find_fails,
    "find: interrupt": find_interrupted,
    "find: nan": find_nan,
    "find: nan without a scaler": find_nan_without_a_scaler,
    "find: empty": find_without_batches,
    "interleaved": interleaved,
    "abandoned": abandoned,
    "ended": ended,
    "judged": judged,
    "evaluating": evaluating,
    "accumulated": accumulated,
    "loss_fn raises": raising(ValueError("stop here")),
    "interrupt": raising(KeyboardInterrupt("stop here")),
    "nan": nan_at_once,
    "nan without a scaler": nan_without_a_scaler,
    "own steps": own_steps,
    "own steps with hidden helpers": own_steps_with_hidden_helpers,
}


@pytest.mark.parametrize("disturb", DISTURBANCES.values(), ids=DISTURBANCES)
@pytest.mark.parametrize("schedule", ["cosine", "surefoot"])
def test_whatever_happens_everything_is_put_back(disturb, schedule):
    check(disturb, schedule=schedule)


OPTIMIZERS = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1),
    "SGD momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "SGD tensor lr": lambda p: torch.optim.SGD(p, lr=torch.tensor(0.1), momentum=0.9),
    "Adam": lambda p: torch.optim.Adam(p, lr=1e-2),
    "Adam amsgrad": lambda p: torch.optim.Adam(p, lr=1e-2, amsgrad=True),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=1e-2),
    "AdamW fused": lambda p: torch.optim.AdamW(p, lr=1e-2, fused=True),
    "AdamW foreach": lambda p: torch.optim.AdamW(p, lr=1e-2, foreach=True),
    "AdamW tensor lr": lambda p: torch.optim.AdamW(p, lr=torch.tensor(1e-2)),
    "Adamax": lambda p: torch.optim.Adamax(p, lr=1e-2),
    "NAdam": lambda p: torch.optim.NAdam(p, lr=1e-2),
    "RAdam": lambda p: torch.optim.RAdam(p, lr=1e-2),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=1e-2),
    "Adadelta": lambda p: torch.optim.Adadelta(p, lr=1.0),
    "Adafactor": lambda p: torch.optim.Adafactor(p, lr=1e-2),
    "ASGD": lambda p: torch.optim.ASGD(p, lr=1e-2),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=1e-3, momentum=0.9, centered=True),
    "Rprop": lambda p: torch.optim.Rprop(p, lr=1e-2),
    "Muon": lambda p: torch.optim.Muon(p, lr=1e-2),
    "LBFGS": lambda p: torch.optim.LBFGS(p, lr=0.1, max_iter=4),
    "LBFGS wolfe": lambda p: torch.optim.LBFGS(p, lr=0.1, max_iter=4, line_search_fn="strong_wolfe"),
    "SparseAdam": lambda p: torch.optim.SparseAdam(p, lr=1e-2),
}

# Muon and Adafactor are younger than the oldest torch that is supported.
OPTIMIZERS = {name: make for name, make in OPTIMIZERS.items() if hasattr(torch.optim, name.split()[0])}


class Small:
    """A loop without data: the optimizer is all that matters."""

    def __init__(self, make, *, warm):
        torch.manual_seed(0)
        sparse = make is OPTIMIZERS["SparseAdam"]
        self.model = (
            torch.nn.Embedding(6, 3, sparse=True) if sparse else torch.nn.Sequential(torch.nn.Linear(4, 3, bias=False))
        )
        self.x = torch.arange(4) if sparse else torch.randn(8, 4)
        self.optimizer = make(list(self.model.parameters()))
        self.run(warm)

    def closure(self):
        self.optimizer.zero_grad()
        loss = (self.model(self.x) - 1).square().mean()
        loss.backward()
        return loss

    def run(self, steps):
        return [self.optimizer.step(self.closure).item() for _ in range(steps)]


def flat(value):
    if isinstance(value, torch.Tensor):
        return [value.detach().to_dense().double().flatten().tolist(), value.dtype]
    if isinstance(value, dict):
        return [(key, flat(part)) for key, part in value.items()]
    return [flat(part) for part in value] if isinstance(value, (list, tuple)) else value


def tensors(value):
    if isinstance(value, torch.Tensor):
        return [id(value)]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return [one for part in parts for one in tensors(part)]


@pytest.mark.parametrize("warm", [0, 3])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_is_put_back_bit_for_bit(name, warm):
    plain, other = Small(OPTIMIZERS[name], warm=warm), Small(OPTIMIZERS[name], warm=warm)
    before = [tensors(dict(other.optimizer.state)), tensors(other.optimizer.param_groups)]
    trial = task(other.model, other.optimizer, [other.x], lambda output, _: (output - 1).square().mean())
    for lr in (0.01, 10.0):
        assert len(list(trial(sf.Schedule(lr, (sf.hold(6),))))) == 6
    assert [tensors(dict(other.optimizer.state)), tensors(other.optimizer.param_groups)] == before
    assert flat(other.optimizer.state_dict()) == flat(plain.optimizer.state_dict())
    assert other.run(5) == plain.run(5)
    assert flat(dict(other.model.named_parameters())) == flat(dict(plain.model.named_parameters()))
