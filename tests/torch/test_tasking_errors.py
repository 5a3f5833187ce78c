"""Bad input: one clear sentence each, and nothing left changed."""

import io
import itertools

import pytest
import torch

import surefoot as sf
from surefoot.errors import ArgumentError, TaskError
from surefoot.torch.tasking import task

MODEL = torch.nn.Linear(2, 1)
OTHER = torch.nn.Linear(2, 1)
SGD = torch.optim.SGD(MODEL.parameters(), lr=0.1)
LBFGS = torch.optim.LBFGS(MODEL.parameters())
MSE = torch.nn.MSELoss()
DATA = [(torch.ones(4, 2), torch.ones(4, 1))]
LOADER = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(4, 2), torch.ones(4, 1)))


def nothing(*_):
    return 0.0


ARGUMENTS = {
    "model": (lambda: task("net", SGD, DATA, MSE), r"model='net' is no torch.nn.Module"),
    "no optimizer": (lambda: task(MODEL, None, DATA, MSE), r"optimizer=None must be at least one"),
    "optimizer": (lambda: task(MODEL, 0.1, DATA, MSE), r"optimizer=float is no torch.optim.Optimizer"),
    "strange parameters": (lambda: task(OTHER, SGD, DATA, MSE), r"holds no parameter of the model"),
    "no loader": (lambda: task(MODEL, SGD, None, MSE), r"loader=None needs a step_fn"),
    "loader": (lambda: task(MODEL, SGD, 3, MSE), r"loader=3 can't be iterated over"),
    "generator": (lambda: task(MODEL, SGD, (b for b in DATA), MSE), r"one-shot iterator.*buffer=True"),
    "zip": (lambda: task(MODEL, SGD, zip(DATA, DATA, strict=True), MSE), r"one-shot iterator"),
    "file": (lambda: task(MODEL, SGD, io.StringIO("a"), MSE), r"one-shot iterator"),
    "loader's iterator": (lambda: task(MODEL, SGD, iter(LOADER), MSE), r"one-shot iterator"),
    "validation iterator": (lambda: task(MODEL, SGD, DATA, MSE, val_loader=iter(DATA)), r"val_loader=.*one-shot"),
    "two validations": (lambda: task(MODEL, SGD, DATA, MSE, val_loader=DATA, validate=nothing), r"pass one of them"),
    "two models": (lambda: task([MODEL, OTHER], SGD, DATA, MSE), r"model holds 2 models"),
    "two steps": (lambda: task(MODEL, SGD, DATA, MSE, step_fn=nothing), r"loss_fn would not be used"),
    "clipped step": (lambda: task(MODEL, SGD, DATA, step_fn=nothing, clip=1.0), r"clip would not be used"),
    "accumulated step": (lambda: task(MODEL, SGD, DATA, step_fn=nothing, accumulate=2), r"accumulate would not be"),
    "accumulate": (lambda: task(MODEL, SGD, DATA, MSE, accumulate=0), r"accumulate=0 must be an int >= 1"),
    "accumulate float": (lambda: task(MODEL, SGD, DATA, MSE, accumulate=2.0), r"accumulate=2.0 must be an int"),
    "clip": (lambda: task(MODEL, SGD, DATA, MSE, clip=0.0), r"clip=0.0 must be > 0"),
    "clip text": (lambda: task(MODEL, SGD, DATA, MSE, clip="1"), r"clip='1' must be > 0"),
    "loss_fn": (lambda: task(MODEL, SGD, DATA, 3), r"loss_fn=3 can't be called"),
    "step_fn": (lambda: task(MODEL, SGD, DATA, step_fn="step"), r"step_fn='step' can't be called"),
    "autocast": (lambda: task(MODEL, SGD, DATA, MSE, autocast="bf16"), r"autocast='bf16' must be a dtype"),
    "scaled closure": (
        lambda: task(MODEL, LBFGS, DATA, MSE, scaler=torch.amp.GradScaler("cpu")),
        r"scaler can't be used with an optimizer that takes a closure",
    ),
    "schedule": (lambda: next(task(MODEL, SGD, DATA, MSE)(0.1)), r"schedule=0.1 must be a Schedule"),
    "schedules": (lambda: next(task(MODEL, SGD, DATA, MSE)({"a": nothing})), r"schedule has the names \['a'\]"),
    "momentum": (lambda: next(task(MODEL, LBFGS, DATA, MSE)(nothing, momentum=0.5)), r"no group .* has a momentum"),
}


