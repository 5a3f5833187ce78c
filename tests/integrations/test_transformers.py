"""A real training under transformers' Trainer: the rates applied, logged, and resumed are the schedule's."""

import pytest
import torch
from torch.utils.data import Dataset
from transformers import Trainer, TrainingArguments

import surefoot.torch as st
from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import ramp

PLAN = Schedule(0.1, (ramp(0, 1, 3), ramp(1, 0, 9, "cosine")))


class Numbers(Dataset):
    def __len__(self):
        return 48

    def __getitem__(self, k):
        x = torch.linspace(-1, 1, 4) * (k % 5)
        return {"x": x, "labels": x.sum()}


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.line = torch.nn.Linear(4, 1)

    def forward(self, x, labels=None):
        guess = self.line(x).squeeze(-1)
        return {"loss": ((guess - labels) ** 2).mean(), "logits": guess}


def trainer(folder, accumulation=1, max_steps=12):
    torch.manual_seed(0)
    model = Model()
    optimizer = torch.optim.AdamW([{"params": [model.line.weight]}, {"params": [model.line.bias], "lr": 0.05}], lr=0.1)
    scheduler = st.Scheduler(optimizer, PLAN)
    arguments = TrainingArguments(
        str(folder), max_steps=max_steps, per_device_train_batch_size=2, gradient_accumulation_steps=accumulation,
        logging_steps=1, save_steps=5, report_to=[], use_cpu=True, disable_tqdm=True, dataloader_pin_memory=False,
        learning_rate=0.1,
    )  # fmt: skip
    made = Trainer(model, arguments, train_dataset=Numbers(), optimizers=(optimizer, scheduler))
    made.seen = []
    optimizer.register_step_pre_hook(lambda opt, *_: made.seen.append([group["lr"] for group in opt.param_groups]))
    return made, scheduler


def planned(start, stop):
    return [[PLAN(t), PLAN(t) * 0.5] for t in range(start, stop)]


@pytest.mark.parametrize("accumulation", [1, 2])
def test_the_applied_and_the_logged_rates_are_the_schedule(tmp_path, accumulation):
    made, scheduler = trainer(tmp_path, accumulation)
    made.train()
    assert made.seen == planned(0, 12)
    assert scheduler.position == 12
    logged = [entry["learning_rate"] for entry in made.state.log_history if "learning_rate" in entry]
    assert logged == pytest.approx([PLAN(t) for t in range(12)])


def test_resume_goes_on_where_the_checkpoint_stands(tmp_path):
    trainer(tmp_path, max_steps=5)[0].train()
    made, scheduler = trainer(tmp_path)
    made.train(resume_from_checkpoint=True)
    assert made.seen == planned(5, 12)
    assert scheduler.position == 12
    assert scheduler.changes == ()
