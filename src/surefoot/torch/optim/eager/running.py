"""Running a kernel's eager twin piece by piece, so that what it makes on the way stays in the cache."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from surefoot.torch.optim.eager import foreach
from surefoot.torch.optim.kernel import Kernel, Row

PIECE = 131_072
"""Elements at a time on a CPU, so that what is made of them stays in its cache."""
FAR = 2**26
"""Elements at a time elsewhere: launches cost more than memory, so tensors go whole and many together; what is made on
the way is a few times 256 MB at most, or the size of the largest tensor."""


def run(kernel: Kernel, rows: Sequence[Row], scalars: Any) -> Tensor:
    """Run ``kernel`` over ``rows`` and return its sums, float64[kernel.sums + 1]; no piece is ever left out here."""
    total = torch.zeros(kernel.sums + 1, dtype=torch.float64)
    most = sys.maxsize if kernel.whole else PIECE
    for batch in _batches(rows, kernel.strides(scalars), most):
        fields = [list(column) for column in zip(*batch, strict=True)]
        parts = kernel.eager(fields, scalars) if kernel.whole else _piece(kernel, fields, scalars)
        if kernel.sums:
            total[1:] += torch.stack([part.reshape(()) for part in parts]).cpu().double()
    return total


def _piece(kernel: Kernel, fields: list[list[Tensor]], scalars: Any) -> Sequence[Tensor]:
    # Half precision is wide enough to store, never to compute in.
    work = reduce(torch.promote_types, (column[0].dtype for column in fields), torch.float32)
    low = {k for k, column in enumerate(fields) if column[0].dtype != work}
    wide = [[t.to(work) for t in column] if k in low else column for k, column in enumerate(fields)]
    sums = kernel.eager(wide, scalars)
    for k in low:
        if kernel.fields[k] in kernel.writes:
            foreach.copy_(fields[k], wide[k])
    return sums


def _batches(rows: Sequence[Row], strides: Sequence[int], most: int) -> Iterator[list[Row]]:
    """Yield lists of rows of the same types on the same device, of at most ``most`` elements each on a CPU."""
    batch: list[Row] = []
    size, kinds = 0, None
    for row in _pieces(rows, strides, most):
        n, here = row[0].numel(), (row[0].device, *(t.dtype for t in row))
        full = size + n > (most if row[0].is_cpu else max(most, FAR))
        if batch and (full or here != kinds):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size, kinds = size + n, here
    if batch:
        yield batch


def _pieces(rows: Sequence[Row], strides: Sequence[int], most: int) -> Iterator[Row]:
    size = max(strides) * max(most // max(strides), 1)
    for row in rows:
        n = row[0].numel()
        if n <= size or not row[0].is_cpu or not all(t.is_contiguous() for t in row):
            if n:
                yield row
            continue
        flat = tuple(t.view(-1) for t in row)
        for start in range(0, n, size):
            yield tuple(t[start // k : -(-(start + size) // k)] for t, k in zip(flat, strides, strict=True))
