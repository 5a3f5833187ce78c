"""A real training under Lightning, watched."""

import math

import lightning
import pytest
import torch

import surefoot as sf
from surefoot.integrations.lightning import WatchCallback

pytestmark = [
    # Lightning's advice on worker processes and log intervals; a test wants neither
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*is smaller than the logging interval"),
    # most of these runs are not validated, which the module would allow
    pytest.mark.filterwarnings("ignore:You defined a `validation_step` but have no"),
    # Lightning's own calls into torch and its treespec
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:`isinstance\\(treespec:FutureWarning"),
]


class Line(lightning.LightningModule):
    def __init__(self, bad=None, by_hand=False):
        super().__init__()
        self.line = torch.nn.Linear(4, 1)
        self.bad, self.losses = bad, []
        self.automatic_optimization = not by_hand

    def training_step(self, batch, index):
        loss = self.line(batch[0]).square().mean()
        if self.bad is not None and index >= self.bad:
            loss = loss * math.nan
        self.losses.append(loss.item())
        if not self.automatic_optimization:
            optimizer = self.optimizers()
            optimizer.zero_grad()
            self.manual_backward(loss)
            optimizer.step()
        return loss

    def validation_step(self, batch, _):
        loss = self.line(batch[0]).square().mean()
        self.log("valid/loss", loss)
        self.log("val_acc", 0.5)

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1 / (1 + t))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def fit(model, folder, callback, max_steps=12, validate=False, **kwargs):
    torch.manual_seed(0)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(72, 4)), batch_size=2)
    trainer = lightning.Trainer(
        max_steps=max_steps, accelerator="cpu", devices=1, logger=False, enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=False, default_root_dir=folder, callbacks=[callback],
        limit_val_batches=2 if validate else 0, val_check_interval=4 if validate else None, **kwargs,
    )  # fmt: skip
    trainer.fit(model, data, data if validate else None)
    return trainer


def watched(folder):
    return sf.read(folder / "watch.jsonl")


def test_every_update_is_watched_with_its_loss_and_the_rate_that_was_applied(tmp_path):
    model = Line()
    fit(model, tmp_path, WatchCallback(log=tmp_path / "watch.jsonl"))
    found = watched(tmp_path)
    assert found["step"].tolist() == list(range(12))
    assert found["loss"].tolist() == pytest.approx(model.losses)
    assert found["lr"].tolist() == pytest.approx([0.1 / (1 + t) for t in range(12)])


def test_with_accumulation_the_loss_of_an_update_is_the_mean_of_its_batches(tmp_path):
    model = Line()
    fit(model, tmp_path, WatchCallback(log=tmp_path / "watch.jsonl"), accumulate_grad_batches=3)
    means = [sum(model.losses[3 * k : 3 * k + 3]) / 3 for k in range(12)]
    assert watched(tmp_path)["loss"].tolist() == pytest.approx(means)


def test_optimisation_by_hand_is_watched_too(tmp_path):
    model = Line(by_hand=True)
    fit(model, tmp_path, WatchCallback(log=tmp_path / "watch.jsonl"))
    assert watched(tmp_path)["loss"].tolist() == pytest.approx(model.losses)


def test_a_nan_stops_the_training_where_that_was_asked_for(tmp_path):
    callback = WatchCallback(stop_on="error", on_finding=lambda _: None)
    trainer = fit(Line(bad=5), tmp_path, callback)
    assert trainer.global_step == 6
    assert callback.watch.findings[0].code == "SF101"
    assert fit(Line(bad=5), tmp_path, WatchCallback(on_finding=lambda _: None)).global_step == 12


def test_validation_metrics_are_taken_by_their_names_and_the_sanity_check_is_not(tmp_path):
    fit(Line(), tmp_path, WatchCallback(log=tmp_path / "watch.jsonl"), validate=True)
    found = watched(tmp_path)
    judged = found.said("val_loss")
    assert found["step"][judged].tolist() == [3, 7, 11]
    assert found["val_acc"][judged].tolist() == [0.5] * 3


def test_the_watch_knows_the_plan(tmp_path):
    callback = WatchCallback(batch=2)
    fit(Line(), tmp_path, callback)
    facts = dict(callback.watch._origin.facts)
    assert facts == {"total": 12.0, "optimizer": "sgd", "weight_decay": 0.0, "momentum": 0.9, "batch": 2}


def test_a_training_that_fails_leaves_its_readings(tmp_path):
    class Broken(Line):
        def training_step(self, batch, index):
            if index == 5:
                raise KeyError("no data")
            return super().training_step(batch, index)

    callback = WatchCallback(log=tmp_path / "watch.jsonl")
    with pytest.raises(KeyError):
        fit(Broken(), tmp_path, callback)
    assert len(watched(tmp_path)) == 5
    assert callback.watch._finished
