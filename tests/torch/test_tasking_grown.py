"""Trials of live objects that go on from before the cooldown of shorter ones: equal to fresh ones, and all put back."""

import gc
import weakref

import pytest
import torch

import surefoot as sf
from surefoot.search import branching
from surefoot.search.branching import KEPT
from surefoot.search.rungs import probe
from surefoot.search.running import Request, run_trial
from surefoot.search.shelf import branches
from surefoot.search.tuning import tune
from surefoot.torch.consenting import Consent, agreeing
from surefoot.torch.finding import tune as tune_objects
from surefoot.torch.tasking import ObjectTask, task

TOTAL = 400


@pytest.fixture(autouse=True)
def _far(monkeypatch):
    """Let trials be moved so far that some always go on from others, wherever the search places them."""
    monkeypatch.setattr(branching, "SNAP", 3.0)


def steadily(peak, total):
    return sf.constant(peak, total=total)


class Problem:
    """A small regression with everything random: shuffled batches, dropout, augmentation; its updates are counted."""

    def __init__(self, make=torch.optim.AdamW):
        torch.manual_seed(0)
        x = torch.randn(512, 10)
        y = torch.tanh(x @ torch.linspace(-1, 1, 10)[:, None]) + 0.3 * torch.randn(512, 1)
        self.loader = torch.utils.data.DataLoader(
            torch.utils.data.TensorDataset(x[:384], y[:384]), batch_size=16, shuffle=True
        )
        self.judging = [(x[384:], y[384:])]
        hidden = [torch.nn.Linear(10, 24), torch.nn.BatchNorm1d(24), torch.nn.ReLU(), torch.nn.Dropout(0.2)]
        self.model = torch.nn.Sequential(*hidden, torch.nn.Linear(24, 1))
        self.optimizer = make(self.model.parameters(), lr=1e-3)
        self.loss_fn = torch.nn.MSELoss()
        self.updates = 0
        self.optimizer.register_step_post_hook(self._count)

    def _count(self, *_):
        self.updates += 1

    def task(self):
        return task(self.model, self.optimizer, self.loader, self.loss_fn, val_loader=self.judging)

    def state(self):
        parts = [*self.model.state_dict().values(), torch.get_rng_state()]
        return [part.clone() for part in parts], str(self.optimizer.state_dict())


def same(a, b):
    return a[1] == b[1] and all(map(torch.equal, a[0], b[0]))


def grown(peak):
    return [trial for trial in peak.curve.trials if trial.since]


@pytest.mark.parametrize("make", [torch.optim.AdamW, torch.optim.Adagrad])
def test_continued_trials_are_fresh_ones_bit_for_bit(make):
    problem = Problem(make)
    before = problem.state()
    peak = tune(problem.task(), total=TOTAL, budget=3, recipe=steadily)
    assert problem.updates == peak.cost_steps
    assert same(problem.state(), before)
    assert grown(peak)
    for trial in grown(peak):
        whole = "run" in trial.stage
        schedule = steadily(trial.lr, trial.total) if whole else probe(trial.lr, trial.total)
        fresh = run_trial(Request(Problem(make).task(), schedule, trial.lr, trial.total))
        assert (fresh.loss, fresh.losses, fresh.start, fresh.status) == (
            trial.loss,
            trial.losses,
            trial.start,
            trial.status,
        )
        assert fresh.steps == trial.steps + trial.since == trial.total


@pytest.mark.parametrize("recipe", [None, steadily])
@pytest.mark.parametrize("budget", [0.5, 1.0, 3.0])
def test_the_cost_counted_from_outside_is_within_the_budget(budget, recipe):
    problem = Problem()
    peak = tune_objects(
        problem.model,
        problem.optimizer,
        problem.loader,
        problem.loss_fn,
        val_loader=problem.judging,
        total=TOTAL,
        budget=budget,
        recipe=recipe,
    )
    assert problem.updates == peak.cost_steps
    assert problem.updates + 3 * (len(peak.curve.trials) + 1) <= budget * TOTAL


def test_a_steady_recipe_costs_less_than_fresh_trials_would():
    problem, other = Problem(), Problem().task()
    peak = tune(problem.task(), total=TOTAL, budget=3, recipe=steadily)
    plain = tune(lambda schedule, seed=0: other(schedule, seed=seed), total=TOTAL, budget=3, recipe=steadily)
    assert peak.cost_steps < plain.cost_steps
    assert not grown(plain)


def test_no_more_than_four_copies_are_alive_and_none_afterwards(monkeypatch):
    alive, most = weakref.WeakSet(), []
    taken = ObjectTask.snapshot

    def snapshot(self):
        branch = taken(self)
        alive.add(branch)
        gc.collect()
        most.append(len(alive))
        return branch

    monkeypatch.setattr(ObjectTask, "snapshot", snapshot)
    peak = tune(Problem().task(), total=TOTAL, budget=3, recipe=steadily)
    gc.collect()
    assert grown(peak)
    assert max(most) <= 2 * KEPT
    assert not alive


def test_killed_between_trials_and_resumed_the_answer_is_the_same(tmp_path):
    path = tmp_path / "j"
    whole = tune(Problem().task(), total=TOTAL, budget=3, recipe=steadily, journal=path)
    lines = path.read_bytes().splitlines(keepends=True)
    first = next(k for k, trial in enumerate(whole.curve.trials) if trial.since)
    # The header and the range test come before the trials: the one that goes on is the next to be run.
    path.write_bytes(b"".join(lines[: 2 + first]))
    problem = Problem()
    again = tune(problem.task(), total=TOTAL, budget=3, recipe=steadily, journal=path)
    assert (again.lr, again.why, again.cost_steps) == (whole.lr, whole.why, whole.cost_steps)
    assert [(t.lr, t.loss, t.steps, t.losses) for t in again.curve.trials] == [
        (t.lr, t.loss, t.steps, t.losses) for t in whole.curve.trials
    ]
    paid = sum(trial.steps for trial in whole.curve.trials[first:])
    stage = whole.curve.trials[first].stage
    lost = sum(trial.since for trial in whole.curve.trials[first:] if trial.stage == stage)
    assert problem.updates == paid + lost


def test_ranks_that_must_agree_start_every_trial_afresh():
    trial = Problem().task()
    assert branches(trial)
    assert not branches(agreeing(trial, Consent(None, lambda: False)))
