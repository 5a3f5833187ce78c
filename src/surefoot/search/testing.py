"""The range test by itself: one run whose rate rises, or a fresh start for every rate."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import wraps
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from surefoot.curve import Curve
from surefoot.errors import ArgumentError, TaskError
from surefoot.history.reading import Reading
from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import hold, ramp
from surefoot.search.question import count, positive
from surefoot.search.ranging import HIGH, LOW, STAGE
from surefoot.search.running import Request, run_trial
from surefoot.task import Task, checked, name_of

Spacing = Literal["exponential", "linear"]


def range_test(
    task: Task,
    *,
    steps: int = 100,
    low: float = LOW,
    high: float = HIGH,
    spacing: Spacing = "exponential",
    restart: int | None = None,
    judged: bool = False,
    seed: int = 0,
    knobs: Mapping[str, Any] | None = None,
) -> Curve:
    """Return the raw range test of ``task``: its rates and losses in ``test_lrs`` and ``test_losses``.

    One run of at most ``steps`` updates whose rate rises from ``low`` to ``high``: low (high / low)^(t / steps), or for
    ``spacing="linear"`` low + (high - low) t / steps; it ends early where the loss is lost. With ``restart`` each rate
    has that many updates from a fresh start instead, and its loss is the one that the next update meets: no rate
    inherits what lower ones did, for ``steps // (restart + 1)`` rates; ``cost_steps`` then counts one update a rate.
    ``judged``: the loss is the validation loss that the task yields, taken at every update, on whatever fixed batch the
    task measures it. What rules say of a test is in ``sf.rules``; ``find`` reads one and verifies what it says. Raises
    ArgumentError and TaskError.

    >>> def bowl(schedule):
    ...     x = 1.0
    ...     for step in range(schedule.total):
    ...         yield 2.0 * x * x
    ...         x -= schedule(step) * 4.0 * x
    >>> curve = range_test(bowl, steps=50)
    >>> curve.test_losses[0], len(curve.test_lrs) < 50
    (2.0, True)
    >>> fresh = range_test(bowl, steps=50, low=0.01, high=0.5, spacing="linear", restart=1)
    >>> len(fresh.test_lrs), round(fresh.test_lrs[12], 4), round(fresh.test_losses[12], 6)
    (25, 0.2452, 0.000737)

    Source: "Cyclical Learning Rates for Training Neural Networks", arXiv 1506.01186, 2015 (linear); the exponential
    form is folklore of 2017.
    """
    bottom, top = positive(low, "low"), positive(high, "high")
    if bottom >= top:
        raise ArgumentError(f"low={low!r} must be below high={high!r}: the rate rises from one to the other.")
    if spacing not in {"exponential", "linear"}:
        raise ArgumentError(f"spacing={spacing!r} must be 'exponential' or 'linear'.")
    length = count(steps, "steps", "the updates of the range test", least=2)
    run = validating(checked(task, knobs)) if judged else checked(task, knobs)
    request = Request(run, _rise(bottom, top, length, spacing), top, length, seed, STAGE, dict(knobs or {}))
    if restart is None:
        return _risen(request)
    updates = count(restart, "restart", "the updates that each rate has from a fresh start")
    if length < 2 * (updates + 1):
        raise ArgumentError(f"steps={steps!r} must be at least {2 * (updates + 1)}: two rates of {updates} updates.")
    return _restarted(request, request.schedule.array(0, length)[:: updates + 1][: length // (updates + 1)], updates)


def _rise(low: float, high: float, total: int, spacing: Spacing) -> Schedule:
    return Schedule(high, (ramp(low / high, 1.0, total, spacing),))


def _risen(request: Request) -> Curve:
    trial = run_trial(_whole(request, request.schedule, request.lr, request.steps))
    rates = request.schedule.array(0, trial.steps)
    return Curve((), trial.start, tuple(rates.tolist()), trial.losses)


def _restarted(request: Request, rates: NDArray[np.float64], updates: int) -> Curve:
    """Try each rate by itself, until one is lost: those above it would be as well."""
    losses: list[float] = []
    start = math.nan
    for rate in rates.tolist():
        trial = run_trial(_whole(request, Schedule(rate, (hold(updates + 1),)), rate, updates + 1))
        start = trial.start if math.isnan(start) else start
        losses.append(trial.losses[-1])
        if trial.status == "diverged":
            break
    return Curve((), start, tuple(rates[: len(losses)].tolist()), tuple(losses))


def _whole(request: Request, schedule: Schedule, lr: float, steps: int) -> Request:
    return Request(request.task, schedule, lr, steps, request.seed, STAGE, request.knobs, keep_all=True)


def validating(task: Task) -> Task:
    """Return ``task`` with its validation loss, taken at every update, for its loss.

    The task that is returned raises TaskError where an update yields none.
    """

    @wraps(task)
    def run(*arguments: Any, **knobs: Any) -> Iterator[float]:
        for value in task(*arguments, **knobs):
            judged = value.val_loss if isinstance(value, Reading) else None
            if judged is None:
                raise TaskError(
                    f"{name_of(task)} yields no val_loss, which judged=True reads at every update: yield "
                    "sf.Reading(step, loss, val_loss=function), or leave judged=False."
                )
            yield float(judged() if callable(judged) else judged)

    return run
