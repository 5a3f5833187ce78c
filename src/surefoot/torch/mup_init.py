"""The initial weights that muP asks for, by rescaling those that a model has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, get_args

import torch
from torch import nn

from surefoot.errors import ArgumentError
from surefoot.torch.mup import growth_of
from surefoot.torch.mup_growth import LAYERS, Growth, ends, owned
from surefoot.torch.mup_roles import MupRoles, TensorRole, assigned

Initial = Literal["fan_in", "constant"]
Readout = Literal["scaled", "zero"]


def mup_init_(
    model: nn.Module,
    *,
    base_width: int | None = None,
    base: nn.Module | None = None,
    width: int | None = None,
    initial: Initial = "fan_in",
    readout: Readout = "scaled",
    output_multiplier: bool = False,
    roles: Mapping[str, str] | None = None,
) -> nn.Module:
    """Rescale the initial weights of ``model`` in place to muP's spread, and return it.

    ``std = std of the base model * (hidden m^-1/2, readout 1/m, others 1)``; the readout starts at 0 with
    ``readout="zero"``. With ``base`` the spread (root mean square) of each parameter is measured there, so that calling
    twice is calling once. With ``base_width`` what the weights are now must be said: ``initial="fan_in"``, spread
    as 1/sqrt(inputs), which is what torch's Linear and convolutions do (weights and biases), or ``"constant"``, one
    spread at any width (0.02, as in GPT-2): then call it once. The other arguments are those of ``mup_roles``. Raises
    ArgumentError as that does, for a ``base`` on the meta device, and a parameter of zeros that isn't so in ``base``.

    >>> model, base = nn.Linear(64, 3, bias=False), nn.Linear(16, 3, bias=False)
    >>> with torch.no_grad():
    ...     _ = model.weight.fill_(0.5), base.weight.fill_(0.5)
    >>> mup_init_(model, base=base).weight[0, 0].item()
    0.125

    Source: as ``surefoot.laws.mup.mup_factors``: arXiv 2203.03466 (2022).
    """
    for name, value, allowed in (("initial", initial, Initial), ("readout", readout, Readout)):
        if value not in get_args(allowed):
            raise ArgumentError(f"{name}={value!r} must be one of {', '.join(get_args(allowed))}.")
    growth = growth_of(model, base_width, base, width, roles)
    # The spreads are the same for all optimizers.
    found = assigned(model, growth, "adam", output_multiplier=output_multiplier, roles=roles)
    times = _said(model, found, growth, initial) if base is None else _measured(model, found, base)
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for tensor in found.tensors:
            zero = readout == "zero" and tensor.role == "readout"
            parameters[tensor.name].mul_(0.0 if zero else times[tensor.name])
    return model


def _measured(model: nn.Module, found: MupRoles, base: nn.Module) -> dict[str, float]:
    mine, theirs = dict(model.named_parameters()), dict(base.named_parameters())
    times = {}
    for tensor in found.tensors:
        if theirs[tensor.name].is_meta:
            raise ArgumentError("base is on the meta device, where nothing can be measured: build it with its weights.")
        now, wanted = _spread(mine[tensor.name]), _spread(theirs[tensor.name]) * tensor.factors.init_std
        if now == 0.0 < wanted:
            raise ArgumentError(f"{tensor.name!r} is all zeros in model and not in base: initialise both alike.")
        times[tensor.name] = wanted / now if now else 1.0
    return times


def _spread(parameter: torch.Tensor) -> float:
    return math.sqrt(parameter.detach().double().square().mean().item()) if parameter.numel() else 0.0


def _said(model: nn.Module, found: MupRoles, growth: Mapping[str, Growth], initial: Initial) -> dict[str, float]:
    if initial == "constant":
        return {tensor.name: tensor.factors.init_std for tensor in found.tensors}
    modules = {name: module for name, module, _ in owned(model)}
    return {
        tensor.name: tensor.factors.init_std * math.sqrt(_inputs(tensor, modules[tensor.name], growth))
        for tensor in found.tensors
    }


def _inputs(tensor: TensorRole, module: nn.Module, growth: Mapping[str, Growth]) -> float:
    """Return how many times more inputs a parameter has than in the base, if its spread follows their number."""
    if not isinstance(module, LAYERS):
        return tensor.m if tensor.role in {"hidden", "readout"} else 1.0
    weight = tensor.name.rpartition(".")[0] + ".weight" if "." in tensor.name else "weight"
    return growth[weight].get(ends(module, 2)[0], 1.0)
