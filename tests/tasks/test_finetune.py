"""What fine-tuning starts from, and what it leaves alone."""

from __future__ import annotations

import copy

import pytest
import torch

from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import hold
from surefoot.tasks.finetune import LoRA, _classes, finetune, finetune_lora, pretrained


def test_an_adapter_begins_as_the_layer_it_adapts_and_trains_nothing_else():
    linear = torch.nn.Linear(6, 4)
    twin, x = copy.deepcopy(linear), torch.randn(5, 6)
    adapter = LoRA(linear, rank=2, alpha=4.0)
    assert torch.equal(adapter(x), twin(x))
    assert {name for name, p in adapter.named_parameters() if p.requires_grad} == {"A", "B"}


def test_an_adapter_adds_alpha_over_rank_times_its_product():
    adapter = LoRA(torch.nn.Linear(6, 4), rank=2, alpha=3.0)
    torch.nn.init.normal_(adapter.B)
    merged = adapter.linear.weight + 1.5 * adapter.B @ adapter.A
    x = torch.randn(5, 6)
    torch.testing.assert_close(adapter(x), x @ merged.T + adapter.linear.bias)


@pytest.mark.parametrize("task", [finetune, finetune_lora])
def test_a_run_leaves_the_pretrained_model_as_it_was(task):
    before = copy.deepcopy(pretrained().state_dict())
    list(task(Schedule(0.1, (hold(5),))))
    after = pretrained().state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(p.requires_grad for p in pretrained().parameters())


def test_the_pretrained_model_knows_the_first_five_digits():

    known = _classes(0)
    assert (pretrained()(known.x_val).argmax(1) == known.y_val).float().mean() > 0.95
    assert set(_classes(5).y.tolist()) == {0, 1, 2, 3, 4}
