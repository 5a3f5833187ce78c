"""DoG, L-DoG and DoWG: SGD whose rate is the distance gone over the gradients met."""

from __future__ import annotations

import math
from typing import Any, final

from surefoot.torch.optim.base import Work
from surefoot.torch.optim.checking import above, between
from surefoot.torch.optim.distance import Distance, reached, single

GAMMA = 8.0
"""The authors' exponent of polynomial decay averaging."""


@final
class DoG(Distance):
    """Distance over gradients: SGD whose rate is the distance from the start over the norms of the gradients met.

    With g the gradient (``weight_decay`` times x added), x0 the weights at the start, norms over all parameters, and
    every sum and maximum over the updates so far, this one included::

        r = max(reps_rel (1 + |x0|), max |x - x0|)        G = sum |g|^2
        x = x - lr r/sqrt(G + eps) g

    and beside it the average a = a + c (x - a), c = (1 + gamma)/(t + gamma) at update t, gamma = ``average``, which is
    what to evaluate and save: without it the method loses most of its worth. ``average=None`` leaves it out. ``d`` is
    r, and ``effective_lr`` the rate of the last update. r is held below a million times 1 + |x0|: under a steady
    gradient it would grow until it overflows.

    State: 8 bytes a parameter (x0, and the average), 4 without the average; 4 more for weights in bfloat16 or
    float16, which are kept in float32 beside. It needs no rate, no warmup and no schedule; ``reps_rel`` must be small
    enough not to throw the first steps off (1e-4 with batch normalisation, 1e-8 where weights are large). Where it
    loses: to Adam wherever SGD does (transformers), and to a tuned schedule by what a decay at the end gives.

    Raises ArgumentError for an argument out of its range.

    >>> import torch
    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = DoG([w])
    >>> for _ in range(100):
    ...     w.grad = w.detach().clone()
    ...     optimizer.step()
    >>> f"{optimizer.d:.2f} {w.item():.2f}"
    '0.97 0.02'

    Source: Ivgi, Hinder and Carmon, DoG is SGD's Best Friend: A Parameter-Free Dynamic Step Size Schedule,
    arXiv 2302.12022, 2023; the average: Shamir and Zhang, Stochastic Gradient Descent for Non-smooth Optimization,
    arXiv 1212.1824, 2012.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        *,
        reps_rel: float = 1e-6,
        weight_decay: float = 0.0,
        eps: float = 1e-8,
        average: float | None = GAMMA,
        backend: str = "auto",
        skip_nonfinite: bool = True,
    ) -> None:
        defaults = _defaults(lr, reps_rel, weight_decay, eps)
        super().__init__(
            params, {**defaults, "d": 0.0, "met": 0.0}, average=average, backend=backend, skip_nonfinite=skip_nonfinite
        )

    @property
    def d(self) -> float:
        """The farthest from the start: r."""
        return float(self.param_groups[0]["d"])

    def _paces(self, work: list[Work]) -> list[tuple[Work, float]] | None:
        slope, gone, start = self._seen_by_all(work)
        if not math.isfinite(slope + gone):
            return None
        first = self.param_groups[0]
        d = reached(first["d"] or first["reps_rel"] * (1 + math.sqrt(start)), gone, start)
        met = first["met"] + slope
        self._shared(d=d, met=met)
        return [(part, d / math.sqrt(met + part.group["eps"])) if met else (part, 0.0) for part in work]


@final
class LDoG(Distance):
    """DoG with a rate for every parameter tensor: r and G of DoG are taken over each tensor alone.

    ``d`` is the largest r of a tensor, ``effective_lr`` the largest rate. Everything else is as in DoG, of which the
    formula, state, needs and limits are.

    Source: Ivgi, Hinder and Carmon, DoG is SGD's Best Friend: A Parameter-Free Dynamic Step Size Schedule,
    arXiv 2302.12022, 2023.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        *,
        reps_rel: float = 1e-6,
        weight_decay: float = 0.0,
        eps: float = 1e-8,
        average: float | None = GAMMA,
        backend: str = "auto",
        skip_nonfinite: bool = True,
    ) -> None:
        defaults = _defaults(lr, reps_rel, weight_decay, eps)
        super().__init__(params, defaults, average=average, backend=backend, skip_nonfinite=skip_nonfinite)

    @property
    def d(self) -> float:
        """The farthest that any tensor is from its start."""
        return max((state["d"] for state in self.state.values() if "d" in state), default=0.0)

    def _paces(self, work: list[Work]) -> list[tuple[Work, float]] | None:
        ones = [one for part in work for one in single(part)]
        seen = [self._seen(one) for one in ones]
        if not all(math.isfinite(slope + gone) for slope, gone, _ in seen):
            return None
        paces = []
        for one, (slope, gone, start) in zip(ones, seen, strict=True):
            state, group = one.states[0], one.group
            first = group["reps_rel"] * (1 + math.sqrt(start))
            state["d"] = reached(state.get("d", first), gone, start)
            state["met"] = state.get("met", 0.0) + slope
            paces.append((one, state["d"] / math.sqrt(state["met"] + group["eps"]) if state["met"] else 0.0))
        return paces


@final
class DoWG(Distance):
    """Distance over weighted gradients: DoG whose gradients count by how far the weights had come when they were met.

    With g, x0 and norms as in DoG::

        r = max(r, |x - x0|), from sqrt(eps)        V = V + r^2 |g|^2        x = x - lr r^2/(sqrt(V) + eps) g

    ``d`` is r, ``effective_lr`` the rate of the last update, and the average that of DoG. Its rate grows faster than
    DoG's: it needs more care where gradients are large, and is proven for the averaged weights only.

    State, needs and limits are those of DoG; instead of ``reps_rel`` there is ``eps``, the square of the first
    distance. Raises ArgumentError for an argument out of its range.

    Source: Khaled, Mishchenko and Jin, DoWG Unleashed: An Efficient Universal Parameter-Free Gradient Descent Method,
    arXiv 2305.16284, 2023.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        *,
        weight_decay: float = 0.0,
        eps: float = 1e-4,
        average: float | None = GAMMA,
        backend: str = "auto",
        skip_nonfinite: bool = True,
    ) -> None:
        defaults = {"lr": lr, "weight_decay": weight_decay, "eps": above("eps", eps), "d": math.sqrt(eps), "met": 0.0}
        super().__init__(params, defaults, average=average, backend=backend, skip_nonfinite=skip_nonfinite)

    @property
    def d(self) -> float:
        """The farthest from the start: r."""
        return float(self.param_groups[0]["d"])

    def _paces(self, work: list[Work]) -> list[tuple[Work, float]] | None:
        slope, gone, start = self._seen_by_all(work)
        if not math.isfinite(slope + gone):
            return None
        first = self.param_groups[0]
        d = reached(first["d"], gone, start)
        met = first["met"] + d * d * slope
        self._shared(d=d, met=met)
        return [(part, d * d / (math.sqrt(met) + part.group["eps"])) for part in work]


def _defaults(lr: float, reps_rel: float, weight_decay: float, eps: float) -> dict[str, Any]:
    return {
        "lr": lr,
        "weight_decay": weight_decay,
        "reps_rel": above("reps_rel", reps_rel, why="it is the first distance, from which the rate grows"),
        "eps": between("eps", eps, 0),
    }
