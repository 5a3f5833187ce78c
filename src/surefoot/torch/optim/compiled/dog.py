"""DoG's passes, compiled."""

from __future__ import annotations

from typing import Any

from surefoot.torch.optim.compiled.memory import cast, compiled, view, wide


@compiled
def distance(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """Sum three squares; see ``eager.dog.distance``."""
    decay = cast(s.weight_decay, work)
    for k in range(first, last):
        g = view(where[k, 0], sizes[k], low)
        x, x0 = view(where[k, 1], sizes[k], work), view(where[k, 2], sizes[k], work)
        slope, gone, start = work, work, work
        for i in range(sizes[k]):
            gi, far = wide(g[i]) + decay * x[i], x[i] - x0[i]
            slope += gi * gi
            gone += far * far
            start += x0[i] * x0[i]
        out[k, 1], out[k, 2], out[k, 3] = slope, gone, start


@compiled
def move(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """Step; see ``eager.dog.move``."""
    lr, decay = cast(s.lr, work), cast(s.weight_decay, work)
    for k in range(first, last):
        g, x = view(where[k, 0], sizes[k], low), view(where[k, 1], sizes[k], work)
        for i in range(sizes[k]):
            x[i] -= lr * (wide(g[i]) + decay * x[i])


@compiled
def averaged(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """Step and average; see ``eager.dog.averaged``."""
    lr, decay, c = cast(s.lr, work), cast(s.weight_decay, work), cast(s.c, work)
    for k in range(first, last):
        g = view(where[k, 0], sizes[k], low)
        x, a = view(where[k, 1], sizes[k], work), view(where[k, 2], sizes[k], work)
        for i in range(sizes[k]):
            xi = x[i] - lr * (wide(g[i]) + decay * x[i])
            x[i] = xi
            a[i] += c * (xi - a[i])
