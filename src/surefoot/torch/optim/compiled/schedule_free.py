"""Schedule-Free's passes, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from surefoot.torch.optim.compiled.memory import BLOCK, broken, cast, compiled, narrow, view, wide


@compiled
def sgd(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """One step of Schedule-Free SGD; see ``eager.schedule_free.sgd``."""
    lr, y_lr, c = cast(s.lr, work), cast(s.y_lr, work), cast(s.c, work)
    at_y, at_z = cast(s.decay_y, work), cast(s.decay_z, work)
    for k in range(first, last):
        n = sizes[k]
        p, g, z = view(where[k, 0], n, low), view(where[k, 1], n, low), view(where[k, 2], n, work)
        for a in range(0, n, BLOCK):
            ps, gs, zs = p[a : a + BLOCK], g[a : a + BLOCK], z[a : a + BLOCK]
            if broken(gs, len(gs)):
                out[k, 0] += 1
                continue
            for i in range(len(gs)):
                y = wide(ps[i])
                u = wide(gs[i]) + at_y * y + at_z * zs[i]
                ps[i] = narrow(y + c * (zs[i] - y) - y_lr * u, low)
                zs[i] -= lr * u


@compiled
def adamw(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """One step of Schedule-Free AdamW; see ``eager.schedule_free.adamw``."""
    lr, y_lr, c = cast(s.lr, work), cast(s.y_lr, work), cast(s.c, work)
    at_y, at_z = cast(s.decay_y, work), cast(s.decay_z, work)
    b2, rest, root, eps = cast(s.b2, work), cast(1 - s.b2, work), cast(s.root, work), cast(s.eps, work)
    for k in range(first, last):
        n = sizes[k]
        p, g = view(where[k, 0], n, low), view(where[k, 1], n, low)
        z, v = view(where[k, 2], n, work), view(where[k, 3], n, work)
        for a in range(0, n, BLOCK):
            ps, gs, zs, vs = p[a : a + BLOCK], g[a : a + BLOCK], z[a : a + BLOCK], v[a : a + BLOCK]
            if broken(gs, len(gs)):
                out[k, 0] += 1
                continue
            for i in range(len(gs)):
                y, gi = wide(ps[i]), wide(gs[i])
                vs[i] = b2 * vs[i] + rest * gi * gi
                u = gi / (np.sqrt(vs[i]) * root + eps) + at_y * y + at_z * zs[i]
                ps[i] = narrow(y + c * (zs[i] - y) - y_lr * u, low)
                zs[i] -= lr * u


@compiled
def heavy(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """One step of Schedule-Free AdamW with inner momentum; see ``eager.schedule_free.heavy``."""
    lr, y_lr, c = cast(s.lr, work), cast(s.y_lr, work), cast(s.c, work)
    at_y, at_z = cast(s.decay_y, work), cast(s.decay_z, work)
    b2, rest, root, eps = cast(s.b2, work), cast(1 - s.b2, work), cast(s.root, work), cast(s.eps, work)
    new, lift = cast(1 - s.m, work), cast(s.lift, work)
    for k in range(first, last):
        n = sizes[k]
        p, g = view(where[k, 0], n, low), view(where[k, 1], n, low)
        z, v, m = (
            view(where[k, 2], n, work),
            view(where[k, 3], n, work),
            view(where[k, 4], n, work),
        )
        for a in range(0, n, BLOCK):
            ps, gs, zs, vs, ms = (
                p[a : a + BLOCK],
                g[a : a + BLOCK],
                z[a : a + BLOCK],
                v[a : a + BLOCK],
                m[a : a + BLOCK],
            )
            if broken(gs, len(gs)):
                out[k, 0] += 1
                continue
            for i in range(len(gs)):
                y, gi = wide(ps[i]), wide(gs[i])
                vs[i] = b2 * vs[i] + rest * gi * gi
                ms[i] += new * (gi - ms[i])
                u = lift * ms[i] / (np.sqrt(vs[i]) * root + eps) + at_y * y + at_z * zs[i]
                ps[i] = narrow(y + c * (zs[i] - y) - y_lr * u, low)
                zs[i] -= lr * u
