"""Adam's pass, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from surefoot.torch.optim.compiled.memory import broken, cast, compiled, narrow, view, wide


@compiled
def adam(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """One step of Adam; see ``eager.gi_adam.adam``."""
    lr, keep, b1, rest1 = cast(s.lr, work), cast(s.keep, work), cast(s.b1, work), cast(1 - s.b1, work)
    b2, rest2, root, eps = cast(s.b2, work), cast(1 - s.b2, work), cast(s.root, work), cast(s.eps, work)
    for k in range(first, last):
        p, g = view(where[k, 0], sizes[k], low), view(where[k, 1], sizes[k], low)
        m, v = view(where[k, 2], sizes[k], work), view(where[k, 3], sizes[k], work)
        if broken(g, sizes[k]):
            out[k, 0] = 1
            continue
        for i in range(sizes[k]):
            gi = wide(g[i])
            m[i] = b1 * m[i] + rest1 * gi
            v[i] = b2 * v[i] + rest2 * gi * gi
            p[i] = narrow(keep * wide(p[i]) - lr * m[i] / (np.sqrt(v[i]) * root + eps), low)
