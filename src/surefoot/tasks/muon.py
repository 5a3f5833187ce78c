"""A transformer whose hidden matrices are trained by Muon and the rest by AdamW: two optimizers, one schedule."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.nn.functional import cross_entropy

from surefoot.errors import MissingExtraError
from surefoot.history.reading import Reading
from surefoot.schedule.core import Schedule
from surefoot.tasks.charlm import Transformer
from surefoot.tasks.loop import held_out, seeded
from surefoot.tasks.steps import updates
from surefoot.tasks.text import text
from surefoot.torch import set_lr


def muon(
    schedule: Schedule,
    *,
    seed: int = 0,
    width: int = 64,
    depth: int = 2,
    context: int = 64,
    batch: int = 16,
    momentum: float = 0.95,
    weight_decay: float = 0.01,
    ratio: float = 0.15,
) -> Iterator[Reading]:
    """Train the language model of ``charlm``: Muon at schedule(step), AdamW for the rest at ``ratio`` of it.

    Source: Keller Jordan, Muon: An optimizer for hidden layers in neural networks (2024).
    """
    if not hasattr(torch.optim, "Muon"):
        raise MissingExtraError(
            f'the task "muon" needs torch >= 2.9, not {torch.__version__}: pip install "torch>=2.9"'
        )
    page = text()
    with seeded(seed):
        model = Transformer(len(page.alphabet), context=context, width=width, depth=depth, heads=4)
    hidden = [p for p in model.blocks.parameters() if p.ndim == 2]
    rest = [p for p in model.parameters() if all(p is not matrix for matrix in hidden)]
    # The rates given here say only how they relate: set_lr keeps their ratio.
    matrices = torch.optim.Muon(hidden, lr=1.0, momentum=momentum, weight_decay=weight_decay)
    others = torch.optim.AdamW(rest, lr=ratio, weight_decay=weight_decay)
    order = torch.Generator().manual_seed(seed)
    everywhere = torch.linspace(0, len(page.held) - context - 1, 64).long()
    validate = held_out(model, cross_entropy, *page.windows(everywhere, context, held=True))
    for step in updates(schedule):
        rate = schedule(step)
        set_lr((matrices, others), rate)
        x, y = page.windows(torch.randint(len(page.train) - context, (batch,), generator=order), context)
        loss = cross_entropy(model(x), y)
        model.zero_grad()
        loss.backward()
        matrices.step()
        others.step()
        yield Reading(step, loss.item(), lr=rate, val_loss=validate)
