"""Agreeing: the same numbers on every rank of a distributed run, so that all of them decide alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed
from torch import Tensor


def ranks() -> int:
    """Return the number of processes that train together."""
    here = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_world_size() if here else 1


def rank() -> int:
    """Return the number of this process among them."""
    return torch.distributed.get_rank() if ranks() > 1 else 0


def agreed(values: Sequence[Any], device: torch.device | None = None) -> list[float]:
    """Return ``values`` (numbers or tensors of one element) as floats, each the mean over all ranks.

    One transfer from the device, and one all-reduce where there are several ranks; a NaN on one is a NaN on all.

    >>> agreed([torch.tensor(2.0), 3])
    [2.0, 3.0]
    """
    at = next((value.device for value in values if isinstance(value, Tensor)), device)
    wide = torch.float32 if at is not None and at.type == "mps" else torch.float64
    parts = [torch.as_tensor(value, dtype=wide, device=at).detach().reshape(()) for value in values]
    vector = torch.stack(parts)
    count = ranks()
    if count > 1:
        torch.distributed.all_reduce(vector)
        vector /= count
    found: list[float] = vector.tolist()
    return found
