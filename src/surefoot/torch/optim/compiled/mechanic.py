"""Mechanic's passes, compiled."""

from __future__ import annotations

from typing import Any

from numba.extending import register_jitable

from surefoot.torch.optim.compiled.memory import cast, compiled, narrow, view, wide


@register_jitable
def stored(number: Any, like: Any) -> Any:
    """Return a number as it reads once it has been stored; of its own, as numba can't inline ``narrow`` twice."""
    return wide(narrow(number, like))


@compiled
def inner(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """Sum the four inner products; see ``eager.mechanic.inner``."""
    for k in range(first, last):
        p, g = view(where[k, 0], sizes[k], low), view(where[k, 1], sizes[k], low)
        delta = view(where[k, 2], sizes[k], work)
        gg, pp, dg, dp = work, work, work, work
        for i in range(sizes[k]):
            pi, gi = wide(p[i]), wide(g[i])
            gg += gi * gi
            pp += pi * pi
            dg += delta[i] * gi
            dp += delta[i] * pi
        out[k, 1], out[k, 2], out[k, 3], out[k, 4] = gg, pp, dg, dp


@compiled
def apply(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """Take the update into delta, and write the weights anew; see ``eager.mechanic.apply``."""
    old, new = cast(s.old, work), cast(s.new, work)
    for k in range(first, last):
        p, x0 = view(where[k, 0], sizes[k], low), view(where[k, 2], sizes[k], low)
        delta = view(where[k, 3], sizes[k], work)
        for i in range(sizes[k]):
            start = wide(x0[i])
            delta[i] += wide(p[i]) - stored(start + old * delta[i], low)
            p[i] = narrow(start + new * delta[i], low)
