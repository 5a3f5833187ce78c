"""Running a kernel's compiled twin: addresses of chunks of memory, shared among as many threads as torch uses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surefoot.torch.optim.kernel import Kernel, Row

CHUNK = 32_768
"""Elements at a time; sums are added chunk by chunk in this order, whatever the number of threads."""
ALONE = 400_000
"""Elements below which starting threads costs more than it saves."""
_STORED = {
    torch.float32: (np.float32(0), np.float32(0)),
    torch.float64: (np.float64(0), np.float64(0)),
    torch.bfloat16: (np.uint16(0), np.float32(0)),
}


def takes(row: Row) -> bool:
    """Say whether a row can be run compiled: on a CPU, of a type that is known here, each tensor laid out alike."""
    p = row[0]
    if p.device.type != "cpu" or p.dtype not in _STORED:
        return False
    if all(t.is_contiguous() for t in row):
        return True
    # Any dense layout will do (channels last), as long as all the tensors share it.
    dense = torch.empty_like(p, device="meta").stride() == p.stride()
    return dense and all(t.stride() == p.stride() for t in row)


def run(kernel: Kernel, rows: Sequence[Row], scalars: object) -> Tensor:
    """Run ``kernel`` over ``rows``, all of them such as ``takes`` takes; return its sums, float64[kernel.sums + 1]."""
    total = np.zeros(kernel.sums + 1)
    for dtype in dict.fromkeys(row[0].dtype for row in rows):
        total += _run(kernel, [row for row in rows if row[0].dtype == dtype], scalars, _STORED[dtype])
    return torch.from_numpy(total)


def _run(kernel: Kernel, rows: Sequence[Row], scalars: object, like: tuple[Any, Any]) -> NDArray[np.float64]:
    where, sizes = _chunks(rows, kernel.strides(scalars))
    out = np.zeros((len(sizes), kernel.sums + 1))
    loop = _loop(kernel.name)

    def share(first: int, last: int) -> None:
        loop(where, sizes, first, last, scalars, out, *like)

    threads = torch.get_num_threads()
    if threads == 1 or int(sizes.sum()) < ALONE:
        share(0, len(sizes))
    else:
        cuts = np.searchsorted(np.cumsum(sizes), np.linspace(0, sizes.sum(), threads + 1)[1:-1]) + 1
        bounds = [0, *cuts.tolist(), len(sizes)]
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(share, bounds[:-1], bounds[1:]))
    total: NDArray[np.float64] = out.sum(axis=0)
    return total


def _loop(name: str) -> Callable[..., None]:
    module, _, function = name.partition(":")
    loop: Callable[..., None] = getattr(import_module(f"surefoot.torch.optim.compiled.{module}"), function)
    return loop


def _chunks(rows: Sequence[Row], strides: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the addresses int64[chunks, fields] and the sizes int64[chunks] of the chunks of ``rows``."""
    bases = np.array([[t.data_ptr() for t in row] for row in rows], dtype=np.int64)
    widths = np.array([[t.element_size() for t in row] for row in rows[:1]], dtype=np.int64)
    lengths = np.array([row[0].numel() for row in rows], dtype=np.int64)
    # A slice begins anew in each chunk.
    size = max(strides) * max(CHUNK // max(strides), 1)
    counts = -(-lengths // size)
    if not (counts > 1).any():
        return bases, lengths
    of = np.repeat(np.arange(len(rows)), counts)
    offset = (np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)) * size
    return bases[of] + offset[:, None] // np.array(strides) * widths, np.minimum(lengths[of] - offset, size)
