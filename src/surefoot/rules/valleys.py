"""fastai's rules of a valley and of a sliding interval."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

import numpy as np

from surefoot.rules.prepared import FASTAI, Preparation, at, prepared


def valley(curve: Any, *, prepare: Preparation = FASTAI) -> float | None:
    """Return the rate half way into the second third of the longest valley: fastai's default.

    The valley ends at e, the first point that closes a longest strictly falling subsequence of m; n is that one's
    length, s = e - n its start, and the answer is lr[s + floor(n/3) + floor(n/6)]. None where the loss never falls.

    Weakness: it counts points instead of how deep they fall, so a plateau that sinks slowly for long draws the answer
    to rates at which nothing is learned: regret 9 % at the median, 14 % mean, 52 % worst on 15 small tasks.

    Source: fastai 2 (2021), ``callback.schedule.valley``, after ESRI's rule.
    """
    test = prepared(curve, prepare)
    if test is None:
        return None
    end, length = _longest_fall(test.losses.tolist())
    third = length / 3
    return at(float(test.lrs[max(end - length + int(third) + int(third / 2), 0)]))


def _longest_fall(losses: list[float]) -> tuple[int, int]:
    """Return the end and the length of the longest strictly falling subsequence, the one that ends first."""
    tops: list[float] = []
    end, best = 0, 1
    for k, loss in enumerate(losses):
        # tops[n] is the highest loss that ends a fall of n + 1 points, kept negative so that it is sorted.
        place = bisect_left(tops, -loss)
        tops[place : place + 1] = [-loss]
        if place + 1 > best:
            end, best = k, place + 1
    return end, best


def slide(
    curve: Any,
    *,
    prepare: Preparation = FASTAI,
    interval: int = 15,
    threshold: float = 0.005,
    adjust: float = 1.0,
) -> float | None:
    """Return the lower end of an interval of ``interval`` points that slides down until the slope is alike at its ends.

    From the highest rate down, while abs(g[r] - g[r - interval]) > ``threshold``, g the difference of m from point to
    point; the answer is ``adjust`` times the rate at the last lower end for which that held. None where the loss never
    falls, or for at most ``interval`` points.

    Weakness: the threshold is in units of the loss, so the answer changes when the loss is scaled, and a test whose end
    is flat is answered 15 points before its end whatever came before: regret 4 % at the median, 15 % mean, 94 % worst
    on 15 small tasks.

    Source: fastai 2 (2021), ``callback.schedule.slide``, after the interval rule of the platform.ai course (2019).
    """
    test = prepared(curve, prepare)
    if test is None or len(test.losses) <= interval:
        return None
    slopes = np.gradient(test.losses)
    gaps = np.abs(slopes[interval:] - slopes[:-interval])[::-1]
    alike = gaps <= threshold
    slid = int(np.argmax(alike)) if alike.any() else len(gaps)
    return at(adjust * float(test.lrs[-1 - interval - max(slid - 1, 0)]))
