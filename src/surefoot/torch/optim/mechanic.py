"""Mechanic: a wrapper that learns how far to follow the updates of another optimizer."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, final

import torch
from torch import Tensor
from torch.optim import Optimizer

from surefoot.errors import ArgumentError
from surefoot.torch.optim.base import Work, each
from surefoot.torch.optim.checking import above, between
from surefoot.torch.optim.eager import mechanic as eager
from surefoot.torch.optim.kernel import Kernel
from surefoot.torch.optim.skipping import left_out
from surefoot.torch.optim.wrapping import Wrapper, alike

BETAS = (0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999)
MOST = 1e6
"""Where the scale ends: without decay it would grow like exp(2 sqrt(t)) under a steady gradient."""
DELTA, ORIGIN, SCALE = "mechanic_delta", "mechanic_x0", "mechanic_scale"
INNER = Kernel("mechanic:inner", ("p", "g", "delta"), (), eager.inner, sums=4)
APPLY = Kernel(
    "mechanic:apply",
    ("p", "g", "x0", "delta"),
    ("p", "delta"),
    partial(eager.apply, stored=torch.float32),
    stored=("p", "g", "x0"),
)


@dataclass(frozen=True, slots=True)
class Tuning:
    """What Mechanic is given: its averages' betas, the first scale, the decay lambda, eps, and whether to clip h."""

    betas: tuple[float, ...]
    s_init: float
    decay: float
    eps: float
    clip: bool


@final
class Mechanic(Wrapper):
    """Learn the scale of another optimizer's updates: x = x0 + S delta, delta the sum of its updates.

    Each update, with u the update of ``optimizer`` at its own rate, g the gradient and x the weights before it, one
    (s, r, m, v) for each beta b of ``betas`` (n of them, all from 0), and S = sum s::

        h = <delta, g + decay S |g|/|x| x>                      delta = delta + u
        m = max(b m, |h|)      v = b^2 v + h^2      r = max(0, b r - s h)
        s = (s_init m/n + r)/(sqrt(v) + eps)                    x = x0 + S delta, S of the new s

    So the first update moves nothing, and the second by ``s_init`` times the sum of two. With ``clip`` the h in r is
    held within -m and m, m of the update before, as the authors' code in optax does and that for torch does not. ``d``
    is S, and ``effective_lr`` S times the rate of the wrapped optimizer.

    State: 8 bytes a parameter besides the wrapped optimizer's (x0, and delta in float32; the paper computes delta
    from x, which loses it to rounding while S is small). It still needs a schedule, which goes on the wrapped
    optimizer as ever, with any peak: 1.0 is usual. Where it loses: a rate tuned for the same schedule is matched at
    best, and thousands of updates pass before S is found; steps that are normalised in length (LARS, LAMB) are
    outside its theory. Weights that somebody else writes between two updates are overwritten by the next. While
    gradients stay the same S grows to about 1/decay; beyond a million it never goes.

    Raises ArgumentError for an argument out of its range.

    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = Mechanic(torch.optim.SGD([w], lr=1.0))
    >>> for _ in range(100):
    ...     w.grad = w.detach().clone()
    ...     optimizer.step()
    >>> f"{optimizer.d:.1e} {w.item():.3f}"
    '1.8e-02 0.002'

    Source: Cutkosky, Defazio and Mehta, Mechanic: A Learning Rate Tuner, arXiv 2306.00144, 2023.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        *,
        betas: tuple[float, ...] = BETAS,
        s_init: float = 1e-8,
        decay: float = 0.01,
        eps: float = 1e-8,
        clip: bool = False,
        backend: str = "auto",
        skip_nonfinite: bool = True,
    ) -> None:
        if not isinstance(betas, (tuple, list)) or not betas:
            raise ArgumentError(f"betas={betas!r} must be one number or more, as in (0.9, 0.99, 0.999).")
        tuning = Tuning(
            betas=tuple(between(f"betas[{k}]", b, 0, 1) for k, b in enumerate(betas)),
            s_init=above("s_init", s_init, why="it is what everything grows from"),
            decay=between("decay", decay, 0),
            eps=between("eps", eps, 0),
            clip=clip,
        )
        zeros = (0.0,) * len(betas)
        numbers = {f"mechanic_{name}": zeros for name in "srmv"}
        super().__init__(optimizer, tuning, numbers, backend=backend, skip_nonfinite=skip_nonfinite)

    @property
    def d(self) -> float:
        """The learned scale S."""
        return math.fsum(self.param_groups[0]["mechanic_s"])

    @property
    def effective_lr(self) -> float:
        """The learned scale times the rate of the wrapped optimizer."""
        return self.d * self.inner_lr

    def _update(self, work: list[Work]) -> None:
        mine = self._own(work)
        rows = [row for part in mine for row in self._rows(part, (DELTA,))]
        gg, pp, dg, dp = self._pass(INNER, rows, eager.Scales(0.0, 0.0))
        if not math.isfinite(gg):
            left_out(self)
            return
        pull = self._settings.decay * self.d * math.sqrt(gg / pp) * dp if pp else 0.0
        self.optimizer.step()
        self._learn(dg + pull)
        self._returned(mine)
        self._write(mine)

    def _own(self, work: list[Work]) -> list[Work]:
        return self._borrowed(work, _begun, DELTA)

    def _learn(self, h: float) -> None:
        """Take one more product of gradient and displacement into the scale."""
        if not math.isfinite(h):
            return
        tuning, first = self._settings, self.param_groups[0]
        s, r, m, v = (first[f"mechanic_{name}"] for name in "srmv")
        betas = tuning.betas
        heard = tuple(max(-mi, min(h, mi)) if tuning.clip else h for mi in m)
        m = tuple(max(b * mi, abs(h)) for b, mi in zip(betas, m, strict=True))
        v = tuple(b * b * vi + h * h for b, vi in zip(betas, v, strict=True))
        r = tuple(max(0.0, b * ri - si * hi) for b, ri, si, hi in zip(betas, r, s, heard, strict=True))
        s = tuple(
            (tuning.s_init * mi / len(betas) + ri) / (math.sqrt(vi) + tuning.eps)
            for mi, vi, ri in zip(m, v, r, strict=True)
        )
        beyond = max(math.fsum(s) / MOST, 1.0)
        s = tuple(si / beyond for si in s)
        each(self.param_groups, mechanic_s=s, mechanic_r=r, mechanic_m=m, mechanic_v=v)

    def _write(self, mine: list[Work]) -> None:
        """Write the weights with the new scale."""
        new = self.d
        # One that had no gradient for a while still stands where an older scale put it.
        for (dtype, old), parts in alike(mine, lambda p, state: (p.dtype, state[SCALE])).items():
            kernel = replace(APPLY, eager=partial(eager.apply, stored=dtype))
            rows = [row for part in parts for row in self._rows(part, (ORIGIN, DELTA))]
            self._pass(kernel, rows, eager.Scales(old, new))
        for part in mine:
            for p in part.parameters:
                self.state[p][SCALE] = new


def _begun(parameter: Tensor) -> dict[str, Any]:
    work = torch.promote_types(parameter.dtype, torch.float32)
    x0 = parameter.detach().clone()
    return {ORIGIN: x0, DELTA: torch.zeros_like(parameter, dtype=work), SCALE: 0.0}
