"""Preconditioner: what an adaptive optimizer divides each coordinate of its step by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from surefoot.torch.hooks import innermost

Group = Mapping[str, Any]
State = Mapping[str, Any]


def preconditioner(optimizer: Any) -> dict[torch.Tensor, torch.Tensor]:
    """Return P by parameter: the diagonal that ``optimizer`` divides its step by, as its state stands.

    ``P = sqrt(vhat) + eps`` for Adam, AdamW and NAdam, ``vhat = v / (1 - beta2^t)`` (for AMSGrad the largest v so
    far); ``sqrt(v) + eps`` for RMSprop (v less the squared mean where it is centred), ``sqrt(sum) + eps`` for Adagrad,
    the decayed maximum for Adamax, Adam's over its rectification for RAdam. Each has the shape of its parameter.
    Empty for SGD (P = 1) and for other classes; parameters that had no update yet are left out.

    >>> layer = torch.nn.Linear(1, 1, bias=False)
    >>> adam = torch.optim.Adam(layer.parameters(), eps=0.5)
    >>> layer.weight.grad = torch.full((1, 1), 2.0)
    >>> adam.step()
    >>> preconditioner(adam)[layer.weight]
    tensor([[2.5000]])

    Source: Adam, arXiv 1412.6980 (2014); the code of torch.optim.
    """
    inner = innermost(optimizer)
    rule = _RULES.get(type(inner).__name__) if type(inner).__module__.startswith("torch.optim") else None
    if rule is None:
        return {}
    held = ((p, group, inner.state.get(p)) for group in inner.param_groups for p in group["params"])
    with torch.no_grad():
        return {parameter: rule(group, state) for parameter, group, state in held if state}


def second_moment(group: Group, state: State) -> torch.Tensor | None:
    """Return vhat of a parameter, the running mean of its squared gradients; None where its optimizer keeps none."""
    if "exp_avg_sq" in state:
        largest = state.get("max_exp_avg_sq") if group.get("amsgrad") else None
        moment: torch.Tensor = (state["exp_avg_sq"] if largest is None else largest) / _bias(group, state)
        return moment
    mean: torch.Tensor | None = state.get("square_avg")
    return mean


def updates(state: State) -> Any:
    """Return how many updates a parameter's state has seen; a tensor where reading it would wait for a device."""
    step = state.get("step", 0)
    return step if isinstance(step, torch.Tensor) and step.device.type != "cpu" else float(step)


def _bias(group: Group, state: State) -> Any:
    return 1.0 - float(group["betas"][1]) ** updates(state)


def _adam(group: Group, state: State) -> torch.Tensor:
    moment = second_moment(group, state)
    assert moment is not None, "every state of an Adam holds exp_avg_sq"  # noqa: S101  for the type checker
    root: torch.Tensor = moment.sqrt() + group["eps"]
    return root


def _radam(group: Group, state: State) -> torch.Tensor:
    beta, step = float(group["betas"][1]), float(updates(state))
    longest = 2.0 / (1.0 - beta) - 1.0
    length = longest - 2.0 * step * beta**step / (1.0 - beta**step)
    root: torch.Tensor = state["exp_avg_sq"].sqrt() + group["eps"]
    if length <= 5.0:
        return torch.ones_like(root)
    rectified = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
    whole: torch.Tensor = root / ((1.0 - beta**step) * rectified) ** 0.5
    return whole


def _rmsprop(group: Group, state: State) -> torch.Tensor:
    mean: torch.Tensor = state["square_avg"]
    centred = mean - state["grad_avg"] ** 2 if group.get("centered") else mean
    root: torch.Tensor = centred.sqrt() + group["eps"]
    return root


def _adagrad(group: Group, state: State) -> torch.Tensor:
    total: torch.Tensor = state["sum"].sqrt() + group["eps"]
    return total


def _adamax(group: Group, state: State) -> torch.Tensor:  # noqa: ARG001  every rule has the same signature
    largest: torch.Tensor = state["exp_inf"].clone()
    return largest


_RULES: Mapping[str, Callable[[Group, State], torch.Tensor]] = {
    "Adam": _adam,
    "AdamW": _adam,
    "NAdam": _adam,
    "RAdam": _radam,
    "Adamax": _adamax,
    "RMSprop": _rmsprop,
    "Adagrad": _adagrad,
}
