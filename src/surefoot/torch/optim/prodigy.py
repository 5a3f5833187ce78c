"""Prodigy: Adam that finds its own rate."""

from __future__ import annotations

import math
from collections import defaultdict
from operator import attrgetter
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from surefoot.errors import ArgumentError
from surefoot.torch.optim.base import Group, Work, each
from surefoot.torch.optim.checking import above, betas_of, between
from surefoot.torch.optim.dadapt import LIMIT, Adapting, common, decays, working
from surefoot.torch.optim.eager import prodigy as eager
from surefoot.torch.optim.kernel import Kernel, Row
from surefoot.torch.optim.prodigy_slices import every_nth, in_memory
from surefoot.torch.optim.sharding import shards


def _kernel(start: str, *, moving: bool) -> Kernel:
    state = ("exp_avg_sq", "s", *(start,) * bool(start), *("exp_avg",) * moving)
    writes, sliced = tuple(name for name in state if name != "p0"), ("s", "p0", "way")
    return Kernel("prodigy:step", ("p", "g", *state), ("p", *writes), eager.step, 2, sliced, ("p", "g", "p0"))


KERNELS = {(start, m): _kernel(start, moving=m) for start in ("p0", "way", "") for m in (False, True)}
"""By what is kept of the start (p0, the way gone since, or nothing where that is 0), and whether there is an m."""
_DTYPE, _DIM, _CONTIGUOUS = attrgetter("dtype"), Tensor.dim, Tensor.is_contiguous


@final
class Prodigy(Adapting):
    """Adam at the rate d lr, where d estimates the distance to the solution faster than D-Adaptation does.

    With k updates done, (b1, b2) ``betas``, b3 ``beta3`` (sqrt(b2) if None), wd ``weight_decay``, p0 the weights at the
    start, all elementwise, sums over all groups, and d as the update before left it::

        e = d lr                                      times sqrt(1 - b2^(k+1))/(1 - b1^(k+1)) if use_bias_correction
        num = b3 num + (d/d0) e sum <g, p0 - p>
        m = b1 m + (1 - b1) d g        v = b2 v + (1 - b2) d^2 g^2        s = b3 s + (d/d0) e g
        p = p - e wd p - e m/(sqrt(v) + d eps)
        d_hat = d_coef num/sum |s|        d_max = max(d_max, d_hat)        d = min(d_max, d growth_rate, d_limit)

    This one-pass form is the definition here; the reference takes the new d in d eps, which changes d by about 1e-4 of
    itself (and, where betas[0] = 0, in place of the d beside g, which v does not have). Other settings:

    - ``d_coef`` is the factor to tune first (0.5 to 2, up to 10); ``d0`` where d begins; ``growth_rate`` the most that
      d grows by in an update, after the first time that it grows at all.
    - ``d_limit``: where d ends. A gradient that never changes lets d grow for ever, for the solution is nowhere.
    - ``slice_p``: num and s look at every n-th element only, which saves memory and time (11 is usual); which they are
      follows the layout in memory. Not for sharded parameters, whose pieces would be cut anew on resume.
    - ``safeguard_warmup``: s takes up d for e; d is then not over-estimated while a warmup keeps lr small.
    - ``per_group``: a d for each group, for networks of different scale trained together; rates may differ then.
    - ``decouple``: AdamW's decay as above; otherwise wd p is added to g (``p.grad`` stays as it is).

    State: 8 + 8/slice_p bytes a parameter (float32); of a tensor that is 0 at the start (LoRA's B) p0 is one number; 4
    bytes less with betas[0] = 0. For bfloat16 and float16 the way gone, in float32, is kept in the place of p0. It
    still needs a schedule to the end, cosine or linear, with a peak ``lr`` of 1, no restarts; a warmup only with
    ``safeguard_warmup``. For diffusion its users add bias correction, weight_decay 0.01, betas (0.9, 0.99), and d0 up
    to 1e-4 where d stays small (folklore). Where it loses: a tuned AdamW with warmup and a schedule is matched at best;
    clipping hard can hold d at d0. Where all gradients are 0 at first, decoupled decay alone moves the weights. Raises
    ArgumentError for an argument out of its range, and in ``step`` where rates of groups with one d differ.

    >>> w = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = Prodigy([w])
    >>> for _ in range(20):
    ...     w.grad = w.detach().clone()
    ...     optimizer.step()
    >>> 0.1 < optimizer.d < 1
    True

    Source: Mishchenko and Defazio, Prodigy: An Expeditiously Adaptive Parameter-Free Learner, arXiv 2306.06101, 2023.
    """

    _sums: ClassVar[tuple[str, ...]] = ("d_numerator", "d_max", "d_hat")
    _agreed: ClassVar[tuple[str, ...]] = ("betas", "beta3", "d_coef", "use_bias_correction")
    _apart: ClassVar[str] = "give per_group=True for a d each, 0 leaves a group as it is"

    def __init__(
        self,
        params: Any,
        lr: float = 1.0,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        beta3: float | None = None,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decouple: bool = True,
        use_bias_correction: bool = False,
        safeguard_warmup: bool = False,
        d0: float = 1e-6,
        d_coef: float = 1.0,
        growth_rate: float = math.inf,
        d_limit: float = LIMIT,
        slice_p: int = 1,
        per_group: bool = False,
        backend: str = "auto",
        skip_nonfinite: bool = True,
    ) -> None:
        if isinstance(slice_p, bool) or not isinstance(slice_p, int) or slice_p < 1:
            raise ArgumentError(
                f"slice_p={slice_p!r} must be a whole number of at least 1: every which element counts."
            )
        defaults = {
            **common(lr, weight_decay, d0, growth_rate, d_limit, per_group=per_group),
            "betas": betas_of(betas),
            "beta3": beta3 if beta3 is None else between("beta3", beta3, 0, 1),
            "eps": above("eps", eps),
            "decouple": decouple,
            "use_bias_correction": use_bias_correction,
            "safeguard_warmup": safeguard_warmup,
            "d_coef": above("d_coef", d_coef),
            "slice_p": slice_p,
        }
        super().__init__(params, defaults, backend=backend, skip_nonfinite=skip_nonfinite)

    def _begin(self, parameter: Tensor, group: Group) -> dict[str, Any]:
        n, sharded = group["slice_p"], shards(parameter) is not None
        if sharded and n > 1:
            raise ArgumentError(f"slice_p={n}: a sharded parameter is not sliced; give slice_p=1.")
        few = parameter.detach().clone() if n == 1 else every_nth(parameter, n)
        state = {"exp_avg_sq": torch.zeros_like(parameter, dtype=working(parameter))}
        if group["betas"][0]:
            state["exp_avg"] = torch.zeros_like(state["exp_avg_sq"])
        state["s"] = torch.zeros_like(few, dtype=working(parameter))
        if working(parameter) != parameter.dtype:
            # Beside 1 a bfloat16 could not hold a move of d0: p0 - p would be 0, and d would never grow.
            return {**state, "way": torch.zeros_like(state["s"])}
        # Which passes run must not depend on what a process's own piece holds.
        zero = parameter.dim() and not sharded and not parameter.any()
        return {**state, "p0": few.new_zeros(()) if zero else few}

    def _advance(self, groups: list[Group], parts: list[Work], lr: float) -> None:
        head = groups[0]
        d, e = float(head["d"]), self._rate(head, lr)
        b3 = math.sqrt(head["betas"][1]) if head["beta3"] is None else head["beta3"]
        along = size = 0.0
        for part in parts:
            for (start, moving, _), rows in _kinds(part).items():
                s = _scalars(part.group, d, e, b3, start=start, moving=moving)
                here, long = self._pass(KERNELS[start, moving], rows, s)
                along += here
                size += long
        if size:
            num = b3 * head["d_numerator"] + d / head["d0"] * e * along
            each(groups, k=head["k"] + 1, d_numerator=num, **estimate(head, head["d_coef"] * num / size))


