"""Running a kernel's compiled twin: addresses of chunks of memory, shared among as many threads as torch uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from operator import attrgetter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surefoot.torch.optim.eager import running as eager
from surefoot.torch.optim.kernel import Kernel, Row

CHUNK, LOOKED = 32_768, 65_536
"""Elements at a time; of gradients that are only looked at. Sums are added chunk by chunk in this order, whatever the
number of threads."""
ALONE = 400_000
"""Elements below which starting threads costs more than it saves."""
SHARES = 8
"""Shares for each thread: whoever is held up by another process takes fewer of them."""
_STORED = {
    torch.float32: (torch.float32, np.float32(0), np.float32(0)),
    torch.float64: (torch.float64, np.float64(0), np.float64(0)),
    torch.bfloat16: (torch.float32, np.uint16(0), np.float32(0)),
}
"""The type that a parameter is stored in: that of the other tensors, and what stands for both in a compiled loop."""
Columns = Sequence[Sequence[Tensor]]

_DTYPE, _ON_CPU = attrgetter("dtype"), attrgetter("is_cpu")
_NUMEL, _POINTER, _CONTIGUOUS = Tensor.numel, Tensor.data_ptr, Tensor.is_contiguous


def run(kernel: Kernel, rows: Sequence[Row], scalars: Any) -> Tensor:
    """Run ``kernel`` over ``rows`` and return its sums, float64[kernel.sums + 1]; what it can't take runs in torch."""
    if not rows:
        return torch.zeros(kernel.sums + 1, dtype=torch.float64)
    columns, strides = list(zip(*rows, strict=True)), kernel.strides(scalars)
    if suits(kernel, columns, strides) and all(all(map(_CONTIGUOUS, column)) for column in columns):
        return torch.from_numpy(_run(kernel, columns, strides, scalars))
    return _sorted(kernel, rows, strides, scalars)


def suits(kernel: Kernel, columns: Columns, strides: Sequence[int]) -> bool:
    """Say whether the tensors of ``columns`` are on a CPU, of types that are known here, and as large as they must."""
    kinds, sizes = set(map(_DTYPE, columns[0])), list(map(_NUMEL, columns[0]))
    low = kinds.pop()
    if kinds or low not in _STORED:
        return False
    right = {stride: sizes if stride == 1 else [-(-size // stride) for size in sizes] for stride in set(strides)}
    for name, column, stride in zip(kernel.fields, columns, strides, strict=True):
        dtype = low if name in kernel.stored else _STORED[low][0]
        alike = set(map(_DTYPE, column)) == {dtype} and all(map(_ON_CPU, column))
        if not alike or list(map(_NUMEL, column)) != right[stride]:
            return False
    return True


def _sorted(kernel: Kernel, rows: Sequence[Row], strides: Sequence[int], scalars: Any) -> Tensor:
    """Run rows of several types and layouts: compiled by type, those that have no common order of memory in torch."""
    fast: dict[torch.dtype, list[Row]] = {}
    slow: list[Row] = []
    for row in rows:
        like = _alike(kernel, row) if suits(kernel, [(t,) for t in row], strides) else None
        if like is None:
            slow.append(row)
        else:
            fast.setdefault(row[0].dtype, []).append(like)
    total = eager.run(kernel, slow, scalars)
    for some in fast.values():
        total += torch.from_numpy(_run(kernel, list(zip(*some, strict=True)), strides, scalars))
    return total


def _alike(kernel: Kernel, row: Row) -> Row | None:
    """Return ``row`` if its tensors lie in memory in one order, without gaps; what is only read may be copied to do so.

    Any such order will do: channels last, or transposed.
    """
    if all(map(_CONTIGUOUS, row)):
        return row
    order = _order(row[0])
    # Every n-th element is one in the order of indices.
    if order is None or kernel.sliced:
        return None
    like = [
        t if _order(t) == order or name in kernel.writes else torch.empty_like(row[0], dtype=t.dtype).copy_(t)
        for name, t in zip(kernel.fields, row, strict=True)
    ]
    return tuple(like) if all(_order(t) == order for t in like) else None


def _order(tensor: Tensor) -> tuple[tuple[int, int], ...] | None:
    """Return the strides and sizes of the dimensions that count, None where memory between elements is not theirs."""
    counting = tuple((stride, size) for stride, size in zip(tensor.stride(), tensor.shape, strict=True) if size != 1)
    expected = 1
    for stride, size in sorted(counting):
        if stride != expected:
            return None
        expected *= size
    return counting


def _run(kernel: Kernel, columns: Columns, strides: Sequence[int], scalars: Any) -> NDArray[np.float64]:
    _, *like = _STORED[columns[0][0].dtype]
    where, sizes = _chunks(columns, strides, LOOKED if kernel.whole else CHUNK)
    out = np.zeros((len(sizes), kernel.sums + 1))
    loop = _loop(kernel.name)

    def share(first: int, last: int) -> None:
        loop(where, sizes, first, last, scalars, out, *like)

    threads, elements = torch.get_num_threads(), int(sizes.sum())
    seen = int(np.minimum(sizes, scalars.most).sum()) if kernel.whole else elements
    if threads == 1 or seen < ALONE:
        share(0, len(sizes))
    else:
        bounds = np.unique(np.searchsorted(np.cumsum(sizes), np.linspace(0, elements, threads * SHARES + 1)))
        bounds[-1] = len(sizes)
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(share, bounds[:-1], bounds[1:]))
    total: NDArray[np.float64] = out.sum(axis=0)
    return total


def _loop(name: str) -> Callable[..., None]:
    module, _, function = name.partition(":")
    loop: Callable[..., None] = getattr(import_module(f"surefoot.torch.optim.compiled.{module}"), function)
    return loop


def _chunks(columns: Columns, strides: Sequence[int], most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the addresses int64[chunks, fields] and the sizes int64[chunks] of the chunks of ``columns``."""
    rows = len(columns[0])
    bases = np.empty((rows, len(columns)), np.int64)
    for k, column in enumerate(columns):
        bases[:, k] = list(map(_POINTER, column))
    lengths = np.fromiter(map(_NUMEL, columns[0]), np.int64, rows)
    # A slice begins anew in each chunk, and chunks begin where vector instructions like to.
    step = 16 * max(strides)
    size = step * max(most // step, 1)
    counts = -(-lengths // size)
    if counts.max() <= 1:
        return bases, lengths
    widths = np.array([column[0].element_size() for column in columns])
    of = np.repeat(np.arange(rows), counts)
    offset = (np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)) * size
    return bases[of] + offset[:, None] // np.array(strides) * widths, np.minimum(lengths[of] - offset, size)
