"""MoMo's passes, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from surefoot.torch.optim.compiled.memory import broken, cast, compiled, narrow, view, wide


@compiled
def watch(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """Average gradients; see ``eager.momo.watch``."""
    b1, rest1 = cast(s.b1, work), cast(1 - s.b1, work)
    for k in range(first, last):
        p, g = view(where[k, 0], sizes[k], low), view(where[k, 1], sizes[k], low)
        m = view(where[k, 2], sizes[k], work)
        if broken(g, sizes[k]):
            out[k, 0] = 1
            continue
        mp, gp, mm = work, work, work
        for i in range(sizes[k]):
            pi, gi = wide(p[i]), wide(g[i])
            mi = b1 * m[i] + rest1 * gi
            m[i] = mi
            mp += mi * pi
            gp += gi * pi
            mm += mi * mi
        out[k, 1], out[k, 2], out[k, 3] = mp, gp, mm


@compiled
def apply(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """Step along the average; see ``eager.momo.apply``."""
    lr, keep = cast(s.lr, work), cast(s.keep, work)
    for k in range(first, last):
        p, g = view(where[k, 0], sizes[k], low), view(where[k, 1], sizes[k], low)
        m = view(where[k, 2], sizes[k], work)
        if broken(g, sizes[k]):
            continue
        for i in range(sizes[k]):
            p[i] = narrow(keep * (wide(p[i]) - lr * m[i]), low)


@compiled
def watch_adam(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """Average gradients and their squares; see ``eager.momo.watch_adam``."""
    b1, rest1, root = cast(s.b1, work), cast(1 - s.b1, work), cast(s.root, work)
    b2, rest2, eps = cast(s.b2, work), cast(1 - s.b2, work), cast(s.eps, work)
    for k in range(first, last):
        p, g = view(where[k, 0], sizes[k], low), view(where[k, 1], sizes[k], low)
        m, v = view(where[k, 2], sizes[k], work), view(where[k, 3], sizes[k], work)
        if broken(g, sizes[k]):
            out[k, 0] = 1
            continue
        mp, gp, mm = work, work, work
        for i in range(sizes[k]):
            pi, gi = wide(p[i]), wide(g[i])
            mi = b1 * m[i] + rest1 * gi
            vi = b2 * v[i] + rest2 * gi * gi
            m[i], v[i] = mi, vi
            mp += mi * pi
            gp += gi * pi
            mm += mi * mi / (np.sqrt(vi) * root + eps)
        out[k, 1], out[k, 2], out[k, 3] = mp, gp, mm


@compiled
def apply_adam(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """Step along the scaled average; see ``eager.momo.apply_adam``."""
    lr, keep, root, eps = cast(s.lr, work), cast(s.keep, work), cast(s.root, work), cast(s.eps, work)
    for k in range(first, last):
        p, g = view(where[k, 0], sizes[k], low), view(where[k, 1], sizes[k], low)
        m, v = view(where[k, 2], sizes[k], work), view(where[k, 3], sizes[k], work)
        if broken(g, sizes[k]):
            continue
        for i in range(sizes[k]):
            p[i] = narrow(keep * (wide(p[i]) - lr * m[i] / (np.sqrt(v[i]) * root + eps)), low)


@compiled
def descent(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """Sum the average gradient along an update; see ``eager.momo.descent``."""
    for k in range(first, last):
        p, before = view(where[k, 0], sizes[k], low), view(where[k, 1], sizes[k], low)
        m = view(where[k, 2], sizes[k], work)
        along = work
        for i in range(sizes[k]):
            along += m[i] * (wide(p[i]) - wide(before[i]))
        out[k, 1] = along


@compiled
def shorten(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """Take a part of an update back; see ``eager.momo.shorten``."""
    share = cast(s.share, work)
    for k in range(first, last):
        p, before = view(where[k, 0], sizes[k], low), view(where[k, 1], sizes[k], low)
        for i in range(sizes[k]):
            start = wide(before[i])
            p[i] = narrow(start + share * (wide(p[i]) - start), low)
