"""Kernel: one pass over memory, as data; its two twins are a compiled loop and a few eager operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

Row = tuple[Tensor, ...]
"""The tensors of one parameter, in the order of the kernel's fields: local, of one shape."""
Fields = Sequence[list[Tensor]]
"""For each field of a kernel the tensors of several parameters, or of pieces of them."""
Eager = Callable[[Fields, Any], Sequence[Tensor]]


@dataclass(frozen=True, slots=True)
class Kernel:
    """What one pass reads and writes.

    ``name`` is ``module:function`` of the compiled twin below ``optim.compiled``, ``fields`` names the tensors of a
    row, ``writes`` those that the pass changes, ``eager`` is the twin in torch. Both take the same scalars: a named
    tuple of numbers, of which those that are annotated as ``float`` may come as any number or one-element tensor. The
    result is 1 + ``sums`` numbers, added up over all elements: first the number of pieces that were left as they were
    because they hold a gradient that is no finite number, then what the twins write as their own sums.

    Fields in ``sliced`` are flat and hold every n-th element of the others only, n being the scalar ``every``.

    The fields ``stored`` are of the parameter's own type, which may be of lower precision than the rest; arithmetic is
    done in that of the rest, which is float32 at least. With ``whole`` the eager twin makes no tensor of their size
    and is given them as they are, and the compiled one looks at the scalar ``most`` elements of each chunk alone.
    """

    name: str
    fields: tuple[str, ...]
    writes: tuple[str, ...]
    eager: Eager
    sums: int = 0
    sliced: tuple[str, ...] = ()
    stored: tuple[str, ...] = ("p", "g")
    whole: bool = False

    def strides(self, scalars: Any) -> list[int]:
        """Return for each field how many elements of the parameter one of its own stands for."""
        return [scalars.every if field in self.sliced else 1 for field in self.fields]


def plain(scalars: Any) -> Any:
    """Return the named tuple ``scalars`` with its floats as floats, so that none of them asks for another compilation.

    >>> from typing import NamedTuple
    >>> import torch
    >>> Pair = NamedTuple("Pair", [("rate", float), ("steps", int)])
    >>> plain(Pair(torch.tensor(1), 2))
    Pair(rate=1.0, steps=2)
    """
    kinds = type(scalars).__annotations__.values()
    return scalars._make(float(value) if kind in _FLOATS else value for value, kind in zip(scalars, kinds, strict=True))


_FLOATS = ("float", float)
