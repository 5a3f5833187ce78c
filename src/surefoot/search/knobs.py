"""A second knob chosen beside the peak: weight decay, momentum, warmup, or any other that the task takes."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from surefoot.curve import Curve, Peak
from surefoot.errors import ArgumentError
from surefoot.schedule.core import Schedule
from surefoot.schedule.recipes.decays import cosine
from surefoot.search.execution import Bench
from surefoot.search.question import Question
from surefoot.search.rungs import SHORTEST, VALIDATION, default_recipe
from surefoot.search.running import Request
from surefoot.task import checked, knob_names, name_of
from surefoot.trial import Trial

SHARE = 0.4
"""The share of the budget that the second knob gets; the rest finds the peak at the middle value."""
_SHORTEST = 1 / 64
_BESIDE = 0.8
"""Octaves on either side of the peak that are tried at the value that won."""
_CLEAR = 0.005
"""The share of the gain by which another value must be better than the middle one."""
_DECAYS = frozenset({"weight_decay", "wd", "decay"})


@dataclass(frozen=True, slots=True)
class Second:
    """The second knob: its ``name``, the ``values`` to choose from, rising, and whether the ``recipe`` takes it."""

    name: str
    values: tuple[float, ...]
    recipe: bool = False

    @property
    def middle(self) -> float:
        """The value that the peak is found at."""
        return self.values[(len(self.values) - 1) // 2]


def second_of(second: Any, question: Question) -> Second:
    """Return the checked second knob; raise ArgumentError for anything but a name with two values or more."""
    if not isinstance(second, Mapping) or len(second) != 1:
        raise ArgumentError(f'second={second!r} must name one knob and its values: {{"weight_decay": (0.01, 0.1)}}.')
    ((name, given),) = second.items()
    try:
        values = tuple(sorted({float(value) for value in given}))
    except (TypeError, ValueError):
        values = ()
    if len(values) < 2 or not all(math.isfinite(value) and value >= 0 for value in values):
        raise ArgumentError(f"second[{name!r}]={given!r} must be two finite numbers >= 0 or more.")
    if name == "momentum" and values[-1] >= 1:
        raise ArgumentError(f"second['momentum']={given!r} must be below 1.")
    if name in (question.knobs or {}):
        raise ArgumentError(f"second names {name!r}, which knobs sets already: leave it out of one.")
    named = knob_names(question.task)
    if name == "warmup" and (named is None or name not in named):
        _check_recipe(question)
        return Second(name, values, recipe=True)
    checked(question.task, {name: values[0]})
    return Second(name, values)


def _check_recipe(question: Question) -> None:
    if question.recipe is default_recipe:
        return
    parameters = inspect.signature(question.recipe).parameters
    if "warmup" not in parameters:
        raise ArgumentError(
            f"second names 'warmup', which neither {name_of(question.task)} nor recipe={name_of(question.recipe)} "
            "takes: write the recipe as (peak, total, warmup) -> Schedule."
        )


def chosen(question: Question, second: Second, bench: Bench, search: Callable[[Question, Bench], Peak]) -> Peak:
    """Return the peak that ``search`` finds at the middle value, with the value that is best at it.

    60 % of the budget finds the peak. The rest is complete runs of the recipe, compressed to one length L: one for each
    value, then two at the winner with the rate 0.8 octaves lower and higher, whose parabola with the first moves the
    peak. Within L of T updates a weight decay is multiplied by T / L, so that its timescale 1 / (lr wd) stays the same
    share of the run, and lr wd is held while the rate varies; a warmup is shortened by L / T; momentum is compared at
    the same lr / (1 - momentum). Another value than the middle one is taken only where it is better by 0.5 % of what
    training gained.

    Source: "How to set AdamW's weight decay as you scale model and dataset size", arXiv 2405.13698, 2024, for the
    timescale; the split and the thresholds are this project's, and were not studied.
    """
    first = math.floor(question.updates * (1 - SHARE))
    asked = replace(_at(question, second, second.middle), budget=question.budget * (1 - SHARE), updates=first)
    bench.budget = first
    found = search(asked, bench)
    bench.budget = question.updates
    found = replace(found, knobs={second.name: second.middle})
    if found.lr is None or found.curve.interrupted:
        return replace(found, total=question.total)
    count = len(second.values) + 2
    length = min((bench.left - count * VALIDATION) // count, question.total)
    if length < max(SHORTEST, _SHORTEST * question.total):
        said = f" The budget is too small to choose {second.name}, which stays at {second.middle:g}."
        return replace(found, why=found.why + said, cost_steps=bench.spent)
    return _decided(_Nest(question, second, bench, found.lr, length), found)


def _at(question: Question, second: Second, value: float) -> Question:
    if second.recipe:
        return replace(question, recipe=_Warm(question, value / question.total))
    return replace(question, knobs={**(question.knobs or {}), second.name: value})


@dataclass(frozen=True, slots=True)
class _Warm:
    """The recipe of ``question`` with a warmup over a share of the run."""

    question: Question
    share: float

    def __call__(self, peak: float, total: int) -> Schedule:
        warmup = min(round(self.share * total), total - 1)
        if self.question.recipe is default_recipe:
            return cosine(peak, total=total, warmup=warmup)
        made: Any = self.question.recipe
        result: Schedule = made(peak, total, warmup=warmup)
        return result


@dataclass(frozen=True, slots=True)
class _Nest:
    """The choice of a value at work: the peak ``lr`` at the middle value, and the ``length`` of every run."""

    question: Question
    second: Second
    bench: Bench
    lr: float
    length: int

    def rate(self, value: float) -> float:
        """Return the rate at which ``value`` is compared with the others."""
        if self.second.name != "momentum":
            return self.lr
        return self.lr * (1 - value) / (1 - self.second.middle)

    def request(self, value: float, octaves: float = 0.0) -> Request:
        """Return the run at ``value`` with the rate so many octaves from where it is compared."""
        question, lr = self.question, self.rate(value) * 2.0**octaves
        inside = value
        if self.second.name in _DECAYS:
            inside = value * question.total / self.length / 2.0**octaves
        at = _at(question, self.second, inside)
        stage = f"{self.second.name}={value:g}"
        return Request(at.task, at.recipe(lr, self.length), lr, self.length, question.seed, stage, dict(at.knobs or {}))


def _decided(nest: _Nest, found: Peak) -> Peak:
    second, interrupted = nest.second, False
    trials: list[Trial] = []
    lr, value, why = nest.lr, second.middle, "was stopped before its runs ended"
    try:
        trials += nest.bench.run([nest.request(one) for one in second.values])
        value, why = _best(nest, found, trials)
        beside = nest.bench.run([nest.request(value, octaves) for octaves in (-_BESIDE, _BESIDE)])
        middle = trials[second.values.index(value)]
        trials += beside
        lr = nest.rate(value) * 2.0 ** _moved([beside[0], middle, beside[1]])
    except KeyboardInterrupt:
        interrupted = True
    curve = found.curve
    share = f"{nest.length / nest.question.total:.2g} of a run"
    said = f" {second.name} {value:g} of {', '.join(f'{one:g}' for one in second.values)} {why} (runs of {share})."
    times = lr / nest.lr
    return replace(
        found,
        lr=lr,
        low=None if found.low is None else found.low * times,
        high=None if found.high is None else found.high * times,
        cost_steps=nest.bench.spent,
        why=found.why + said,
        total=nest.question.total,
        seconds=nest.bench.seconds,
        knobs={second.name: value},
        curve=Curve(
            (*curve.trials, *trials), curve.start_loss, curve.test_lrs, curve.test_losses,
            interrupted=curve.interrupted or interrupted,
        ),
    )  # fmt: skip


def _best(nest: _Nest, found: Peak, trials: Sequence[Trial]) -> tuple[float, str]:
    """Return the value to take and why: the best one, unless the middle one is as good."""
    losses = [math.inf if trial.failed else trial.loss for trial in trials]
    middle = losses[nest.second.values.index(nest.second.middle)]
    best = min(losses)
    gain = found.curve.start_loss - best
    if not (math.isfinite(best) and gain > 0):
        return nest.second.middle, "stays: no value did better than the start"
    ahead = (middle - best) / gain
    if ahead <= _CLEAR:
        return nest.second.middle, "stays: no other is clearly better"
    k = losses.index(best)
    end = ", at the end of the values given" if k in {0, len(losses) - 1} else ""
    return nest.second.values[k], f"was best, by {min(ahead, 1.0):.1%} of the gain over the middle one{end}"


def _moved(trials: Sequence[Trial]) -> float:
    """Return the octaves from the middle to the lowest point of a parabola through three runs, at most to either."""
    low, middle, high = (math.inf if trial.failed else trial.loss for trial in trials)
    if not math.isfinite(middle) or (math.isinf(low) and math.isinf(high)):
        return 0.0
    if math.isinf(high) or math.isinf(low):
        # Half a step away from the side that failed, where the other is no worse.
        side = -1 if math.isinf(high) else 1
        return side * _BESIDE / 2 if min(low, high) < middle else 0.0
    bend = low - 2 * middle + high
    if bend <= 0:
        return -_BESIDE if low < min(middle, high) else _BESIDE if high < middle else 0.0
    return max(min(_BESIDE * (low - high) / (2 * bend), _BESIDE), -_BESIDE)
