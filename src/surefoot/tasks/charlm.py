"""A character-level language model: a pre-LN transformer that reads the documentation of Python."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gelu, scaled_dot_product_attention

from surefoot.history.reading import Reading
from surefoot.schedule.core import Schedule
from surefoot.tasks.loop import build, held_out, seeded
from surefoot.tasks.steps import updates
from surefoot.tasks.text import text
from surefoot.torch import set_lr
from surefoot.torch.groups import mup, mup_init_
from surefoot.torch.mup_growth import whole

_HEADS = 4


class Block(nn.Module):
    """Attention and a perceptron, each normalised before and added to its input."""

    def __init__(self, width: int, heads: int, scale: float | None = None) -> None:
        super().__init__()
        self.heads, self.scale = heads, scale
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.qkv(self.norm1(x)).chunk(3, -1)
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in parts)
        seen = scaled_dot_product_attention(q, k, v, is_causal=True, scale=self.scale)
        x = x + self.out(seen.transpose(1, 2).flatten(-2))
        more: Tensor = self.down(gelu(self.up(self.norm2(x))))
        return x + more


class Transformer(nn.Module):
    """Characters in, logits of the next character out; returned as [batch, character, position].

    Attention multiplies q.k by ``scale``: 1/sqrt(width of a head) unless given.
    """

    def __init__(
        self, characters: int, *, context: int, width: int, depth: int, heads: int, scale: float | None = None
    ) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(characters, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width, heads, scale) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, characters, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.blocks(self.token(x) + self.place(torch.arange(x.shape[1])))
        logits: Tensor = self.head(self.norm(hidden))
        return logits.transpose(1, 2)


def charlm(
    schedule: Schedule,
    *,
    seed: int = 0,
    width: int = 64,
    depth: int = 2,
    context: int = 64,
    batch: int = 16,
    optimizer: str = "adamw",
    momentum: float = 0.9,
    weight_decay: float = 0.1,
    base_width: int | None = None,
) -> Iterator[Reading]:
    """Train a transformer on ``batch`` windows of ``context`` characters an update; the loss is in nats a character.

    With ``base_width`` it is in muP: at that width the same model as without, at others one that has its rate.
    """
    page = text()
    make = partial(Transformer, len(page.alphabet), context=context, depth=depth, heads=_HEADS)
    # Logits of attention must not grow with the width of its heads: sqrt(base's head) / head.
    scale = None if base_width is None else math.sqrt(whole(base_width, "base_width") * _HEADS) / width
    with seeded(seed):
        model = make(width=width, scale=scale)
    parameters: Any = model.parameters()
    if base_width is not None:
        mup_init_(model, base_width=base_width, width=width)
        parameters = mup(model, base_width=base_width, width=width, weight_decay=weight_decay)
    chosen = build(optimizer, parameters, momentum=momentum, weight_decay=weight_decay)
    order = torch.Generator().manual_seed(seed)
    everywhere = torch.linspace(0, len(page.held) - context - 1, 64).long()
    validate = held_out(model, cross_entropy, *page.windows(everywhere, context, held=True), chosen)
    for step in updates(schedule):
        rate = schedule(step)
        set_lr(chosen, rate)
        x, y = page.windows(torch.randint(len(page.train) - context, (batch,), generator=order), context)
        loss = cross_entropy(model(x), y)
        chosen.zero_grad()
        loss.backward()
        chosen.step()
        yield Reading(step, loss.item(), lr=rate, val_loss=validate)
