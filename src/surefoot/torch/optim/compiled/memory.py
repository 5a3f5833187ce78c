"""Memory by address: how a compiled loop sees a tensor, and the two types it may be stored in."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.extending import intrinsic, overload, register_jitable

from surefoot.torch.optim.compiled.caching import kept

BLOCK = 512
"""Elements that are looked at and then worked on: they are still in the nearest cache."""
OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    # Contraction and reassociation let loops and sums be vectorised; NaN and infinity keep their meaning.
    "fastmath": {"contract", "reassoc", "nsz", "arcp"},
}


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``function`` as a compiled loop, whose machine code is kept on disk; the decorator of every pass."""
    return kept(njit(**OPTIONS)(function), sys.modules[__name__])


@intrinsic
def _pointer(_context: Any, address: Any, like: Any) -> Any:
    kind = types.CPointer(like)

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(kind))

    return kind(address, like), generate


@intrinsic
def _bits_as_float(_context: Any, _bits: Any) -> Any:
    def generate(_ctx: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.uint32), generate


@intrinsic
def _float_as_bits(_context: Any, _number: Any) -> Any:
    def generate(_ctx: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.IntType(32))

    return types.uint32(types.float32), generate


@register_jitable
def view(address: int, size: int, like: Any) -> Any:
    """Return the ``size`` elements at ``address``, of the type of ``like`` (uint16 stands for bfloat16)."""
    return carray(_pointer(address, like), size)


def wide(stored: Any) -> Any:
    """Return a stored element as the number that is computed with: a bfloat16 as float32, others as they are."""
    return stored


@overload(wide, inline="always", strict=False)
def _wide(stored: Any) -> Any:
    if stored == types.uint16:
        return lambda stored: _bits_as_float(np.uint32(np.uint32(stored) << np.uint32(16)))
    return lambda stored: stored


def narrow(number: Any, like: Any) -> Any:
    """Return a number as it is stored: rounded to the nearest even bfloat16 where ``like`` is an uint16."""
    return type(like)(number)


@overload(narrow, inline="always", strict=False)
def _narrow(number: Any, like: Any) -> Any:
    if like == types.uint16:

        def rounded(number: Any, like: Any) -> Any:
            bits = _float_as_bits(number)
            # NaN keeps a bit of its fraction, which adding could carry away.
            odd = (bits >> np.uint32(16)) & np.uint32(1)
            up = (bits + np.uint32(0x7FFF) + odd) >> np.uint32(16)
            return np.uint16(np.uint32(0x7FC0) if number != number else up)  # noqa: PLR0124  NaN alone differs from itself

        return rounded
    return lambda number, like: number  # noqa: ARG005  as above


@register_jitable
def broken(g: Any, size: int) -> Any:
    """Say whether any of the first ``size`` elements is no finite number."""
    bad = 0
    for i in range(size):
        # An integer maximum is vectorised, which leaving the loop at the first would not be.
        bad = max(bad, np.int32(not np.isfinite(wide(g[i]))))
    return bad > 0


def cast(number: Any, like: Any) -> Any:
    """Return ``number`` in the type of ``like``: a float64 scalar must not widen a float32 loop."""
    return type(like)(number)


@overload(cast, inline="always", strict=False)
def _cast(number: Any, like: Any) -> Any:
    if like == types.float32:
        return lambda number, like: np.float32(number)  # noqa: ARG005  as above
    return lambda number, like: np.float64(number)  # noqa: ARG005  as above
