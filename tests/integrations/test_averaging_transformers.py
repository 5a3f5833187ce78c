"""Schedule-Free under transformers' Trainer: every checkpoint holds the evaluation weights, and resumes bit for bit."""

import pytest
import torch
from torch.utils.data import Dataset
from transformers import PretrainedConfig, PreTrainedModel, Trainer, TrainingArguments
from transformers.optimization import get_cosine_schedule_with_warmup

import surefoot as sf
import surefoot.torch as st
from surefoot.errors import ArgumentError
from surefoot.integrations.transformers import WatchCallback


class Numbers(Dataset):
    def __len__(self):
        return 48

    def __getitem__(self, k):
        generator = torch.Generator().manual_seed(k)
        x = torch.randn(4, generator=generator)
        return {"x": x, "labels": x.sum()}


class Model(PreTrainedModel):
    config_class = PretrainedConfig

    def __init__(self, config=None):
        super().__init__(config or PretrainedConfig())
        self.line = torch.nn.Linear(4, 8)
        self.last = torch.nn.Linear(8, 1)
        self.post_init()

    def forward(self, x, labels=None):
        guess = self.last(torch.tanh(self.line(x))).squeeze(-1)
        return {"loss": ((guess - labels) ** 2).mean(), "logits": guess}


def trainer(folder, *, watched=True, scheduler="constant", max_steps=12, **options):
    torch.manual_seed(0)
    model = Model()
    optimizer = st.optim.ScheduleFreeAdamW(model.parameters(), lr=0.05)
    planned = st.Scheduler(optimizer, sf.constant(0.05, warmup=3)) if scheduler == "ours" else None
    if callable(scheduler):
        planned = scheduler(optimizer)
    kind = scheduler if isinstance(scheduler, str) and scheduler != "ours" else "linear"
    arguments = TrainingArguments(
        str(folder), max_steps=max_steps, per_device_train_batch_size=4, logging_steps=1, report_to=[], use_cpu=True,
        disable_tqdm=True, dataloader_pin_memory=False, lr_scheduler_type=kind,
        **{"save_steps": 5, **options},
    )  # fmt: skip
    callbacks = [WatchCallback()] if watched else []
    made = Trainer(
        model, arguments, train_dataset=Numbers(), eval_dataset=Numbers(), optimizers=(optimizer, planned),
        callbacks=callbacks,
    )  # fmt: skip
    return made, model, optimizer


def saved(folder, step):
    return Model.from_pretrained(f"{folder}/checkpoint-{step}").state_dict()


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


class Noting:
    """Note x of every update without touching the run."""

    def __init__(self, model, optimizer):
        self.x = []
        optimizer.register_step_post_hook(
            lambda opt, *_: self.x.append({k: v.clone() for k, v in opt.evaluation_state_dict(model).items()})
        )


@pytest.mark.parametrize("scheduler", ["constant", "ours"])
def test_every_checkpoint_holds_the_evaluation_weights(tmp_path, scheduler):
    made, model, optimizer = trainer(tmp_path, scheduler=scheduler)
    noted = Noting(model, optimizer)
    made.train()
    for step in (5, 10, 12):
        assert same(saved(tmp_path, step), noted.x[step - 1])
    # What is at hand after the training is what was saved.
    assert same(model.state_dict(), noted.x[-1])
    assert torch.equal(model.line.weight, noted.x[-1]["line.weight"])
    made.save_model(str(tmp_path / "checkpoint-last"))
    assert same(saved(tmp_path, "last"), noted.x[-1])


def test_without_a_callback_one_call_does_it(tmp_path):
    made, model, optimizer = trainer(tmp_path, watched=False)
    optimizer.attach(model)
    noted = Noting(model, optimizer)
    made.train()
    assert same(saved(tmp_path, 5), noted.x[4])


def test_the_best_model_is_loaded_as_it_was_saved(tmp_path):
    made, model, optimizer = trainer(
        tmp_path, load_best_model_at_end=True, metric_for_best_model="loss", greater_is_better=True,
        eval_strategy="steps", eval_steps=4, save_steps=4,
    )  # fmt: skip
    noted = Noting(model, optimizer)
    made.train()
    # With greater_is_better the best is the first.
    assert made.state.best_model_checkpoint.endswith("checkpoint-4")
    assert same(model.state_dict(), noted.x[3])
    assert torch.equal(model.line.weight, noted.x[3]["line.weight"])


@pytest.mark.parametrize("watched", [True, False])
def test_resume_is_bit_for_bit(tmp_path, watched):
    whole, model, _ = trainer(tmp_path / "whole", watched=watched)
    whole.train()
    first, *_ = trainer(tmp_path / "parts", watched=watched, max_steps=5)
    first.train()
    second, other, _ = trainer(tmp_path / "parts", watched=watched)
    second.train(resume_from_checkpoint=True)
    assert same(model.state_dict(), other.state_dict())


@pytest.mark.parametrize("scheduler", ["linear", "cosine", get_cosine_schedule_with_warmup])
def test_a_decay_of_the_trainers_own_is_refused(tmp_path, scheduler):
    build = (lambda optimizer: scheduler(optimizer, 2, 12)) if callable(scheduler) else scheduler
    made, *_ = trainer(tmp_path, scheduler=build)
    with pytest.raises(ArgumentError, match=r"lr_scheduler_type='constant' or 'constant_with_warmup'"):
        made.train()


@pytest.mark.parametrize("scheduler", ["constant_with_warmup", "ours"])
def test_what_does_not_decay_is_welcome(tmp_path, scheduler):
    made, *_ = trainer(tmp_path, scheduler=scheduler, max_steps=3, warmup_steps=2)
    made.train()


def test_a_warmup_in_fractions_is_refused_for_the_trainers_own_schedule_free(tmp_path):
    torch.manual_seed(0)
    arguments = TrainingArguments(
        str(tmp_path), max_steps=10, report_to=[], use_cpu=True, disable_tqdm=True, dataloader_pin_memory=False,
        optim="schedule_free_adamw", lr_scheduler_type="constant", warmup_steps=0.2, save_strategy="no",
    )  # fmt: skip
    made = Trainer(Model(), arguments, train_dataset=Numbers(), callbacks=[WatchCallback()])
    with pytest.raises(ArgumentError, match=r"warmup_steps=0.2 reached the optimizer"):
        made.train()
