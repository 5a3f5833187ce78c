"""Range tests of live objects: on a fixed batch, and with every rate from the state that the objects have."""

import pytest
import torch
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, TensorDataset

import surefoot as sf
import surefoot.torch as st


@pytest.fixture
def objects():
    torch.manual_seed(0)
    x = torch.randn(256, 8)
    y = x @ torch.ones(8, 1)
    model = torch.nn.Linear(8, 1)
    return model, torch.optim.SGD(model.parameters(), lr=0.1), DataLoader(TensorDataset(x, y), batch_size=16)


def test_the_loss_on_a_fixed_batch_has_no_noise_of_batches(objects):
    model, optimizer, loader = objects
    batch = next(iter(loader))
    task = st.task(model, optimizer, loader, mse_loss, val_loader=[batch])
    before = [p.clone() for p in model.parameters()]
    start = mse_loss(model(batch[0]), batch[1]).item()
    curve = sf.range_test(task, steps=40, judged=True, high=0.1)
    assert curve.test_losses[0] == pytest.approx(start, rel=1e-3)
    assert list(curve.test_losses) == sorted(curve.test_losses, reverse=True)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_every_rate_begins_from_the_state_that_the_objects_have(objects):
    model, optimizer, loader = objects
    task = st.task(model, optimizer, loader, mse_loss)
    curve = sf.range_test(task, steps=40, restart=3, low=1e-3, high=0.2)
    alone = sf.range_test(task, steps=8, restart=3, low=curve.test_lrs[5], high=0.2)
    assert len(curve.test_lrs) == 10
    assert alone.test_losses[0] == pytest.approx(curve.test_losses[5], rel=1e-6)
