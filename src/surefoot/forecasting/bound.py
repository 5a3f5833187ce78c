"""The convex last-iterate bound: what theory says of any schedule before any run.

It ranks shapes and says how their best peaks compare. It is theory of convex functions with bounded gradients: its
best peak falls as total^-0.5, where 124M transformers measured -0.16 to -0.26, and its values are no losses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.errors import ArgumentError
from surefoot.laws.numbers import positive
from surefoot.schedule.core import Schedule

Rates = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bound:
    """The bound on f(x_T) - f* at the schedule's own ``peak``, as its three terms.

    ``distance`` (falls as 1/peak) is what is left of the way, ``noise`` and ``last`` (both grow with the peak) what the
    steps cost on average, and for ending on the last iterate instead of an average. Units: those of f.
    """

    peak: float
    distance: float
    noise: float
    last: float

    @property
    def value(self) -> float:
        """The bound: the sum of the three terms."""
        return self.distance + self.noise + self.last

    @property
    def best_peak(self) -> float:
        """The peak at which the shape's bound is lowest, ``peak sqrt(distance / (noise + last))``."""
        return self.peak * (math.sqrt(self.distance) / math.sqrt(self.noise + self.last))

    @property
    def best(self) -> float:
        """The bound at ``best_peak``, ``2 sqrt(distance (noise + last))``."""
        return 2.0 * math.sqrt(self.distance) * math.sqrt(self.noise + self.last)

    def at(self, peak: float) -> Bound:
        """Return the bound of the same shape at another ``peak`` (a rate > 0)."""
        k = positive(peak, "peak", "a rate") / self.peak
        return replace(self, peak=self.peak * k, distance=self.distance / k, noise=self.noise * k, last=self.last * k)


def bound(
    schedule: Schedule | ArrayLike,
    *,
    distance: float = 1.0,
    grad_norms: float | ArrayLike = 1.0,
    total: int | None = None,
) -> Bound:
    """Return the bound on the loss above the optimum after the last of ``total`` updates of ``schedule``.

    ``D^2/(2S) + sum_t eta_t^2 G_t^2 / (2S) + (1/2) sum_{k<T} [eta_k / sum_{t>k} eta_t] [sum_{t>=k} eta_t^2 G_t^2 /
    sum_{t>=k} eta_t]``, with eta_t the rate of update t (``schedule``, or its rates, float64 of shape [total]),
    S = sum eta_t, D = ``distance`` from the start to the optimum in parameter units, G_t = ``grad_norms``, the L2 norm
    of the gradient at update t (one number, or shape [total]). Updates at the rate 0 at the end move nothing and are
    left out; there the formula would divide by 0. A last rate that is next to nothing, but not 0, after a high one
    makes the bound huge, although the loss would not notice: the theorem has no better word for it.

    Raises ArgumentError for rates or norms below 0 or not finite, and where nothing moves.

    >>> bound([1.0]), bound([1.0, 1.0]).value
    (Bound(peak=1.0, distance=0.5, noise=0.5, last=0.0), 1.25)
    >>> from surefoot.schedule.recipes.decays import cosine, linear
    >>> [round(bound(recipe(1.0, total=1000)).best_peak * 1000**0.5, 4) for recipe in (linear, cosine)]
    [0.996, 0.9684]

    Source: Optimal Linear Decay Learning Rate Schedules and Further Refinements, arXiv 2310.07831 (2023), Theorem 10;
    The Surprising Agreement Between Convex Optimization Theory and Learning-Rate Scheduling, arXiv 2501.18965 (2025),
    whose code was read [C]; check values recomputed [X].
    """
    rates = _rates(schedule, total)
    steepest, norms = _norms(grad_norms, len(rates))
    far = positive(distance, "distance", "from the start to the optimum, in parameter units")
    moving = np.flatnonzero(rates)
    if len(moving) == 0:
        raise ArgumentError("schedule is 0 throughout: nothing moves, so there is no bound.")
    rates, norms = rates[: moving[-1] + 1], norms if norms.ndim == 0 else norms[: moving[-1] + 1]
    peak = float(rates.max())
    way, noise, last = _terms(rates / peak, norms)
    found = Bound(peak, far * far * way / peak, steepest * steepest * peak * noise, steepest * steepest * peak * last)
    if not (found.noise + found.last > 0 and math.isfinite(found.value) and found.distance > 0):
        raise ArgumentError(
            "schedule, distance and grad_norms together give a bound beyond all numbers: check their units, "
            "and that the rate does not end at next to nothing."
        )
    return found


