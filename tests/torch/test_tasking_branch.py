"""Branches of a run, and runs that take turns: each is bit for bit the run it would have been alone."""

import itertools
import pickle

import pytest
import torch

import surefoot as sf
from surefoot.torch.tasking import task

TRUNK = sf.Schedule(0.1, (sf.hold(None),))
DECAY = sf.Schedule(0.1, (sf.hold(7), sf.ramp(1, 0, 8)))
STEP = {"lr": 0.1, "momentum": 0.9}


class Counted(torch.utils.data.IterableDataset):
    """A stream of its own random numbers, of unknown length."""

    def __init__(self):
        self.rng = torch.Generator().manual_seed(9)
        self.epoch = 0

    def __iter__(self):
        self.epoch += 1
        for _ in range(5 + self.epoch):
            yield torch.randn(4, 3, generator=self.rng), torch.ones(4, 1)


def shuffled(generator=None):
    source = torch.Generator().manual_seed(1)
    pairs = torch.utils.data.TensorDataset(*(torch.randn(20, n, generator=source) for n in (3, 1)))
    return torch.utils.data.DataLoader(pairs, batch_size=4, shuffle=True, generator=generator)


LOADERS = {
    "list": lambda: [(torch.ones(2, 3) * k, torch.zeros(2, 1)) for k in range(4)],
    "shuffled": shuffled,
    "shuffled by its own generator": lambda: shuffled(torch.Generator().manual_seed(2)),
    "stream": lambda: torch.utils.data.DataLoader(Counted(), batch_size=None),
}
MAKERS = {
    "SGD": lambda p: torch.optim.SGD(p, **STEP),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.1),
    "LBFGS": lambda p: torch.optim.LBFGS(p, lr=0.1, max_iter=3),
}


def trial_of(loader, optimizer):
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(3, 8), torch.nn.Dropout(0.5), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 1)
    )
    return task(model, MAKERS[optimizer](model.parameters()), LOADERS[loader](), torch.nn.MSELoss())


def losses(run, steps=None):
    return [reading.loss for reading in itertools.islice(run, steps)]


@pytest.mark.parametrize("optimizer", MAKERS)
@pytest.mark.parametrize("loader", LOADERS)
def test_a_branch_is_the_uninterrupted_run(loader, optimizer):
    trial = trial_of(loader, optimizer)
    whole = losses(trial(DECAY, seed=3))
    straight = losses(trial(TRUNK, seed=3), 15)
    trunk = trial(TRUNK, seed=3)
    assert losses(trunk, 7) == whole[:7]
    branch = trial.snapshot()
    assert branch.step == 7
    first = list(trial.resume(branch, DECAY))
    assert [reading.step for reading in first] == list(range(7, 15))
    assert [reading.loss for reading in first] == whole[7:]
    assert losses(trunk, 3) == straight[7:10]
    trunk.close()
    assert losses(trial.resume(branch, DECAY)) == whole[7:]
    assert losses(trial.resume(branch, TRUNK), 8) == straight[7:]


@pytest.mark.parametrize("loader", LOADERS)
def test_runs_that_take_turns_do_not_see_one_another(loader):
    trial = trial_of(loader, "AdamW")
    weights = [p.detach().clone() for p in trial.setup.parameters]
    schedules = [sf.Schedule(lr, (sf.hold(9),)) for lr in (1e-3, 1e-1, 10.0)]
    alone = [losses(trial(schedule, seed=1)) for schedule in schedules]
    runs = [trial(schedule, seed=1) for schedule in schedules]
    turns = [[next(run).loss for run in runs] for _ in range(9)]
    assert [list(column) for column in zip(*turns, strict=True)] == alone
    for run in runs:
        run.close()
    assert all(torch.equal(p, q) for p, q in zip(trial.setup.parameters, weights, strict=True))


def test_runs_may_end_in_any_order():
    trial = trial_of("shuffled", "SGD")
    weights, rng = [p.detach().clone() for p in trial.setup.parameters], torch.get_rng_state()
    first, second = trial(TRUNK), trial(TRUNK)
    next(first)
    next(second)
    first.close()
    assert losses(second, 2)
    second.close()
    assert all(torch.equal(p, q) for p, q in zip(trial.setup.parameters, weights, strict=True))
    assert torch.equal(torch.get_rng_state(), rng)


def test_a_run_begins_from_the_weights_of_the_moment():
    trial = trial_of("list", "SGD")
    before = losses(trial(TRUNK, seed=0), 3)
    with torch.no_grad():
        for parameter in trial.setup.parameters:
            parameter.mul_(2)
    assert losses(trial(TRUNK, seed=0), 3) != before


def test_a_copy_that_was_sent_to_another_process_runs_the_same():
    trial = trial_of("shuffled", "AdamW")
    sent = pickle.loads(pickle.dumps(trial))  # noqa: S301  our own bytes
    expected = losses(trial(DECAY, seed=1))
    assert losses(sent(DECAY, seed=1)) == expected
    assert all(p is not q for p, q in zip(sent.setup.parameters, trial.setup.parameters, strict=True))
