"""LR sensitivity: how much is lost, on average, by a rate chosen blindly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from surefoot.errors import ArgumentError

if TYPE_CHECKING:
    from surefoot.curve.curve import Curve

DECADES = 3.0
"""The width of the window in arXiv 2309.14322, which has it at 3e-4 to 3e-1."""


def sensitivity(curve: Curve, low: float | None = None, high: float | None = None) -> float | None:
    """Return the LR sensitivity of a sweep: how much is lost, on average, by a rate chosen blindly from a window.

    sensitivity = mean over eta in [low, high] of min(loss(eta), loss at initialisation) - best loss, in units of the
    loss. loss(eta) is the mean over seeds of the longest trials (``curve.by_rate()``), a rate that failed counts as
    ``curve.start_loss``; the mean is over ln eta, straight lines between neighbouring rates of the window; best loss is
    the lowest in the window. The window is 3 decades about the best rate, best/10^1.5 to best*10^1.5; ``low`` and
    ``high`` [rates] change it (the paper has 3e-4 to 3e-1 for AdamW), and a sweep that ends inside it is read as far as
    it goes. 0 means that any rate would do. None where fewer than two rates of the window were run, none ended well, or
    the initial loss is not known. Raises ArgumentError for a window without width.

    >>> from surefoot.curve import Curve, Trial
    >>> sensitivity(Curve((Trial(1e-3, 0, 9, 9, 1.0), Trial(1e-2, 0, 9, 9, 2.0)), start_loss=3.0))
    0.5

    Source: "Small-scale proxies for large-scale Transformer training instabilities", arXiv 2309.14322, 2023. There the
    mean is over the rates of an even grid; over ln eta it is the same up to the ends, and holds for an uneven grid too.
    """
    rates, losses = curve.means()
    start = curve.start_loss
    if not np.isfinite(losses).any() or not math.isfinite(start):
        return None
    low, high = window(float(rates[int(np.argmin(losses))]), low, high)
    inside = (rates >= low) & (rates <= high)
    x, y = np.log(rates[inside]), losses[inside]
    if len(x) < 2 or not np.isfinite(y).any():
        return None
    y = np.minimum(np.where(np.isfinite(y), y, start), start)
    area = float(((y[1:] + y[:-1]) / 2 * np.diff(x)).sum())
    return area / float(x[-1] - x[0]) - float(y.min())


def window(best: float, low: float | None = None, high: float | None = None) -> tuple[float, float]:
    """Return the window of rates that a sensitivity is about: 3 decades around ``best`` unless it is given.

    >>> [round(rate, 6) for rate in window(0.01)]
    [0.000316, 0.316228]
    """
    bottom = best / 10 ** (DECADES / 2) * (1 - 1e-9) if low is None else low
    top = best * 10 ** (DECADES / 2) * (1 + 1e-9) if high is None else high
    if not bottom < top:
        raise ArgumentError(f"low={low!r} must be below high={high!r}: they are the window of rates.")
    return bottom, top
