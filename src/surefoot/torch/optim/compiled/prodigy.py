"""Prodigy's pass, compiled; see ``eager.prodigy`` for what it does."""

from __future__ import annotations

from typing import Any

import numpy as np

from surefoot.torch.optim.compiled.memory import broken, cast, compiled, narrow, view, wide

BLOCK, SLICED = 2048, 512
"""Elements that stay in the nearest cache from one loop to the next, and are added up before the float64 sums."""


@compiled
def step(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """One step of Prodigy."""
    coupled, decay, e, floor = cast(s.coupled, work), cast(s.decay, work), cast(s.e, work), cast(s.floor, work)
    # Without an m its place holds v, which must not count.
    b1, take = cast(s.b1 if s.moving else 0.0, work), cast(s.take, work)
    b2, square = cast(s.b2, work), cast(s.square, work)
    b3, push, every = cast(s.b3, work), cast(s.push, work), s.every
    anchor = cast(1.0 if s.anchored else 0.0, work)
    # Sixteen elements are what one instruction takes: blocks begin where it likes to.
    size = BLOCK if every == 1 else every * 16 * max(SLICED // every // 16, 1)
    for k in range(first, last):
        n = sizes[k]
        few = (n + every - 1) // every
        p, g = view(where[k, 0], n, low), view(where[k, 1], n, low)
        v, far = view(where[k, 2], n, work), view(where[k, 3], few, work)
        # What is not there has another's address, and counts nothing.
        start, way = view(where[k, 4 if s.anchored else 0], few, low), view(where[k, 4 if s.tracked else 3], few, work)
        m = view(where[k, (5 if s.anchored or s.tracked else 4) if s.moving else 2], n, work)
        for a in range(0, n, size):
            pa, ga, va, ma = p[a : a + size], g[a : a + size], v[a : a + size], m[a : a + size]
            fa, sa = far[a // every : (a + size) // every], start[a // every : (a + size) // every]
            wa = way[a // every : (a + size) // every]
            if broken(ga, len(ga)):
                out[k, 0] += 1
                continue
            if every == 1 and s.moving and not s.tracked:
                along, long = _whole(
                    pa, ga, va, ma, fa, sa, anchor, coupled, decay, b1, take, b2, square, b3, push, e, floor, low
                )
            else:
                along, long = _few(pa, ga, fa, sa, wa, every, anchor, s.tracked, coupled, b3, push)
                if s.tracked:
                    _tracked(wa, pa, ga, va, ma, every, coupled, decay, b1, take, b2, square, e, floor)
                if s.moving:
                    _moved(pa, ga, va, ma, coupled, decay, b1, take, b2, square, e, floor, low)
                else:
                    _pushed(pa, ga, va, coupled, decay, take, b2, square, e, floor, low)
            out[k, 1] += along
            out[k, 2] += long


@compiled
def _whole(
    p: Any,
    g: Any,
    v: Any,
    m: Any,
    far: Any,
    start: Any,
    anchor: Any,
    coupled: Any,
    decay: Any,
    b1: Any,
    take: Any,
    b2: Any,
    square: Any,
    b3: Any,
    push: Any,
    e: Any,
    floor: Any,
    low: Any,
) -> Any:
    along, long = b3 - b3, b3 - b3
    for i in range(len(p)):
        x = wide(p[i])
        gi = wide(g[i]) + coupled * x
        along += gi * (anchor * wide(start[i]) - x)
        far[i] = b3 * far[i] + push * gi
        long += abs(far[i])
        m[i] = b1 * m[i] + take * gi
        v[i] = b2 * v[i] + square * gi * gi
        p[i] = narrow(x - e * (m[i] / (np.sqrt(v[i]) + floor) + decay * x), low)
    return along, long


@compiled
def _few(
    p: Any,
    g: Any,
    far: Any,
    start: Any,
    way: Any,
    every: int,
    anchor: Any,
    tracked: bool,
    coupled: Any,
    b3: Any,
    push: Any,
) -> Any:
    along, long = b3 - b3, b3 - b3
    for i in range(len(far)):
        x = wide(p[i * every])
        gi = wide(g[i * every]) + coupled * x
        along += gi * (way[i] if tracked else anchor * wide(start[i]) - x)
        far[i] = b3 * far[i] + push * gi
        long += abs(far[i])
    return along, long


@compiled
def _tracked(
    way: Any,
    p: Any,
    g: Any,
    v: Any,
    m: Any,
    every: int,
    coupled: Any,
    decay: Any,
    b1: Any,
    take: Any,
    b2: Any,
    square: Any,
    e: Any,
    floor: Any,
) -> None:
    for i in range(len(way)):
        x = wide(p[i * every])
        gi = wide(g[i * every]) + coupled * x
        up = b1 * m[i * every] + take * gi
        way[i] += e * (up / (np.sqrt(b2 * v[i * every] + square * gi * gi) + floor) + decay * x)


@compiled
def _moved(
    p: Any,
    g: Any,
    v: Any,
    m: Any,
    coupled: Any,
    decay: Any,
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
        p[i] = narrow(x - e * (m[i] / (np.sqrt(v[i]) + floor) + decay * x), low)


@compiled
def _pushed(
    p: Any, g: Any, v: Any, coupled: Any, decay: Any, take: Any, b2: Any, square: Any, e: Any, floor: Any, low: Any
) -> None:
    for i in range(len(p)):
        x = wide(p[i])
        gi = wide(g[i]) + coupled * x
        v[i] = b2 * v[i] + square * gi * gi
        p[i] = narrow(x - e * (take * gi / (np.sqrt(v[i]) + floor) + decay * x), low)


@compiled
def averaged(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """One step of Prodigy with Schedule-Free's averages."""
    b2, square, b3, push = cast(s.b2, work), cast(s.square, work), cast(s.b3, work), cast(s.push, work)
    floor, d, decay = cast(s.floor, work), cast(s.d, work), cast(s.decay, work)
    lr, y_lr, c = cast(s.lr, work), cast(s.y_lr, work), cast(s.c, work)
    for k in range(first, last):
        n = sizes[k]
        p, g, start = view(where[k, 0], n, low), view(where[k, 1], n, low), view(where[k, 5], n, low)
        z, v, far = view(where[k, 2], n, work), view(where[k, 3], n, work), view(where[k, 4], n, work)
        for a in range(0, n, BLOCK):
            pa, ga, sa = p[a : a + BLOCK], g[a : a + BLOCK], start[a : a + BLOCK]
            za, va, fa = z[a : a + BLOCK], v[a : a + BLOCK], far[a : a + BLOCK]
            if broken(ga, len(ga)):
                out[k, 0] += 1
                continue
            along, long = cast(0.0, work), cast(0.0, work)
            for i in range(len(ga)):
                y, gi = wide(pa[i]), wide(ga[i])
                along += gi * (wide(sa[i]) - y)
                fa[i] = b3 * fa[i] + push * gi
                long += abs(fa[i])
                va[i] = b2 * va[i] + square * gi * gi
                u = d * gi / (np.sqrt(va[i]) + floor) + decay * y
                pa[i] = narrow(y + c * (za[i] - y) - y_lr * u, low)
                za[i] -= lr * u
            out[k, 1] += along
            out[k, 2] += long