def relative_peak(schedule: Schedule, reference: Schedule) -> float:
    """Return the best peak of ``schedule`` over that of ``reference``, by the bound, at one distance and gradient norm.

    A hold takes a lower peak than a long decay: more of the run is spent at the peak. So a peak is never carried
    unchanged from one shape to another. Measured, of WSD with a fifth of decay against cosine: "about half" (Hägele et
    al., arXiv 2405.18392, 2024 [2]).

    >>> from surefoot.schedule.recipes.decays import cosine
    >>> from surefoot.schedule.recipes.long import wsd
    >>> round(relative_peak(wsd(1, total=1000, shape="linear"), cosine(1, total=1000)), 2)
    0.53

    Source: arXiv 2501.18965 (2025) [C]; computed [X].
    """
    return bound(schedule).best_peak / bound(reference).best_peak


def second_stage(first: Schedule, longer: Schedule, at: int) -> float:
    """Return the factor on the rates of ``longer`` from step ``at`` on that leaves the peak of ``first`` the best one.

    ``first`` was planned for its own total, ``longer`` goes on for more at the same peak, and a longer run wants a
    lower peak. The past cannot be lowered, so the rest is: by the factor, in (0, 1], with which the bound's best peak
    of the whole is that of ``first``; 1.0 where none is needed. Raises ArgumentError unless 0 < ``at`` < the total of
    ``longer``, and where no factor does it.

    >>> from surefoot.schedule.recipes.long import wsd
    >>> first = wsd(1e-3, total=50_000, shape="linear")
    >>> [round(second_stage(first, wsd(1e-3, total=n, shape="linear"), 40_000), 3) for n in (100_000, 200_000)]
    [0.532, 0.374]

    Source: arXiv 2501.18965 (2025), which finds .525 and .375 on a grid of 0.025 [C]; solved here by bisection [X].
    """
    rates = _rates(longer, None)
    if isinstance(at, bool) or not isinstance(at, int) or not 0 < at < len(rates):
        raise ArgumentError(f"at={at!r} must be an int above 0 and below {len(rates)}, the total of longer.")
    aim, later = bound(first).best_peak, np.arange(len(rates)) >= at
    whole = rates / longer.peak

    def over(factor: float) -> bool:
        return bound(np.where(later, factor * whole, whole)).best_peak > aim

    if over(1.0):
        return 1.0
    low, high = 0.01, 1.0
    if not over(low):
        raise ArgumentError(f"at={at}: no factor above {low} keeps the peak of first the best one; branch off earlier.")
    while high - low > 1e-4:
        middle = 0.5 * (low + high)
        low, high = (middle, high) if over(middle) else (low, middle)
    return 0.5 * (low + high)


def _terms(rates: Rates, norms: Rates) -> tuple[float, float, float]:
    """Return the terms at unit distance for rates and norms of at most 1: sums from the end, so nothing cancels."""
    left = _suffix(rates)
    cost = _suffix(np.square(rates * norms))
    # A ratio of tiny sums may underflow to 0 or pass all numbers: the caller looks at what comes out.
    with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
        last = 0.5 * float(np.sum(rates[:-1] / left[1:] * (cost[:-1] / left[:-1])))
    return 0.5 / float(left[0]), 0.5 * float(cost[0] / left[0]), last


def _suffix(values: Rates) -> Rates:
    """Return the sum of each value and all after it."""
    return np.cumsum(values[::-1])[::-1]


def _rates(schedule: Any, total: int | None) -> Rates:
    if isinstance(schedule, Schedule):
        return schedule.array(0, total)
    rates = np.asarray(schedule, dtype=np.float64)[:total]
    if rates.ndim != 1 or len(rates) == 0 or not np.all(np.isfinite(rates)) or rates.min() < 0:
        raise ArgumentError("schedule must be a Schedule, or its rates: at least one, each finite and >= 0.")
    if total is not None and total != len(rates):
        raise ArgumentError(f"total={total!r} but schedule holds {len(rates)} rates: give as many, or leave it out.")
    return rates


def _norms(grad_norms: Any, steps: int) -> tuple[float, Rates]:
    """Return the largest norm, and the norms as shares of it."""
    norms = np.asarray(grad_norms, dtype=np.float64)
    if norms.ndim and norms.shape != (steps,):
        raise ArgumentError(f"grad_norms has shape {norms.shape}: it needs one number, or one for each of {steps}.")
    if not np.all(np.isfinite(norms)) or np.any(norms < 0) or not np.any(norms > 0):
        raise ArgumentError(
            "grad_norms must be finite norms >= 0, not all of them 0: a gradient's length at an update."
        )
    top = float(norms.max())
    return top, norms / top
