"""The refined schedule: gradient norms measured on one run, turned into the schedule that the convex bound wants next.

Where gradients are large early and shrink, warmup comes out of the norms by itself; where they are level, linear decay.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.errors import ArgumentError
from surefoot.history.columns import History
from surefoot.laws.numbers import inside, positive
from surefoot.schedule.core import Schedule
from surefoot.schedule.recipes.given import from_points

_POINTS = 1000
_LEAST = 16
_POWER = {"sgd": 2.0, "adam": 1.0}

Values = NDArray[np.float64]


def refined_rates(weights: ArrayLike) -> Values:
    """Return the shares ``w_t sum_{p>t} w_p / sum_p w_p`` of a peak, float64 of shape [updates]; the last is 0.

    ``weights`` w are G_t^-2 for SGD, G_t the L2 norm of the gradient at update t; 1 / |g_t|_1 for Adam-type optimizers.
    They are taken in units of the largest.
    Raises ArgumentError unless there is one weight at least, each finite and above 0.

    >>> refined_rates([1, 1, 1, 1, 1]).round(6).tolist()
    [0.8, 0.6, 0.4, 0.2, 0.0]
    >>> refined_rates(np.array([1.0, 2.0, 4.0, 4.0]) ** -2).round(6).tolist()
    [0.272727, 0.022727, 0.002841, 0.0]

    Source: find_schedule.py beside arXiv 2310.07831 (2023) [C]; Adam's weights [m]: there they are taken by hand.
    """
    w = np.asarray(weights, dtype=np.float64)
    if w.ndim != 1 or len(w) == 0 or not np.all(np.isfinite(w)) or w.min() <= 0:
        raise ArgumentError("weights must be at least one finite number > 0: G^-2 for SGD, 1/|g|_1 for Adam.")
    w = w / w.max()
    left = np.cumsum(w[::-1])[::-1]
    shares: Values = w * np.append(left[1:], 0.0) / left[0]
    return shares


def smoothed(norms: ArrayLike, share: float = 0.1) -> Values:
    """Return the median of each value and its neighbours, over ``2 (int(share n) // 2) + 1`` of the n values.

    Beyond the right end the values are reflected, so that the end of a run, where norms move most, is not flattened;
    beyond the left end the first one is repeated.

    >>> smoothed([1, 1, 9, 1, 1, 2, 3, 4, 5, 6], 0.3).tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 3.0, 4.0, 5.0, 5.0]

    Source: visual.py beside arXiv 2310.07831 (2023), there with a share of 0.1 of 10,000 points [C].
    """
    values = np.asarray(norms, dtype=np.float64)
    half = min(int(inside(share, "share", "a share of the run") * len(values)) // 2, len(values) - 1)
    if half < 1:
        return values.copy()
    padded = np.pad(np.pad(values, (half, 0), mode="edge"), (0, half), mode="reflect")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1))


def refined(
    history: History,
    *,
    total: int | None = None,
    peak: float | None = None,
    optimizer: str = "sgd",
    share: float = 0.1,
) -> Schedule:
    """Return the schedule that the gradient norms of ``history`` ask for, as a table of points that ends at 0.

    The column ``grad_norm`` is smoothed (see ``smoothed``) over ``share`` of the run and turned into rates (see
    ``refined_rates``); for ``optimizer`` "adam" it must hold L1 norms: L2 norms, which loggers write, are another
    quantity. ``total`` updates, that of the history unless given (the norms are stretched over them); ``peak`` is the
    highest rate, that of the history unless given. A peak tuned for another shape is another peak: ``relative_peak``.
    Raises ArgumentError for a history with fewer than 16 norms, or without a rate and ``peak``.

    >>> from surefoot.history.reading import Reading
    >>> run = History.of(Reading(t, 1.0, lr=0.1, grad_norm=2.0) for t in range(100))
    >>> refined(run)(0), round(refined(run)(25), 6), refined(run).total
    (0.1, 0.075, 100)

    Source: Optimal Linear Decay Learning Rate Schedules and Further Refinements, arXiv 2310.07831 (2023) [C].
    """
    if optimizer not in _POWER:
        raise ArgumentError(f"optimizer={optimizer!r} must be 'sgd' (L2 norms) or 'adam' (L1 norms).")
    step, norms = _logged(history)
    whole = int(step[-1]) + 1 if total is None else total
    if isinstance(whole, bool) or not isinstance(whole, int) or whole < 2:
        raise ArgumentError(f"total={total!r} must be an int >= 2: the updates of the next run.")
    places = np.unique(np.linspace(0, whole, min(whole, _POINTS) + 1).round().astype(int))
    seen = np.interp(places / whole, step / (step[-1] + 1), norms)
    shares = refined_rates((seen.min() / smoothed(seen, share)) ** _POWER[optimizer])
    top = _peak(history, peak)
    rates = top * (shares / shares.max())
    return from_points(list(zip(places.tolist(), rates.tolist(), strict=True)))


def _logged(history: Any) -> tuple[Values, Values]:
    """Return the steps and gradient norms that can be used: finite, above 0, in the order of the steps."""
    if not isinstance(history, History) or "grad_norm" not in history.names:
        raise ArgumentError("history must be a History with a column grad_norm: log the norm (clipping returns it).")
    step, norms = history["step"], history["grad_norm"]
    kept = np.isfinite(norms) & (norms > 0) & (step >= 0)
    if kept.sum() < _LEAST:
        raise ArgumentError(f"history has {int(kept.sum())} gradient norms; at least {_LEAST} finite ones are needed.")
    order = np.argsort(step[kept], kind="stable")
    return step[kept][order], norms[kept][order]


def _peak(history: History, peak: float | None) -> float:
    if peak is not None:
        return positive(peak, "peak", "the highest rate")
    rates = history["lr"] if "lr" in history.names else np.zeros(0)
    rates = rates[np.isfinite(rates) & (rates > 0)]
    if len(rates) == 0:
        raise ArgumentError("peak=None needs a history that logs lr: pass peak=, the highest rate.")
    return float(rates.max())
