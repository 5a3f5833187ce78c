"""A wrapper under accelerate, which wraps it once more."""

import gc

import accelerate
import torch
from accelerate.state import AcceleratorState, GradientState

from surefoot.torch.optim import Mechanic


def test_accelerate_prepares_it():
    model = torch.nn.Linear(3, 1)
    optimizer = Mechanic(torch.optim.AdamW(model.parameters(), lr=1.0), s_init=1e-3)
    accelerator = accelerate.Accelerator(cpu=True)
    model, prepared = accelerator.prepare(model, optimizer)
    before = model.weight.detach().clone()
    for _ in range(3):
        prepared.zero_grad()
        accelerator.backward((model(torch.ones(2, 3)) ** 2).sum())
        prepared.step()
    assert optimizer.d > 0
    assert not torch.equal(before, model.weight)
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    gc.collect()
