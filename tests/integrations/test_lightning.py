"""A real training under Lightning: automatic and manual optimisation, accumulation, resume."""

import lightning
import pytest
import torch

import surefoot.torch as st
from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import ramp

PLAN = Schedule(0.1, (ramp(0, 1, 3), ramp(1, 0, 9, "cosine")))
pytestmark = [
    # Lightning's advice on worker processes and log intervals; a test wants neither
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*is smaller than the logging interval"),
    # the test resumes in the middle of an epoch on purpose; the rates do not depend on the data
    pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before"),
    # Lightning's own calls into torch and its treespec
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:`isinstance\\(treespec:FutureWarning"),
]


class Line(lightning.LightningModule):
    def __init__(self, interval="step"):
        super().__init__()
        self.line = torch.nn.Linear(4, 1)
        self.interval = interval
        self.seen = []

    def training_step(self, batch, _):
        return self.line(batch[0]).square().mean()

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(
            [{"params": [self.line.weight]}, {"params": [self.line.bias], "lr": 0.05}], lr=0.1
        )
        self.scheduler = st.Scheduler(optimizer, PLAN)
        optimizer.register_step_pre_hook(lambda opt, *_: self.seen.append([group["lr"] for group in opt.param_groups]))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": self.scheduler, "interval": self.interval}}


def fit(model, folder, max_steps, resume=None, **kwargs):
    torch.manual_seed(0)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(24, 4)), batch_size=2)
    trainer = lightning.Trainer(
        max_steps=max_steps, accelerator="cpu", devices=1, logger=False, enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=False, default_root_dir=folder, **kwargs,
    )  # fmt: skip
    trainer.fit(model, data, ckpt_path=resume)
    return trainer


def planned(start, stop):
    return [[PLAN(t), PLAN(t) * 0.5] for t in range(start, stop)]


@pytest.mark.parametrize("interval", ["step", "epoch"])
@pytest.mark.parametrize("accumulation", [1, 3])
def test_the_applied_rates_are_the_schedule_whatever_the_interval(tmp_path, interval, accumulation):
    model = Line(interval)
    fit(model, tmp_path, 12, accumulate_grad_batches=accumulation)
    assert model.seen == planned(0, 12)
    assert model.scheduler.position == 12


def test_resume_goes_on_where_the_checkpoint_stands(tmp_path):
    first = Line()
    fit(first, tmp_path, 5).save_checkpoint(tmp_path / "run.ckpt")
    model = Line()
    fit(model, tmp_path, 12, resume=tmp_path / "run.ckpt")
    assert first.seen + model.seen == planned(0, 12)
    assert model.scheduler.changes == ()


class ByHand(Line):
    def __init__(self):
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch, _):
        optimizer = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(self.line(batch[0]).square().mean())
        optimizer.step()
        self.lr_schedulers().step()


def test_manual_optimisation_counts_updates(tmp_path):
    model = ByHand()
    fit(model, tmp_path, 12)
    assert model.seen == planned(0, 12)


def test_set_lr_and_scheduler_unwrap_lightnings_optimizer(tmp_path):
    class Late(ByHand):
        def configure_optimizers(self):
            self.inner = torch.optim.SGD(self.parameters(), lr=0.1)
            return self.inner

        def training_step(self, batch, k):
            if k == 0:
                self.scheduler = st.Scheduler(self.optimizers(), PLAN)
            self.lr_schedulers = lambda: self.scheduler
            super().training_step(batch, k)
            assert self.inner.param_groups[0]["lr"] == PLAN(k)

    model = Late()
    fit(model, tmp_path, 6)
    assert model.scheduler.position == 6
