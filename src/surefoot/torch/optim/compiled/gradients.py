"""Whether gradients are finite, compiled."""

from __future__ import annotations

from typing import Any

from surefoot.torch.optim.compiled.memory import broken, compiled, view


@compiled
def look(where: Any, sizes: Any, first: int, last: int, s: Any, out: Any, low: Any, _work: Any) -> None:
    """Mark every chunk with a gradient that is no finite number among the first ``s.most`` that it holds."""
    for k in range(first, last):
        n = min(sizes[k], s.most)
        out[k, 1] = broken(view(where[k, 0], n, low), n)
