"""Slices: every n-th element of a parameter, counted as they lie in memory."""

from __future__ import annotations

import torch
from torch import Tensor

from surefoot.torch.optim.kernel import Row


def in_memory(row: Row) -> Row:
    """Return the tensors of ``row`` flat, in the order in which the first lies in memory, as aliases where it is dense.

    A gradient that is laid out otherwise is copied; a row whose parameter is not dense is returned as it is.
    """
    p = row[0]
    if p.is_contiguous() or not _dense(p):
        return row
    alike = [t if t.stride() == p.stride() else torch.empty_like(p, dtype=t.dtype).copy_(t) for t in row]
    return tuple(t.as_strided((t.numel(),), (1,)) for t in alike)


def every_nth(parameter: Tensor, n: int) -> Tensor:
    """Return a flat copy of every ``n``-th element of ``parameter``, as ``in_memory`` counts them."""
    return in_memory((parameter.detach(),))[0].reshape(-1)[::n].clone()


def _dense(p: Tensor) -> bool:
    return torch.empty_like(p, device="meta").stride() == p.stride()
