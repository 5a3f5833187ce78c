"""Whatever is done between two updates, the run is the run, and what is saved is x."""

import copy

import torch
from hypothesis import given
from hypothesis import strategies as some
from torch import nn

import surefoot.torch as st

optim = st.optim
SWITCHES = ("train", "eval", "evaluating", "attach", "detach", "state", "convert", "peek")
RELOADS = ("reload", "reload optimizer first", "fresh", "fresh optimizer first", "copy")
ACTIONS = some.lists(some.sampled_from((*SWITCHES, *RELOADS, "update", "update")), max_size=25)
KINDS = some.sampled_from((optim.ScheduleFreeAdamW, optim.ScheduleFreeSGD, optim.ScheduleFreeRAdam))
DTYPES = some.sampled_from((torch.float32, torch.float64, torch.bfloat16))


class Run:
    """A model and its optimizer, and how many updates they have had; beside them the run that nobody disturbs."""

    def __init__(self, kind, dtype):
        self.kind, self.dtype, self.attached = kind, dtype, False
        self.model, self.optimizer = self.built(0)
        self.plain, self.quiet = self.built(0)
        self.done = 0

    def built(self, seed):
        torch.manual_seed(seed)
        model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2)).to(self.dtype)
        return model, self.kind(model.parameters(), lr=0.05, backend="torch")

    def update(self):
        x = torch.randn(8, 3, generator=torch.Generator().manual_seed(self.done)).to(self.dtype)
        self.optimizer.train()
        for model, optimizer in ((self.model, self.optimizer), (self.plain, self.quiet)):
            optimizer.zero_grad()
            (model(x) - x[:, :2].cos()).square().mean().backward()
            optimizer.step()
        self.done += 1

    def x(self):
        with self.quiet.evaluating():
            return {name: p.detach().clone() for name, p in self.plain.named_parameters()}

    def act(self, action):
        if action in {"train", "eval"}:
            getattr(self.optimizer, action)()
        elif action == "update":
            self.update()
        elif action == "evaluating":
            with self.optimizer.evaluating():
                assert same(dict(self.model.named_parameters()), self.x())
        elif action in {"attach", "detach"}:
            getattr(self.optimizer, action)(self.model)
            self.attached = action == "attach"
        elif action == "state":
            assert same(self.optimizer.evaluation_state_dict(self.model), self.x())
        elif action == "convert":
            pair = copy.deepcopy((self.model.state_dict(), self.optimizer.state_dict()))
            assert same(optim.evaluation_weights(*pair), self.x())
        elif action == "peek":
            self.model.state_dict()
            self.optimizer.state_dict()
        else:
            self.reloaded(action)
        if self.attached:
            assert same(self.model.state_dict(), self.x())

    def reloaded(self, action):
        saved = copy.deepcopy((self.model.state_dict(), self.optimizer.state_dict()))
        if action == "copy":
            self.model, self.optimizer = copy.deepcopy((self.model, self.optimizer))
            self.attached = False
            return
        if action.startswith("fresh"):
            self.model, self.optimizer = self.built(1)
            if self.attached:
                self.optimizer.attach(self.model)
        parts = [(self.model, saved[0]), (self.optimizer, saved[1])]
        for part, state in reversed(parts) if action.endswith("first") else parts:
            part.load_state_dict(state)


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


@given(ACTIONS, KINDS, DTYPES)
def test_nothing_between_two_updates_changes_the_run_or_what_is_saved(actions, kind, dtype):
    run = Run(kind, dtype)
    for action in actions:
        run.act(action)
    run.optimizer.train()
    assert same(dict(run.model.named_parameters()), dict(run.plain.named_parameters()))
    run.update()
    assert same(dict(run.model.named_parameters()), dict(run.plain.named_parameters()))
    assert same(run.optimizer.evaluation_state_dict(run.model), run.x())
