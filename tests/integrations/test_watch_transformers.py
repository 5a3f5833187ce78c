"""A real training under transformers' Trainer, watched: losses before the filter, rates as applied, stops."""

import logging
import math

import pytest
import torch
from torch.utils.data import Dataset
from transformers import Trainer, TrainingArguments

import surefoot as sf
from surefoot.errors import ArgumentError
from surefoot.integrations.transformers import WatchCallback


class Numbers(Dataset):
    """Rows of one shape; from the ``bad`` one on they are NaN."""

    def __init__(self, bad=None):
        self.bad = bad

    def __len__(self):
        return 96

    def __getitem__(self, k):
        x = torch.linspace(-1, 1, 4) * (k % 5)
        return {"x": x * (math.nan if self.bad is not None and k >= self.bad else 1.0), "labels": x.sum()}


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.line = torch.nn.Linear(4, 1)
        self.losses = []

    def forward(self, x, labels=None):
        guess = self.line(x).squeeze(-1)
        if labels is None:
            return {"logits": guess}
        loss = ((guess - labels) ** 2).mean()
        if self.training:
            self.losses.append(loss.item())
        return {"loss": loss, "logits": guess}


class InOrder(Trainer):
    def _get_train_sampler(self, *_):
        return torch.utils.data.SequentialSampler(self.train_dataset)


def train(folder, callback, *, bad=None, accumulation=1, max_steps=12, log_every=1, evaluate=False, **more):
    torch.manual_seed(0)
    model = Model()
    arguments = TrainingArguments(
        str(folder), max_steps=max_steps, per_device_train_batch_size=2, gradient_accumulation_steps=accumulation,
        logging_steps=log_every, save_strategy="no", report_to=[], use_cpu=True, disable_tqdm=True,
        dataloader_pin_memory=False, learning_rate=0.01, lr_scheduler_type="linear", weight_decay=0.1,
        eval_strategy="steps" if evaluate else "no", eval_steps=4,
    )  # fmt: skip
    trainer = InOrder(
        model, arguments, train_dataset=Numbers(bad), eval_dataset=Numbers(), callbacks=[callback], **more
    )
    trainer.train()
    return trainer, model


def watched(folder):
    return sf.read(folder / "watch.jsonl")


def test_every_update_is_watched_with_its_loss_and_the_rate_that_was_applied(tmp_path):
    callback = WatchCallback(log=tmp_path / "watch.jsonl")
    _, model = train(tmp_path, callback, log_every=4)
    found = watched(tmp_path)
    assert found["step"].tolist() == list(range(12))
    assert found["loss"].tolist() == pytest.approx(model.losses)
    assert found["lr"].tolist() == pytest.approx([0.01 * (1 - t / 12) for t in range(12)])
    assert found.said("grad_norm").tolist() == [(t + 1) % 4 == 0 for t in range(12)]


def test_with_accumulation_the_loss_of_an_update_is_the_mean_of_its_batches(tmp_path):
    _, model = train(tmp_path, WatchCallback(log=tmp_path / "watch.jsonl"), accumulation=2)
    pairs = zip(model.losses[::2], model.losses[1::2], strict=True)
    assert watched(tmp_path)["loss"].tolist() == pytest.approx([(a + b) / 2 for a, b in pairs])


def test_a_nan_that_the_trainer_hides_is_seen_and_stops_the_training(tmp_path, caplog):
    callback = WatchCallback(stop_on="error")
    trainer, _ = train(tmp_path, callback, bad=8)
    assert [row["loss"] for row in trainer.state.log_history if "loss" in row][-1] == 0.0
    assert trainer.state.global_step == 5
    assert callback.watch.findings[0].code == "SF101"
    assert [one.at for one in callback.watch.seen] == [4]
    assert ("surefoot", logging.ERROR) in [(one.name, one.levelno) for one in caplog.records]


def test_without_stop_on_the_training_goes_to_its_end(tmp_path):
    heard = []
    trainer, _ = train(tmp_path, WatchCallback(on_finding=heard.append), bad=8)
    assert trainer.state.global_step == 12
    assert "SF101" in [one.code for one in heard]


def test_evaluations_are_validation_losses_of_the_same_run(tmp_path):
    trainer, _ = train(tmp_path, WatchCallback(log=tmp_path / "watch.jsonl"), evaluate=True)
    found = watched(tmp_path)
    logged = [row["eval_loss"] for row in trainer.state.log_history if "eval_loss" in row]
    assert found["val_loss"][found.said("val_loss")].tolist() == logged
    assert found["step"][found.said("val_loss")].tolist() == [3, 7, 11]
    assert not any("runtime" in name or "second" in name for name in found.names)


def test_a_loss_of_ones_own_is_seen_through_its_wrapper_or_else_as_logged(tmp_path):
    def absolute(outputs, labels, num_items_in_batch=None):
        return (outputs["logits"] - labels).abs().sum() / num_items_in_batch

    for name, wrapped in (("a", True), ("b", False)):
        folder = tmp_path / name
        callback = WatchCallback(log=folder / "watch.jsonl")
        folder.mkdir()
        function = callback.loss_func(absolute) if wrapped else absolute
        trainer, _ = train(folder, callback, compute_loss_func=function)
        logged = [row["loss"] for row in trainer.state.log_history if "loss" in row]
        assert watched(folder)["loss"].tolist() == pytest.approx(logged, rel=1e-4)


def test_the_watch_knows_the_plan(tmp_path):
    callback = WatchCallback(kind="fine-tuning")
    train(tmp_path, callback, accumulation=2)
    facts = dict(callback.watch._origin.facts)
    assert {name: facts[name] for name in ("total", "batch", "peak", "optimizer", "weight_decay", "kind")} == {
        "total": 12.0, "batch": 4, "peak": 0.01, "optimizer": "adamw", "weight_decay": 0.1, "kind": "fine-tuning",
    }  # fmt: skip


def test_the_model_is_left_without_a_hook(tmp_path):
    _, model = train(tmp_path, WatchCallback())
    assert not model._forward_hooks


def test_a_severity_that_is_none_is_refused_before_the_training():
    with pytest.raises(ArgumentError, match="'fatal'"):
        WatchCallback(stop_on="fatal")
