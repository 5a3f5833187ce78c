"""Backend: which twin of a kernel runs, chosen once and visible."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Literal

import torch
from torch import Tensor

from surefoot.errors import ArgumentError, MissingExtraError
from surefoot.torch.optim.eager import running as eager
from surefoot.torch.optim.kernel import Kernel, Row, plain

Backend = Literal["numba", "torch"]
CHOICES = ("auto", "numba", "torch")


def chosen(backend: str, parameters: Sequence[Tensor]) -> Backend:
    """Return the backend for ``parameters``: compiled loops where numba is installed and a parameter is on the CPU."""
    if backend not in CHOICES:
        raise ArgumentError(f"backend={backend!r}: give one of {', '.join(CHOICES)}.")
    here = find_spec("numba") is not None
    if backend == "numba" and not here:
        raise MissingExtraError("backend='numba' needs numba: pip install 'surefoot[fast]'.")
    suits = any(p.device.type == "cpu" and p.dtype != torch.float16 for p in parameters)
    if backend == "numba" and not suits:
        raise ArgumentError("backend='numba' runs on a CPU, on float32, float64 or bfloat16: give backend='torch'.")
    return "numba" if backend != "torch" and here and suits else "torch"


def run(kernel: Kernel, rows: Sequence[Row], scalars: Any, backend: Backend) -> Tensor:
    """Run one pass over ``rows`` and return its sums, float64[kernel.sums + 1]; empty tensors are left out."""
    numbers = plain(scalars)
    if backend == "torch":
        return eager.run(kernel, rows, numbers)
    from surefoot.torch.optim import chunking  # noqa: PLC0415  what it runs needs numba, an extra

    return chunking.run(kernel, rows, numbers)
