"""Rules that read a slope or the minimum."""

from __future__ import annotations

from typing import Any

import numpy as np

from surefoot.rules.prepared import FASTAI, LIGHTNING, TORCH_LR_FINDER, Preparation, at, prepared


def steepest(curve: Any, *, prepare: Preparation = TORCH_LR_FINDER, forward: bool = False) -> float | None:
    """Return the rate at which the smoothed loss falls fastest over the logarithm of the rate.

    argmin over t of dm/d(ln lr), by central differences (``forward``: by forward ones, (m_{t+1} - m_t) / (ln lr_{t+1} -
    ln lr_t)); m as ``prepare`` says. On an exponential test the central one is torch-lr-finder's suggestion, and the
    forward one on ``rules.FASTAI`` is fastai's ``steep``. None where the loss never falls.

    Weakness: a smoothed loss lags behind, noise makes a slope anywhere, and the steepest point lies far below the best
    rate of a run as often as above it: regret 25 % at the median, 31 % mean, 100 % worst on 15 small tasks.

    Source: torch-lr-finder 0.2 (2020), ``LRFinder.plot``; fastai 2 (2021), ``callback.schedule.steep``.
    """
    test = prepared(curve, prepare)
    if test is None:
        return None
    logs = np.log(test.lrs)
    slopes = np.diff(test.losses) / np.diff(logs) if forward else np.gradient(test.losses, logs)
    return at(float(test.lrs[int(np.argmin(slopes))]))


def steepest_by_rate(curve: Any, *, prepare: Preparation = LIGHTNING) -> float | None:
    """Return the rate at which the smoothed loss falls fastest over the rate itself: Lightning's suggestion.

    argmin over t of dm/d(lr), by second-order differences over unequal steps. None where the loss never falls.

    Weakness: dm/d(lr) = dm/d(ln lr) / lr, so small rates win by their smallness: regret 92 % at the median, 75 % mean,
    100 % worst on 15 small tasks.

    Source: Lightning 2 (2023), ``pytorch.tuner.lr_finder``.
    """
    test = prepared(curve, prepare)
    if test is None:
        return None
    return at(float(test.lrs[int(np.argmin(np.gradient(test.losses, test.lrs)))]))


def minimum_tenth(curve: Any, *, prepare: Preparation = FASTAI, divisor: float = 10.0) -> float | None:
    """Return the rate of the lowest smoothed loss over ``divisor``: lr(argmin m) / 10. None where the loss never falls.

    Weakness: how far the minimum lies above the best rate depends on how long the test is and on how the task diverges,
    10 is a habit: regret 3 % at the median, 15 % mean, 75 % worst on 15 small tasks.

    Source: fastai 2 (2021), ``callback.schedule.minimum``; the tenth is folklore of its courses.
    """
    test = prepared(curve, prepare)
    return None if test is None else at(float(test.lrs[int(np.argmin(test.losses))]) / divisor)
