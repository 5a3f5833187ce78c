"""Prodigy's pass, compiled; see ``eager.prodigy`` for what it does."""

from __future__ import annotations

from typing import Any

import numpy as np

from surefoot.torch.optim.compiled.memory import broken, cast, compiled, narrow, view, wide

BLOCK = 2048
"""Elements that stay in the nearest cache from one loop to the next, and are added up before the float64 sums."""


@compiled
def step(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """One step of Prodigy."""
    coupled, keep, e, floor = cast(s.coupled, work), cast(s.keep, work), cast(s.e, work), cast(s.floor, work)
    b1, take, b2, square = cast(s.b1, work), cast(s.take, work), cast(s.b2, work), cast(s.square, work)
    b3, push, every = cast(s.b3, work), cast(s.push, work), s.every
    size = every * max(BLOCK // every, 1)
    for k in range(first, last):
        n = sizes[k]
        few = (n + every - 1) // every
        p, g = view(where[k, 0], n, low), view(where[k, 1], n, low)
        v, far = view(where[k, 2], n, work), view(where[k, 3], few, work)
        # What is not there has another's address, and is not read.
        start = view(where[k, 4 if s.anchored else 0], few, low)
        m = view(where[k, (5 if s.anchored else 4) if s.moving else 2], n, work)
        if broken(g, n):
            out[k, 0] = 1
            continue
        for a in range(0, n, size):
            pa, ga, va, ma = p[a : a + size], g[a : a + size], v[a : a + size], m[a : a + size]
            b, c = a // every, (a + size) // every
            if every == 1:
                along, long = _sums(pa, ga, far[b:c], start[b:c], s.anchored, coupled, b3, push)
            else:
                along, long = _sliced(pa, ga, far[b:c], start[b:c], every, s.anchored, coupled, b3, push)
            out[k, 1] += along
            out[k, 2] += long
            if s.moving:
                _moved(pa, ga, va, ma, coupled, keep, b1, take, b2, square, e, floor, low)
            else:
                _pushed(pa, ga, va, coupled, keep, b2, square, e * take, floor, low)


@compiled
def _sums(p: Any, g: Any, far: Any, start: Any, anchored: bool, coupled: Any, b3: Any, push: Any) -> Any:
    along, long = b3 - b3, b3 - b3
    for i in range(len(p)):
        x = wide(p[i])
        gi = wide(g[i]) + coupled * x
        along += gi * ((wide(start[i]) if anchored else b3 - b3) - x)
        far[i] = b3 * far[i] + push * gi
        long += abs(far[i])
    return along, long


@compiled
def _sliced(p: Any, g: Any, far: Any, start: Any, every: int, anchored: bool, coupled: Any, b3: Any, push: Any) -> Any:
    along, long = b3 - b3, b3 - b3
    for i in range(len(far)):
        x = wide(p[i * every])
        gi = wide(g[i * every]) + coupled * x
        along += gi * ((wide(start[i]) if anchored else b3 - b3) - x)
        far[i] = b3 * far[i] + push * gi
        long += abs(far[i])
    return along, long


@compiled
def _moved(
    p: Any,
    g: Any,
    v: Any,
    m: Any,
    coupled: Any,
    keep: Any,
    b1: Any,
    take: Any,
    b2: Any,
    square: Any,
    e: Any,
    floor: Any,
    low: Any,
) -> None:
    for i in range(len(p)):
        x = wide(p[i])
        gi = wide(g[i]) + coupled * x
        m[i] = b1 * m[i] + take * gi
        v[i] = b2 * v[i] + square * gi * gi
        p[i] = narrow(keep * x - e * m[i] / (np.sqrt(v[i]) + floor), low)


@compiled
def _pushed(
    p: Any, g: Any, v: Any, coupled: Any, keep: Any, b2: Any, square: Any, e: Any, floor: Any, low: Any
) -> None:
    for i in range(len(p)):
        x = wide(p[i])
        gi = wide(g[i]) + coupled * x
        v[i] = b2 * v[i] + square * gi * gi
        p[i] = narrow(keep * x - e * gi / (np.sqrt(v[i]) + floor), low)
