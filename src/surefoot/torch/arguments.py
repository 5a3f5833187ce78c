"""The arguments of st.task: one or several of each, and whether they fit together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from surefoot.errors import ArgumentError
from surefoot.torch.hooks import innermost
from surefoot.torch.stepping import Setup, needs_closure


def several(things: Any) -> tuple[Any, ...]:
    """Return one thing, None, or a collection of things as a tuple.

    >>> several(None), several("one"), several({"a": 1, "b": 2})
    ((), ('one',), (1, 2))
    """
    if things is None:
        return ()
    if isinstance(things, Mapping):
        return tuple(things.values())
    return tuple(things) if isinstance(things, (list, tuple, set)) else (things,)


def models_of(model: Any) -> tuple[torch.nn.Module, ...]:
    """Return the models as a tuple; raise ArgumentError for what is no Module."""
    models = tuple(model) if isinstance(model, torch.nn.ModuleList) else several(model)
    for one in models:
        if not isinstance(one, torch.nn.Module):
            raise ArgumentError(
                f"model={one!r:.80} is no torch.nn.Module: pass the model itself, or model=None with a step_fn."
            )
    return models


def optimizers_of(optimizer: Any) -> dict[str, Any]:
    """Return the optimizers by name (their index, unless given as a dict); raise ArgumentError for what is none."""
    named = optimizer if isinstance(optimizer, Mapping) else {str(k): one for k, one in enumerate(several(optimizer))}
    if not named:
        raise ArgumentError(f"optimizer={optimizer!r} must be at least one optimizer.")
    for one in named.values():
        if not all("lr" in group for group in innermost(one).param_groups):
            raise ArgumentError(f"optimizer={type(one).__name__} has groups without an 'lr', so nothing to schedule.")
    return dict(named)


def dtype_of(autocast: torch.dtype | bool | None, optimizers: Mapping[str, Any]) -> torch.dtype | None:
    """Return the dtype of autocast: as given, or the device's own for True."""
    if isinstance(autocast, torch.dtype) or autocast is None:
        return autocast
    if not isinstance(autocast, bool):
        raise ArgumentError(f"autocast={autocast!r} must be a dtype (torch.bfloat16), True, or None.")
    parameters = (p for o in optimizers.values() for group in innermost(o).param_groups for p in group["params"])
    device = next((p.device.type for p in parameters), "cpu")
    return torch.get_autocast_dtype(device) if autocast else None


def check(setup: Setup, loader: Any) -> None:
    """Raise ArgumentError where the arguments of a task do not fit together."""
    for name, function in (("loss_fn", setup.loss_fn), ("step_fn", setup.step_fn)):
        if function is not None and not callable(function):
            raise ArgumentError(f"{name}={function!r:.60} can't be called: pass a function.")
    _check_step(setup, loader)
    accumulate, clip = setup.accumulate, setup.clip
    if isinstance(accumulate, bool) or not isinstance(accumulate, int) or accumulate < 1:
        raise ArgumentError(f"accumulate={accumulate!r} must be an int >= 1: the micro-batches of one update.")
    if clip is not None and (isinstance(clip, (str, bool)) or not clip > 0):
        raise ArgumentError(f"clip={clip!r} must be > 0: the largest gradient norm (None for no clipping).")
    if setup.scaler is not None and needs_closure(setup):
        raise ArgumentError("scaler can't be used with an optimizer that takes a closure: leave it out.")
    _check_parameters(setup)


def _check_step(setup: Setup, loader: Any) -> None:
    if setup.step_fn is None:
        if len(setup.models) != 1:
            raise ArgumentError(
                f"model holds {len(setup.models)} models, and loss_fn needs one: pass step_fn, a step of your own."
            )
        if loader is None:
            raise ArgumentError("loader=None needs a step_fn: a function without arguments that makes one step.")
        return
    spare = {"loss_fn": setup.loss_fn, "clip": setup.clip, "autocast": setup.autocast}
    given = [name for name, value in spare.items() if value is not None]
    given += ["accumulate"] if setup.accumulate != 1 else []
    if given:
        raise ArgumentError(
            f"step_fn is a whole step, so {given[0]} would not be used: do it in step_fn, or drop step_fn."
        )


def _check_parameters(setup: Setup) -> None:
    if not setup.models:
        return
    owned = {id(parameter) for model in setup.models for parameter in model.parameters()}
    for name, optimizer in setup.optimizers.items():
        held: Iterable[Any] = (p for group in innermost(optimizer).param_groups for p in group["params"])
        if not any(id(parameter) in owned for parameter in held):
            which = "optimizer" if len(setup.optimizers) == 1 else f"optimizer {name!r}"
            raise ArgumentError(
                f"{which} holds no parameter of the model: build it from the parameters of the model that is passed "
                "(was the model copied, wrapped or moved after the optimizer was built?)."
            )
