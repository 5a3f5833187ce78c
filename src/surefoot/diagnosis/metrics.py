"""Metrics: which columns judge a model besides its loss, which way is better, and whether one says "nothing learnt"."""

from __future__ import annotations

import re

import numpy as np

from surefoot.diagnosis.blocks import Blocks
from surefoot.diagnosis.trace import Trace
from surefoot.history.names import higher_is_better

_JUDGING = ("val", "test", "metrics")
_FLOOR = 0.9
_LEAST = 5


def better(name: str) -> int:
    """Return 1 where a higher value of this metric is better, -1 where a lower one is, 0 where it is no known metric.

    >>> better("val_accuracy"), better("val_wer"), better("val_loss"), better("metrics_map50")
    (1, -1, 0, 1)
    """
    higher = None if name.endswith("loss") else higher_is_better(name)
    return 0 if higher is None else 1 if higher else -1


def judging(trace: Trace) -> dict[str, Blocks]:
    """Return the metrics on data that is not trained on, by name; a bare ``accuracy`` is the training data's."""
    names = (name for name in trace.series if better(name) and name.startswith(_JUDGING))
    found = {name: trace[name].finite for name in names}
    return {name: points for name, points in found.items() if len(points) >= _LEAST}


def improved(trace: Trace, step: float) -> bool:
    """Say whether a judging metric is better at the end than it was at ``step``, by more than 2 %."""
    return any(_improved(points, step, better(name)) for name, points in judging(trace).items())


def _improved(points: Blocks, step: float, sign: int) -> bool:
    at = max(int(np.searchsorted(points.step, step, side="right")), 1)
    then, now = float(np.median(points.mean[:at][-3:])), float(np.median(points.mean[-3:]))
    return sign * (now - then) > 0.02 * abs(then)


def nothing_learnt(trace: Trace) -> bool:
    """Say whether a metric stands at its worst over the last half: error rates of 90 % and more, scores of 2 %."""
    for name, points in judging(trace).items():
        late = float(np.median(points.mean[len(points) // 2 :]))
        share = late / 100.0 if abs(late) > 1.5 else late
        # A perplexity or an error in the units of the target has no worst value.
        rate = re.search(r"(^|_)(wer|cer|error|err)($|_)", name) is not None
        if (better(name) > 0 and 0 <= share <= 0.02) or (rate and share >= _FLOOR):
            return True
    return False
