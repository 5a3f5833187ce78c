"""Parameter groups: every trainable parameter exactly once, each at its share of the rate."""

import numpy as np
import pytest
import torch
from torch import nn

import surefoot.torch as st
from surefoot.errors import ArgumentError
from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import ramp
from surefoot.torch import groups


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(4)
        self.mlp = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 4))


class Transformer(nn.Module):
    """Embedding, blocks, final norm and a head that shares the embedding's weight."""

    def __init__(self, depth=3, tied=True):
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.blocks = nn.ModuleList([Block() for _ in range(depth)])
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 7, bias=False)
        if tied:
            self.head.weight = self.embed.weight


def adapted():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for k, layer in enumerate(model):
        layer.lora_A = nn.ModuleDict({"default": nn.Linear(4, 2, bias=False)})
        layer.lora_B = nn.ModuleDict({"default": nn.Linear(2, 4, bias=k == 0)})
    return model


MAKERS = {
    "layerwise": lambda model: groups.layerwise(model, 0.1, decay=0.5),
    "layerwise without decay of biases": lambda model: groups.layerwise(model, 0.1, weight_decay=0.1),
    "discriminative": lambda model: groups.discriminative(model, 0.1, {next(model.named_children())[0]: 0.1}),
    "discriminative without decay of biases": lambda model: groups.discriminative(
        model, 0.1, {next(model.named_children())[0]: 0.1}, weight_decay=0.1
    ),
    "no_decay": lambda model: groups.no_decay(model, 0.1),
}
MODELS = {
    "transformer": Transformer,
    "untied": lambda: Transformer(tied=False),
    "sequential": lambda: nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.BatchNorm1d(3), nn.Linear(3, 1)),
    "convolutions": lambda: nn.ModuleDict({"stem": nn.Conv2d(1, 2, 3), "head": nn.Linear(2, 1)}),
    "partly frozen": lambda: frozen(Transformer(), "blocks.1"),
}


def frozen(model, prefix):
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not name.startswith(prefix))
    return model


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("build", MODELS)
def test_every_trainable_parameter_is_in_one_group_once(make, build):
    model = MODELS[build]()
    made = MAKERS[make](model)
    given = [id(parameter) for group in made for parameter in group["params"]]
    trainable = {id(parameter) for parameter in model.parameters() if parameter.requires_grad}
    assert len(given) == len(set(given))
    assert set(given) == trainable
    assert all(group["params"] for group in made)
    torch.optim.AdamW(made, lr=1e-3)


def test_layers_below_the_top_run_at_powers_of_the_decay():
    model = Transformer(depth=2, tied=False)
    made = groups.layerwise(model, 1.0, decay=0.5)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    layers = [min(names[id(parameter)].split(".")[0] for parameter in group["params"]) for group in made]
    assert [group["lr"] for group in made] == [0.125, 0.25, 0.5, 1.0]
    assert layers == ["embed", "blocks", "blocks", "head"]


def test_a_sequence_of_layers_without_blocks_decays_layer_by_layer():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 3), nn.Linear(3, 1))
    assert [group["lr"] for group in groups.layerwise(model, 1.0, decay=0.5)] == [0.25, 0.5, 1.0]


def test_a_frozen_layer_leaves_the_depth_of_the_others_alone():
    made = groups.layerwise(
        Transformer(depth=2, tied=False), 1.0, decay=0.5, layer=lambda name: 5 if "head" in name else 1
    )
    assert [group["lr"] for group in made] == [0.0625, 1.0]


def test_the_longest_prefix_wins():
    model = Transformer(depth=2, tied=False)
    made = groups.discriminative(model, 1.0, {"blocks": 0.1, "blocks.1": 0.3}, rest=0.5)
    assert {group["name"]: (group["lr"], len(group["params"])) for group in made} == {
        "blocks": (0.1, 6), "blocks.1": (0.3, 6), "rest": (0.5, 4),
    }  # fmt: skip


def test_biases_norms_and_vectors_do_not_decay():
    model = Transformer(depth=1, tied=False)
    decayed, bare = groups.no_decay(model, 0.2)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert (decayed["weight_decay"], bare["weight_decay"]) == (0.2, 0.0)
    assert {names[id(parameter)] for parameter in decayed["params"]} == {
        "embed.weight", "head.weight", "blocks.0.mlp.0.weight", "blocks.0.mlp.1.weight",
    }  # fmt: skip


def test_lora_plus_raises_the_rate_of_b():
    model = adapted()
    first, second = groups.lora_plus(model, 2e-4, ratio=16)
    assert (first["lr"], second["lr"]) == (2e-4, 2e-4 * 16)
    assert [tuple(parameter.shape) for parameter in second["params"]] == [(4, 2), (4,), (4, 2)]
    assert [tuple(parameter.shape) for parameter in first["params"]] == [(2, 4), (2, 4)]


def test_a_scheduler_keeps_the_ratios_of_the_groups():
    model = adapted()
    made = groups.lora_plus(model, 1e-3, ratio=10)
    plan = Schedule(0.5, (ramp(0, 1, 2), ramp(1, 0, 4)))
    optimizer = torch.optim.SGD(made, lr=1e-3)
    scheduler = st.Scheduler(optimizer, plan)
    explicit = st.Scheduler(
        torch.optim.SGD([dict(group) for group in made], lr=1e-3), plan, groups=groups.factors(made)
    )
    for _ in range(4):
        optimizer.step()
    np.testing.assert_allclose(scheduler.get_last_lr(), [plan(3) / 10, plan(3)])
    assert scheduler.base_lrs == explicit.base_lrs


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda m: groups.layerwise(m, 0.1, decay=0.0), r"decay=0.0 must be in \(0, 1\]"),
        (lambda m: groups.layerwise(m, 0.1, decay=1.5), "decay=1.5"),
        (lambda m: groups.layerwise(m, -0.1), "lr=-0.1"),
        (lambda m: groups.discriminative(m, 0.1, {"nothing": 0.1}), "'nothing', which names no"),
        (lambda m: groups.discriminative(m, 0.1, {"embed": -1.0}), "rate >= 0"),
        (lambda m: groups.no_decay(m, -0.1), "weight_decay=-0.1"),
        (lambda m: groups.lora_plus(m, 0.1), "lora_B"),
        (lambda m: groups.lora_plus(m, 0.1, ratio=0), "ratio=0"),
        (lambda m: groups.layerwise(m.parameters(), 0.1), "no torch.nn.Module"),
        (lambda m: groups.no_decay(frozen(m, "")), "no trainable parameter"),
        (lambda m: groups.factors([{"lr": 0.0}]), "no rate above 0"),  # noqa: ARG005  a case's signature
    ],
)
def test_bad_arguments_are_refused(call, match):
    with pytest.raises(ArgumentError, match=match):
        call(Transformer())
