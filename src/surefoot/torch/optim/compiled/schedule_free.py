"""Schedule-Free's passes, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from surefoot.torch.optim.compiled.memory import broken, cast, compiled, narrow, view, wide


@compiled
def sgd(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """One step of Schedule-Free SGD; see ``eager.schedule_free.sgd``."""
    lr, y_lr, c = cast(s.lr, work), cast(s.y_lr, work), cast(s.c, work)
    at_y, at_z = cast(s.decay_y, work), cast(s.decay_z, work)
    for k in range(first, last):
        p, g, z = view(where[k, 0], sizes[k], low), view(where[k, 1], sizes[k], low), view(where[k, 2], sizes[k], work)
        if broken(g, sizes[k]):
            out[k, 0] = 1
            continue
        for i in range(sizes[k]):
            y = wide(p[i])
            u = wide(g[i]) + at_y * y + at_z * z[i]
            p[i] = narrow(y + c * (z[i] - y) - y_lr * u, low)
            z[i] -= lr * u


@compiled
def adamw(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """One step of Schedule-Free AdamW; see ``eager.schedule_free.adamw``."""
    lr, y_lr, c = cast(s.lr, work), cast(s.y_lr, work), cast(s.c, work)
    at_y, at_z = cast(s.decay_y, work), cast(s.decay_z, work)
    b2, rest, root, eps = cast(s.b2, work), cast(1 - s.b2, work), cast(s.root, work), cast(s.eps, work)
    for k in range(first, last):
        p, g = view(where[k, 0], sizes[k], low), view(where[k, 1], sizes[k], low)
        z, v = view(where[k, 2], sizes[k], work), view(where[k, 3], sizes[k], work)
        if broken(g, sizes[k]):
            out[k, 0] = 1
            continue
        for i in range(sizes[k]):
            y, gi = wide(p[i]), wide(g[i])
            v[i] = b2 * v[i] + rest * gi * gi
            u = gi / (np.sqrt(v[i]) * root + eps) + at_y * y + at_z * z[i]
            p[i] = narrow(y + c * (z[i] - y) - y_lr * u, low)
            z[i] -= lr * u


@compiled
def heavy(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """One step of Schedule-Free AdamW with inner momentum; see ``eager.schedule_free.heavy``."""
    lr, y_lr, c = cast(s.lr, work), cast(s.y_lr, work), cast(s.c, work)
    at_y, at_z = cast(s.decay_y, work), cast(s.decay_z, work)
    b2, rest, root, eps = cast(s.b2, work), cast(1 - s.b2, work), cast(s.root, work), cast(s.eps, work)
    new, lift = cast(1 - s.m, work), cast(s.lift, work)
    for k in range(first, last):
        p, g = view(where[k, 0], sizes[k], low), view(where[k, 1], sizes[k], low)
        z, v, m = (
            view(where[k, 2], sizes[k], work),
            view(where[k, 3], sizes[k], work),
            view(where[k, 4], sizes[k], work),
        )
        if broken(g, sizes[k]):
            out[k, 0] = 1
            continue
        for i in range(sizes[k]):
            y, gi = wide(p[i]), wide(g[i])
            v[i] = b2 * v[i] + rest * gi * gi
            m[i] += new * (gi - m[i])
            u = lift * m[i] / (np.sqrt(v[i]) * root + eps) + at_y * y + at_z * z[i]
            p[i] = narrow(y + c * (z[i] - y) - y_lr * u, low)
            z[i] -= lr * u