def _kinds(part: Work) -> dict[tuple[str, bool, torch.dtype], list[Row]]:
    """Return the rows of ``part`` by what is kept of the start, whether there is an m, and the parameter's type."""
    sliced = part.group["slice_p"] > 1
    starts = [state["p0"] if "p0" in state else state["way"] for state in part.states]
    columns = [*([state[name] for state in part.states] for name in ("exp_avg_sq", "s")), starts]
    averages = [state.get("exp_avg") for state in part.states]
    types = set(map(_DTYPE, part.parameters))
    # The usual case by the column: a hundred small tensors take a loop in Python longer than the pass.
    even = all(map(_DIM, starts)) and not any(m is None for m in averages)
    if even and len(types) == 1 and (not sliced or all(map(_CONTIGUOUS, part.parameters))):
        kind = "p0" if "p0" in part.states[0] else "way"
        return {(kind, True, types.pop()): list(zip(part.parameters, part.grads, *columns, averages, strict=True))}
    kinds: dict[tuple[str, bool, torch.dtype], list[Row]] = defaultdict(list)
    for p, g, state, v, s, start, m in zip(part.parameters, part.grads, part.states, *columns, averages, strict=True):
        kept, moving = bool(start.dim() or not p.dim()), m is not None
        kind = ("p0" if "p0" in state else "way") if kept else ""
        whole = (p, g, v, *(m,) * moving)
        first, slope, square, *last = in_memory(whole) if sliced else whole
        kinds[kind, moving, p.dtype].append((first, slope, square, s, *(start,) * kept, *last))
    return kinds


def _scalars(group: Group, d: float, e: float, b3: float, *, start: str, moving: bool) -> eager.Scalars:
    coupled, decay = decays(group)
    b1, b2 = group["betas"]
    return eager.Scalars(
        every=group["slice_p"],
        anchored=start == "p0",
        tracked=start == "way",
        moving=moving,
        coupled=coupled,
        decay=decay,
        b1=float(b1),
        take=(1.0 - b1) * d,
        b2=float(b2),
        square=(1.0 - b2) * d * d,
        b3=float(b3),
        push=d / group["d0"] * (d if group["safeguard_warmup"] else e),
        e=e,
        floor=d * group["eps"],
    )


def estimate(group: Group, d_hat: float) -> dict[str, float]:
    """Return what an estimate ``d_hat`` makes of ``group``: itself, the largest of them, and the new d."""
    d = float(group["d"])
    if not math.isfinite(d_hat):
        return {"d_hat": d_hat}
    highest = max(group["d_max"], d, d_hat)
    # The first estimate is taken whole: growth by a factor would take long from a d0 that is a guess.
    base = max(d, d_hat) if d == group["d0"] else d
    return {"d_hat": d_hat, "d_max": highest, "d": min(highest, base * group["growth_rate"], group["d_limit"])}
