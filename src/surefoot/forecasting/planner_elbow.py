"""The elbow of a cooldown: predicted before it begins, and looked for in the losses when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.errors import ArgumentError
from surefoot.history.columns import History
from surefoot.schedule import facts
from surefoot.schedule.core import Schedule

Values = NDArray[np.float64]

_LEAST = 16
_SIGMAS = 2.0
# The share of the distance between two ways to carry on that counts as one standard error. Chosen here.
_DOUBT = 0.25


@dataclass(frozen=True, slots=True)
class Elbow:
    """What a decay is expected to be worth: it begins at ``step``, and ends ``depth`` (loss) below a hold carried on.

    ``middle`` is the step at which half of the depth has come, ``low`` and ``high`` the interval of the depth. A
    ``Prediction`` has one where its schedule decays after a hold.
    """

    step: int
    middle: int
    depth: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ElbowCheck:
    """What a finished decay was worth: ``depth`` from ``low`` to ``high``, beside what was ``predicted`` (or None).

    ``found`` says whether there is an elbow at all, ``agrees`` whether the two intervals meet (None without a
    prediction), ``message`` is one sentence.
    """

    step: int
    depth: float
    low: float
    high: float
    predicted: Elbow | None
    found: bool
    agrees: bool | None
    message: str


def elbow_check(history: History, schedule: Schedule, predicted: Elbow | None = None) -> ElbowCheck:
    """Return what the last decay of ``schedule`` was worth in the losses of ``history``, which has run all of it.

    The losses of the hold, as many steps of it as the decay has, are carried on to the end as a line over step^-0.5.
    ``depth`` is that line minus the end of the decay: midway between the mean of the last sixteenth of its losses and
    the line through the last quarter. Validation losses are taken where there are 16 in each part; a last one that lies
    off the rest (a fuller evaluation) is left out. The interval is two standard errors, with a quarter of the distance
    between two ways to carry on, for the hold (the other is over log step) and for the end. On 16 cooldowns of a 124M
    transformer it held what the run that held on shows; the depth came within 4 % of that (one cooldown of 40 % at a
    low rate: 15 %) [X]. Raises ArgumentError for a schedule without a decay and for too few losses.

    Source: derived here [D]; SF406 looks for the same in a log without being told the schedule.
    """
    start, total = _decay(schedule)
    for name in ("val_loss", "loss"):
        parts = _parts(history, name, start, total)
        if parts is not None:
            break
    else:
        raise ArgumentError(
            f"history needs at least {_LEAST} losses in the hold before step {start} and {_LEAST} in the decay up to "
            f"step {total}: log more often, or pass the whole run."
        )
    depth, error = _depth(*parts, total)
    low, high = depth - _SIGMAS * error, depth + _SIGMAS * error
    agrees = None if predicted is None else low <= predicted.high and predicted.low <= high
    message = _message(depth, (low, high), start, predicted)
    return ElbowCheck(start, depth, low, high, predicted, low > 0.0, agrees, message)


def _decay(schedule: Any) -> tuple[int, int]:
    if not isinstance(schedule, Schedule) or schedule.total is None:
        raise ArgumentError("schedule must be a Schedule with an end: an open plan has no last decay.")
    start = facts.decay_start(schedule)
    if start is None or not 0 < start < schedule.total:
        raise ArgumentError("schedule has no decay after a hold or a warmup: there is no elbow to expect.")
    return start, schedule.total


def _parts(history: History, name: str, start: int, total: int) -> tuple[Values, Values, Values, Values] | None:
    """Return steps and losses of the hold and of the decay, None where one of them is too short."""
    if name not in history.names:
        return None
    order = np.argsort(history["step"], kind="stable")
    step, loss = history["step"][order], history[name][order]
    seen = np.isfinite(loss)
    ahead = seen & (step >= max(2 * start - total, 1)) & (step <= start)
    after = seen & (step > start) & (step <= total)
    if ahead.sum() < _LEAST or after.sum() < _LEAST or step[after].max() < start + 0.9 * (total - start):
        return None
    kept = slice(None, -1 if _apart(loss[after]) else None)
    return step[ahead], loss[ahead], step[after][kept], loss[after][kept]


def _apart(loss: Values) -> bool:
    """Return whether the last loss lies off the rest: often it is that of a fuller evaluation, on other data."""
    x = np.arange(len(loss) - max(len(loss) // 4, 5), len(loss) - 1)
    end, _ = _line(x.astype(np.float64), loss[x], len(loss) - 1.0)
    noise = float(np.std(np.diff(loss[x], 2))) / 6**0.5
    return abs(float(loss[-1]) - end) > max(6 * noise, 2e-3 * abs(end))


def _depth(step: Values, loss: Values, later: Values, lower: Values, total: int) -> tuple[float, float]:
    """Return how far the end lies below the hold carried on, and its standard error."""
    carried, error = _line(step**-0.5, loss, total**-0.5)
    other, _ = _line(np.log(step), loss, float(np.log(total)))
    quarter, last = (slice(-max(len(later) // part, 4), None) for part in (4, 16))
    # The line through the quarter goes on falling where the loss levels off, the mean stops short of the end.
    end, loose = _line(later[quarter], lower[quarter], float(total))
    short = float(lower[last].mean())
    doubts = (error, loose, _DOUBT * (carried - other), _DOUBT * (end - short))
    return carried - 0.5 * (end + short), float(np.linalg.norm(doubts))


def _line(x: Values, y: Values, at: float) -> tuple[float, float]:
    """Return the least-squares line of y over x at ``at``, and its standard error."""
    away, reach = x - x.mean(), at - float(x.mean())
    spread = float(np.sum(np.square(away)))
    slope = float(away @ y) / spread
    noise = float(np.sqrt(np.sum(np.square(y - y.mean() - slope * away)) / (len(x) - 2)))
    return float(y.mean()) + slope * reach, noise * float(np.sqrt(1.0 / len(x) + reach**2 / spread))


def _message(depth: float, interval: tuple[float, float], start: int, predicted: Elbow | None) -> str:
    low, high = interval
    seen = f"The decay from step {start} ended {depth:.3g} ({low:.3g} to {high:.3g}) below the hold carried on"
    if low <= 0.0:
        seen += ", which is no elbow: the rate of the hold was low, or the loss has a floor of its own"
    if predicted is None:
        return f"{seen}."
    told = f"{predicted.depth:.3g} ({predicted.low:.3g} to {predicted.high:.3g})"
    if low > predicted.high:
        return f"{seen}; deeper than the {told} predicted."
    if high < predicted.low:
        return f"{seen}; shallower than the {told} predicted."
    return f"{seen}; {told} was predicted."
