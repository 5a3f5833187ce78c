"""Moments: what an adaptive optimizer's second moments say of a step."""

from __future__ import annotations

from typing import Any

import torch

from surefoot.torch.hooks import innermost
from surefoot.torch.monitors.measures import wide
from surefoot.torch.preconditioning import preconditioner, second_moment

QUANTILES = (0.05, 0.5, 0.95)
_MOST = 4096


def rms_t(optimizer: Any) -> dict[torch.Tensor, torch.Tensor]:
    """Return ``sqrt(mean(g^2 / max(v, eps^2)))`` of each tensor: its gradient now beside the second moment's memory.

    v is the bias-corrected second moment after the step, eps the group's. About 1 in a calm run; above 2.3 it is said
    to precede a spike by 1 to 8 steps (a lower beta2, or a rate over max(1, RMS_t), is the cure). Empty for an
    optimizer that keeps no second moment.

    >>> layer = torch.nn.Linear(2, 1, bias=False)
    >>> adam = torch.optim.Adam(layer.parameters())
    >>> layer.weight.grad = torch.tensor([[3.0, 4.0]])
    >>> adam.step()
    >>> [f"{value:.3f}" for value in rms_t(adam).values()]
    ['1.000']

    Source: Stable and low-precision training for large-scale vision-language models, arXiv 2304.13013 (2023).
    """
    inner, found = innermost(optimizer), {}
    for group in inner.param_groups:
        for parameter in group["params"]:
            state = inner.state.get(parameter)
            moment = second_moment(group, state) if state and parameter.grad is not None else None
            if moment is not None and not parameter.grad.is_sparse:
                square = wide(parameter.grad.detach()) ** 2
                found[parameter] = (square / wide(moment).clamp(min=group["eps"] ** 2)).mean().sqrt()
    return found


def effective_rates(optimizer: Any) -> dict[torch.Tensor, torch.Tensor]:
    """Return the 5 %, 50 % and 95 % quantiles of ``eta / P`` of each tensor: the rate that each weight really has.

    ``P`` is the optimizer's preconditioner, ``sqrt(vhat) + eps`` for Adam. Of tensors with more than 4,096 elements
    evenly spaced ones are looked at. Empty for an optimizer without one.

    >>> layer = torch.nn.Linear(3, 1, bias=False)
    >>> adam = torch.optim.Adam(layer.parameters(), lr=0.1)
    >>> layer.weight.grad = torch.tensor([[1.0, 2.0, 4.0]])
    >>> adam.step()
    >>> effective_rates(adam)[layer.weight][1]
    tensor(0.0500)
    """
    inner = innermost(optimizer)
    rate = {p: group["lr"] for group in inner.param_groups for p in group["params"]}
    quantiles = torch.tensor(QUANTILES)
    return {
        p: torch.quantile(rate[p] / _thinned(wide(scale)), quantiles.to(scale.device, non_blocking=True))
        for p, scale in preconditioner(inner).items()
    }


def _thinned(tensor: torch.Tensor) -> torch.Tensor:
    flat = tensor.flatten()
    return flat[:: -(-len(flat) // _MOST)].float()
