"""Weighing: what each coordinate of the Hessian counts for an optimizer: its rate, preconditioner and coupled decay."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.optim import Optimizer

from surefoot.torch.curvature.layout import Layout
from surefoot.torch.hooks import attached
from surefoot.torch.preconditioning import preconditioner, second_moment
from surefoot.torch.scheduler import Scheduler
from surefoot.torch.slots import slot
from surefoot.torch.stability import Threshold, stability_threshold

# Stands in for a rate of 0 (the begin of a warmup), at which thresholds and edges are still asked for.
_TINY = 1e-12
_ADAPTIVE = frozenset({"Adam", "AdamW", "NAdam", "RMSprop", "Adagrad", "Adamax"})


@dataclass(frozen=True, eq=False)
class Weighing:
    """``A = S (H + decay) S`` with S = ``root``, whose largest eigenvalue the ``threshold`` bounds, at the rate ``lr``.

    S = sqrt(c / P), where c is a group's rate over its threshold, beside that of the group with the largest rate.
    None stands for 1 (``root``) and 0 (``decay``).
    """

    root: torch.Tensor | None = None
    decay: torch.Tensor | None = None
    threshold: Threshold | None = None
    lr: float = 0.0

    def along(self, x: torch.Tensor) -> torch.Tensor:
        """Return S x."""
        return x if self.root is None else x * self.root

    def back(self, bent: torch.Tensor, d: torch.Tensor) -> torch.Tensor:
        """Return A x, given d = S x and H d."""
        whole = bent if self.decay is None else bent + self.decay * d
        return whole if self.root is None else whole * self.root


def write_rates(inner: Optimizer) -> float:
    """Write the rates of the next update where an ``st.Scheduler`` knows them; return the largest rate.

    A rate of 0 is replaced by a tiny one. The caller puts the groups back.
    """
    rate, groups = slot("lr", inner.param_groups), inner.param_groups
    scheduler = attached(inner, Scheduler)
    rates = [rate.number(group) for group in groups] if scheduler is None else list(map(float, scheduler.get_lr()))
    top = max(rates)
    for group, value in zip(groups, rates, strict=True):
        rate.write(group, value if top > 0.0 else _TINY)
    return top


def weighing(inner: Optimizer, layout: Layout, squares: torch.Tensor) -> Weighing:
    """Return how ``inner`` weighs the coordinates of ``layout``, at the rates that its groups hold.

    ``squares`` are mean squared gradients, which stand in for the second moments of parameters that had no update yet.
    """
    where = {p: g for g, group in enumerate(inner.param_groups) for p in group["params"]}
    used = sorted({where[p] for p in layout.parameters})
    found = {g: _positive(stability_threshold(inner, g)) for g in used}
    rate = slot("lr", inner.param_groups)
    head = max(used, key=lambda g: rate.number(inner.param_groups[g]))
    lr = rate.number(inner.param_groups[head])
    without = next((one for one in found.values() if one.value is None), None)
    threshold = found[head] if without is None else replace(without, rate=found[head].rate)
    share = {g: _share(found, g, head) for g in used}
    decay = [torch.full_like(p, found[where[p]].weight_decay) for p in layout.parameters]
    held, fresh = preconditioner(inner), dict(zip(layout.parameters, layout.parts(squares), strict=True))
    scales = [_scale(inner, p, held.get(p), fresh[p], inner.param_groups[where[p]]) for p in layout.parameters]
    roots = [_root(share[where[p]], one, p) for p, one in zip(layout.parameters, scales, strict=True)]
    plain = all(one is None for one in scales) and all(s == 1.0 for s in share.values())
    return Weighing(
        None if plain else layout.flat(roots),
        layout.flat(decay) if any(one.weight_decay for one in found.values()) else None,
        threshold,
        lr,
    )


def _positive(threshold: Threshold) -> Threshold:
    if threshold.value is None or threshold.value > 0.0:
        return threshold
    return replace(threshold, value=None, why="its decoupled decay alone is unstable at this rate")


def _share(found: Mapping[int, Threshold], g: int, head: int) -> float:
    if any(one.value is None for one in found.values()):
        return found[g].rate / found[head].rate
    return (found[g].rate / (found[g].value or 1.0)) / (found[head].rate / (found[head].value or 1.0))


def _root(share: float, scale: torch.Tensor | None, p: torch.Tensor) -> torch.Tensor:
    return torch.full(p.shape, math.sqrt(share), device=p.device) if scale is None else (share * scale).sqrt()


def _scale(
    inner: Optimizer, p: torch.Tensor, divisor: torch.Tensor | None, fresh: torch.Tensor, group: Any
) -> torch.Tensor | None:
    """Return 1 / P of one parameter, None for 1."""
    adaptive = type(inner).__name__ in _ADAPTIVE and type(inner).__module__.startswith("torch.optim")
    if divisor is None and not adaptive:
        return None
    moment = fresh if divisor is None else second_moment(group, inner.state[p])
    whole = fresh.sqrt() + float(group.get("eps", 0.0)) if divisor is None else divisor.to(fresh.dtype)
    # Where there never was a gradient there is no curvature; eps alone would blow up what a kink nearby adds to it.
    return 1.0 / whole if moment is None else torch.where(moment == 0.0, 0.0, 1.0 / whole)
