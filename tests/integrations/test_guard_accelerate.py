"""A guard around an optimizer that Accelerate wraps."""

import torch
from accelerate import Accelerator
from torch import nn

import surefoot as sf
import surefoot.torch as st


def test_an_optimizer_that_accelerate_wraps_is_guarded_inside():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))
    accelerator = Accelerator(cpu=True)
    model, optimizer = accelerator.prepare(model, torch.optim.AdamW(model.parameters(), 0.01))
    scheduler = accelerator.prepare(st.Scheduler(optimizer, sf.cosine(0.01, total=20)))
    guard = st.Guard(model, optimizer, scheduler)
    for k in range(10):
        x = torch.randn(32, 6) * (float("nan") if k == 4 else 1.0)
        loss = nn.functional.cross_entropy(model(x), torch.randint(0, 3, (32,)))
        with guard.update(loss):
            accelerator.backward(loss)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    assert guard.position == 9
    assert all(parameter.isfinite().all() for parameter in model.parameters())
