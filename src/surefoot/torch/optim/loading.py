"""Loading: the state of an optimizer as it was saved, which torch would cast to the type of the parameters."""

from __future__ import annotations

from typing import Any

import torch
from torch.optim import Optimizer


def restored(optimizer: Optimizer, saved: dict[str, Any]) -> None:
    """Put back, in place of what ``load_state_dict`` cast, the tensors of ``saved`` in the types they have there."""
    numbers = [number for group in saved["param_groups"] for number in group["params"]]
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for number, p in zip(numbers, parameters, strict=True):
        mine = optimizer.state[p] if number in saved["state"] else {}
        for name, value in saved["state"].get(number, {}).items():
            if torch.is_tensor(value) and value.is_floating_point() and mine[name].dtype != value.dtype:
                mine[name] = value.detach().clone().to(mine[name].device)
