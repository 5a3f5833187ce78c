"""Adam's pass, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from surefoot.torch.optim.compiled.memory import BLOCK, broken, cast, compiled, narrow, view, wide


@compiled
def adam(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, work: Any) -> None:
    """One step of Adam; see ``eager.gi_adam.adam``."""
    lr, keep, b1, rest1 = cast(s.lr, work), cast(s.keep, work), cast(s.b1, work), cast(1 - s.b1, work)
    b2, rest2, root, eps = cast(s.b2, work), cast(1 - s.b2, work), cast(s.root, work), cast(s.eps, work)
    for k in range(first, last):
        n = sizes[k]
        p, g = view(where[k, 0], n, low), view(where[k, 1], n, low)
        m, v = view(where[k, 2], n, work), view(where[k, 3], n, work)
        for a in range(0, n, BLOCK):
            ps, gs, ms, vs = p[a : a + BLOCK], g[a : a + BLOCK], m[a : a + BLOCK], v[a : a + BLOCK]
            if broken(gs, len(gs)):
                out[k, 0] += 1
                continue
            for i in range(len(gs)):
                gi = wide(gs[i])
                ms[i] = b1 * ms[i] + rest1 * gi
                vs[i] = b2 * vs[i] + rest2 * gi * gi
                ps[i] = narrow(keep * wide(ps[i]) - lr * ms[i] / (np.sqrt(vs[i]) * root + eps), low)
