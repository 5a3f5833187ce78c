"""Loading: the state of an optimizer as it was saved, which torch would cast to the type of the parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer

from surefoot.errors import FormatError

Saved = dict[str, Any]


def restored(optimizer: Optimizer, saved: Saved, load: Callable[[Saved], None]) -> None:
    """Run torch's ``load(saved)``, then put the tensors of ``saved`` back in the types they have there, as copies."""
    load(saved)
    numbers = [number for group in saved["param_groups"] for number in group["params"]]
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for number, p in zip(numbers, parameters, strict=True):
        mine = optimizer.state[p] if number in saved["state"] else {}
        for name, value in saved["state"].get(number, {}).items():
            if torch.is_tensor(value) and name in mine:
                # torch hands over the very tensors where their type is right: two optimizers would write to one memory.
                mine[name] = value.detach().clone().to(mine[name].device)


def checked(optimizer: Optimizer, saved: Saved) -> Saved:
    """Return ``saved``; FormatError where its groups lack what ``optimizer`` keeps in them: another method wrote it."""
    for k, group in enumerate(saved.get("param_groups", ())):
        lacking = sorted(set(optimizer.defaults) - set(group) - {"differentiable"})
        if lacking:
            raise FormatError(
                f"state_dict: group {k} holds no {', '.join(lacking)}: it was not written by a "
                f"{type(optimizer).__name__}. Give the state_dict() of the same method."
            )
    return saved
