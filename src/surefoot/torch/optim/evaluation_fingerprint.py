"""Fingerprint: a few numbers beside an optimizer's state, by which weights are known again, x told from y.

A copy in bfloat16 changes a fingerprint by no more than rounding does. Pieces of distributed tensors have none: other
processes would have to be asked, and a checkpoint may be written by one of them alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

WIDTH, ROWS = 65_536, 16
ROUNDING = 2.0**-8
"""What a copy in bfloat16 changes, in units of the norm, with room to spare."""
_CLEARLY = 0.25

Entry = tuple[float, float, float] | None
"""Of one parameter: the fingerprint of the weights that the model holds, that of the others, and the norm."""


def fingerprint(tensor: Tensor) -> float:
    """Return the sum of ``tensor``'s elements, each times a number of its own between -1 and 1."""
    flat = tensor.detach().reshape(-1)
    kind = torch.float32 if flat.device.type == "mps" else torch.float64
    across = _waves(WIDTH, 0.7).to(flat.device, kind)
    total = torch.zeros((), dtype=kind, device=flat.device)
    for start in range(0, flat.numel(), WIDTH * ROWS):
        block = flat[start : start + WIDTH * ROWS].to(kind)
        whole = block.numel() // WIDTH * WIDTH
        sums = [block[:whole].view(-1, WIDTH) @ across, (block[whole:] @ across[: block.numel() - whole])[None]]
        rows = torch.cat(sums)
        down = torch.cos(1.3 * (start // WIDTH + torch.arange(len(rows), dtype=kind, device=flat.device)))
        total = total + rows @ down
    return float(total)


def has_one(tensor: Tensor) -> bool:
    """Say whether ``tensor`` lives here as a whole, and on a device."""
    return getattr(tensor, "device_mesh", None) is None and not tensor.is_meta


def entry(held: float, other: float, tensor: Tensor) -> Entry:
    """Return the entry of a parameter whose weights are about as large as ``tensor``."""
    norm = float(torch.linalg.vector_norm(tensor.detach(), dtype=torch.promote_types(tensor.dtype, torch.float32)))
    return (held, other, norm) if math.isfinite(held + other + norm) else None


def verdict(tensors: Sequence[Tensor], entries: Iterable[Entry]) -> str:
    """Say which weights ``tensors`` are: "held", "other", or "" where that can't be told.

    They are the others if they are four times nearer to them, and no further away than rounding to bfloat16 explains.
    """
    pairs = [(fingerprint(t), e) for t, e in zip(tensors, entries, strict=True) if e is not None and has_one(t)]
    if not pairs:
        return ""
    found = np.array([number for number, _ in pairs])
    held, other, norm = np.array([e for _, e in pairs], dtype=float).T
    to_held, to_other = (float(np.linalg.norm(found - there)) for there in (held, other))
    near = ROUNDING * float(np.linalg.norm(norm))
    if to_other <= near and to_other < _CLEARLY * to_held:
        return "other"
    return "held" if to_held <= near and to_held < _CLEARLY * to_other else ""


@cache
def _waves(length: int, pitch: float) -> Any:
    return torch.cos(pitch * torch.arange(length, dtype=torch.float64))