@pytest.mark.parametrize(("make", "message"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def losing(loss_fn, **options):
    return lambda: task(MODEL, SGD, DATA, loss_fn, **options)


class Once:
    """Iterable, but only once, which nobody can see from outside."""

    def __init__(self):
        self.batches = iter(DATA)

    def __iter__(self):
        return self.batches


RUNS = {
    "a vector": (losing(lambda out, _: out), r"loss_fn gave a tensor of shape \(4, 1\) instead of a scalar"),
    "a float": (losing(lambda out, _: out.mean().item()), r"loss_fn gave float .* instead of a scalar tensor"),
    "no loss": (losing(lambda *_: None), r"loss_fn gave NoneType"),
    "no gradient": (losing(lambda out, _: out.detach().mean()), r"the loss has no gradient"),
    "a forgotten loss_fn": (losing(None), r"other inputs than the 2 of a batch.*was loss_fn forgotten"),
    "an output that is no loss": (
        lambda: task(MODEL, SGD, [torch.ones(4, 2)], None),
        r"the model's output gave a tensor of shape \(4, 1\)",
    ),
    "inputs that do not fit": (
        lambda: task(MODEL, SGD, [(torch.ones(4, 2),) * 3], MSE),
        r"other inputs than the 2 of a batch",
    ),
    "an empty list": (lambda: task(MODEL, SGD, [], MSE), r"loader is empty: it yielded no batch"),
    "an empty loader": (
        lambda: task(MODEL, SGD, torch.utils.data.DataLoader(LOADER.dataset, batch_size=9, drop_last=True), MSE),
        r"loader is empty",
    ),
    "a loader that ends for good": (lambda: task(MODEL, SGD, Once(), MSE), r"yielded nothing when it was begun again"),
    "a step that says nothing": (lambda: task(MODEL, SGD, DATA, step_fn=lambda _: None), r"step_fn returned None"),
    "a step with a vector": (lambda: task(MODEL, SGD, DATA, step_fn=lambda b: b[0]), r"shape \(4, 2\)"),
    "a step that makes none": (lambda: task(MODEL, SGD, DATA, step_fn=nothing), r"no optimizer made a step"),
}


@pytest.mark.parametrize(("make", "message"), RUNS.values(), ids=RUNS)
def test_runs_that_cannot_go_on_say_why_and_change_nothing(make, message):
    weight, rng = MODEL.weight.detach().clone(), torch.get_rng_state()
    MODEL.eval()
    with pytest.raises(TaskError, match=message):
        list(make()(sf.Schedule(0.1, (sf.hold(100),)), seed=1))
    assert torch.equal(MODEL.weight, weight)
    assert torch.equal(torch.get_rng_state(), rng)
    assert not MODEL.training
    assert not SGD.state
    assert MODEL.weight.grad is None
    assert not SGD._optimizer_step_pre_hooks
    assert not SGD._optimizer_step_post_hooks


def test_a_loss_of_the_moment_cannot_be_asked_for_later():
    run = task(MODEL, SGD, DATA, MSE, val_loader=DATA)(sf.Schedule(0.1, (sf.hold(None),)))
    first = next(run)
    next(run)
    with pytest.raises(TaskError, match="after its run had moved on"):
        first.val_loss()
    run.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [({"val_loader": []}, "val_loader is empty"), ({"validate": lambda: "good"}, "validate returned 'good'")],
)
def test_validation_that_gives_no_number_says_so(options, message):
    run = task(MODEL, SGD, DATA, MSE, **options)(sf.Schedule(0.1, (sf.hold(None),)))
    with pytest.raises(TaskError, match=message):
        next(run).val_loss()
    run.close()


def test_a_run_that_was_closed_from_outside_says_so():
    trial = task(MODEL, SGD, DATA, MSE)
    weight = MODEL.weight.detach().clone()
    run = trial(sf.Schedule(0.1, (sf.hold(None),)))
    next(run)
    trial.close()
    assert torch.equal(MODEL.weight, weight)
    with pytest.raises(TaskError, match="was ended by"):
        next(run)
    assert torch.equal(MODEL.weight, weight)


def test_there_is_no_snapshot_where_no_run_is_under_way():
    with pytest.raises(TaskError, match="no run is under way"):
        task(MODEL, SGD, DATA, MSE).snapshot()


def test_every_update_that_amp_skips_ends_the_run_as_diverged():
    scaler = torch.amp.GradScaler("cpu")
    run = task(MODEL, SGD, DATA, lambda out, _: out.mean() * float("inf"), scaler=scaler)
    readings = list(itertools.islice(run(sf.Schedule(0.1, (sf.hold(None),))), 5))
    assert len(readings) == 1
    assert readings[0].loss != readings[0].loss
