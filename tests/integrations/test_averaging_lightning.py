"""Schedule-Free under Lightning: checkpoints and validation hold the evaluation weights, and a resume is exact."""

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

import surefoot.torch as st
from surefoot.integrations.lightning import WatchCallback

pytestmark = [
    # Lightning's advice on worker processes and log intervals; a test wants neither
    pytest.mark.filterwarnings("ignore:.*does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*is smaller than the logging interval"),
    pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before"),
    pytest.mark.filterwarnings("ignore:.*exists and is not empty"),
    # Lightning's own calls into torch and its treespec
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:`isinstance\\(treespec:FutureWarning"),
]


class Net(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
        self.validated, self.x = [], []

    def loss(self, batch):
        return (self.net(batch[0]).squeeze(-1) - batch[0].sum(-1)).square().mean()

    def training_step(self, batch, _):
        return self.loss(batch)

    def validation_step(self, batch, _):
        self.validated.append(self.net[0].weight.detach().clone())
        self.log("val_loss", self.loss(batch))

    def configure_optimizers(self):
        optimizer = st.optim.ScheduleFreeAdamW(self.parameters(), lr=0.05)
        optimizer.register_step_post_hook(
            lambda opt, *_: self.x.append({k: v.clone() for k, v in opt.evaluation_state_dict(self).items()})
        )
        return optimizer


def fit(model, folder, max_steps, *, resume=None, callbacks=None, watch=True):
    generator = torch.Generator().manual_seed(0)
    data = torch.utils.data.TensorDataset(torch.randn(24, 4, generator=generator))
    trainer = lightning.Trainer(
        max_steps=max_steps, accelerator="cpu", devices=1, logger=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=folder, num_sanity_val_steps=1,
        callbacks=[*([WatchCallback()] if watch else []), *(callbacks or [])], enable_checkpointing=bool(callbacks),
    )  # fmt: skip
    loader = torch.utils.data.DataLoader(data, batch_size=4)
    trainer.fit(model, loader, loader, ckpt_path=resume)
    return trainer


class Attaching(Net):
    """What the documentation says to do without the callback."""

    def configure_optimizers(self):
        optimizer = super().configure_optimizers()
        optimizer.attach(self)
        return optimizer


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_checkpoints_and_validation_hold_the_evaluation_weights(tmp_path):
    model = Net()
    saving = ModelCheckpoint(tmp_path, filename="{step}", every_n_train_steps=4, save_top_k=-1)
    fit(model, tmp_path, 12, callbacks=[saving])
    for step in (4, 8, 12):
        file = torch.load(tmp_path / f"step={step}.ckpt", weights_only=False)
        assert same(file["state_dict"], model.x[step - 1])
    # An epoch has six batches; before the first update there was a sanity check.
    epoch = model.validated[1:]
    assert all(torch.equal(weight, model.x[5]["net.0.weight"]) for weight in epoch[:6])
    assert all(torch.equal(weight, model.x[11]["net.0.weight"]) for weight in epoch[6:])
    assert torch.equal(model.net[0].weight, model.x[11]["net.0.weight"])


@pytest.mark.parametrize("kind", [Net, Attaching])
def test_resume_is_bit_for_bit(tmp_path, kind):
    watch = kind is Net
    whole = kind()
    fit(whole, tmp_path, 12, watch=watch)
    saving = ModelCheckpoint(tmp_path, filename="{step}", every_n_train_steps=6, save_top_k=-1)
    first = kind()
    fit(first, tmp_path, 6, callbacks=[saving], watch=watch)
    file = torch.load(tmp_path / "step=6.ckpt", weights_only=False)
    assert same(file["state_dict"], first.x[-1])
    second = kind()
    fit(second, tmp_path, 12, resume=tmp_path / "step=6.ckpt", callbacks=[saving], watch=watch)
    assert same(whole.x[-1], second.x[-1])
    assert len(second.x) == 6
