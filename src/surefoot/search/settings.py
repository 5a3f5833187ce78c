"""What a sweep varies besides the rate: the scale of the run, or a second rate."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from surefoot.errors import ArgumentError
from surefoot.laws.scale import Scale, updates
from surefoot.schedule.lengths import Length
from surefoot.search.question import Question, count, positive
from surefoot.task import checked, knob_names, name_of

_FIELDS = {f.name for f in fields(Scale)}
_TOTALS = ("total", "steps")
_OWN = ("steps", "tokens", "samples", "lr", "loss")


@dataclass(frozen=True, slots=True)
class Setting:
    """One curve of a sweep: the ``stage`` that its trials bear, its length, its knobs, and its scale."""

    stage: str
    total: int
    knobs: Mapping[str, Any]
    scale: Scale | None = None


def scaled(question: Question, scale: Any, *, timed: bool) -> tuple[Setting, ...]:
    """Return the settings of ``scale``: values by name, each with each, or Scales; raise ArgumentError otherwise.

    ``timed`` says that the question's total was asked for; otherwise every setting must bring its own.
    """
    settings = _product(question, scale) if isinstance(scale, Mapping) else _listed(question, scale)
    if not timed and any("total=" not in one.stage for one in settings):
        raise ArgumentError(
            "total is missing: give it, or the length of the runs in scale (total, or steps of Scales)."
        )
    return settings


def _listed(question: Question, scale: Any) -> tuple[Setting, ...]:
    if isinstance(scale, str | bytes) or not isinstance(scale, Iterable):
        raise ArgumentError(f'scale={scale!r} must be values by name, such as {{"width": [64, 128]}}, or sf.Scales.')
    found = list(scale)
    if not found or not all(isinstance(one, Scale) for one in found):
        raise ArgumentError(f"scale={found!r:.60} must hold sf.Scales, or be values by name.")
    settings = tuple(_at(question, one) for one in found)
    if len(settings) > 1 and len({(one.total, repr(sorted(one.knobs.items()))) for one in settings}) < len(settings):
        raise ArgumentError(
            f"scale holds Scales that {name_of(question.task)} cannot tell apart: each must change its total or a knob "
            "that the task takes."
        )
    return settings


def _product(question: Question, scale: Mapping[str, Any]) -> tuple[Setting, ...]:
    lists = {}
    for name, values in scale.items():
        if name not in _FIELDS | set(_TOTALS):
            raise ArgumentError(f"scale names {name!r}, which is none of total, {', '.join(sorted(_FIELDS))}.")
        if isinstance(values, str | bytes) or not isinstance(values, Iterable):
            raise ArgumentError(f"scale[{name!r}]={values!r} must be values, such as [64, 128, 256].")
        lists[name] = list(values)
        if not lists[name]:
            raise ArgumentError(f"scale[{name!r}] is empty: give its values, such as [64, 128, 256].")
    if not lists:
        raise ArgumentError('scale={} is empty: give values by name, such as {"width": [64, 128, 256]}.')
    made = []
    for values in itertools.product(*lists.values()):
        given = dict(zip(lists, values, strict=True))
        lengths = [given.pop(name) for name in _TOTALS if name in given]
        total = count(lengths[0], "scale['total']", "the updates of a run") if lengths else question.total
        known = {name: value for name, value in given.items() if not isinstance(value, bool)}
        about = Scale(**known, steps=None if set(known) & {"tokens", "samples"} else float(total))
        knobs = {**(question.knobs or {}), **given}
        checked(question.task, knobs)
        made.append(Setting(_stage(given, total if lengths else None), total, knobs, about))
    return tuple(made)


def _at(question: Question, scale: Scale) -> Setting:
    """Return the setting of one Scale: the knobs that the task takes of what it gives, and its length if it has one."""
    named = knob_names(question.task)
    given = {name: _bare(getattr(scale, name)) for name in scale.given if name not in _OWN}
    taken = {name: value for name, value in given.items() if named is None or name in named}
    timed = scale.steps is not None or (scale.batch is not None and (scale.tokens or scale.samples) is not None)
    total = max(round(updates(scale)), 1) if timed else question.total
    return Setting(_stage(taken, total if timed else None), total, {**(question.knobs or {}), **taken}, scale)


def _bare(value: Any) -> Any:
    """Return a quantity as a task takes it: whole numbers as int, an amount without its unit."""
    number = value.amount if isinstance(value, Length) else value
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _stage(given: Mapping[str, Any], total: int | None = None) -> str:
    shown = [f"{name}={value!r}" for name, value in given.items()]
    return " ".join(["sweep", *shown, *([] if total is None else [f"total={total}"])])


def paired(question: Question, name: str, values: Iterable[float], *, scheduled: bool) -> tuple[Setting, ...]:
    """Return a setting for each second rate: the number as a knob, or ``scheduled`` the recipe's schedule at it."""
    rates = list(dict.fromkeys(positive(value, name) for value in values))
    if not rates:
        raise ArgumentError(f"lrs[{name!r}] is empty: give at least one rate.")
    if name in (question.knobs or {}):
        raise ArgumentError(f"lrs names {name!r}, which knobs sets already: leave it out of one.")
    checked(question.task, {name: rates[0]})
    known = dict(question.knobs or {})
    made = {rate: question.recipe(rate, question.total) if scheduled else rate for rate in rates}
    return tuple(Setting(_stage({name: rate}), question.total, {**known, name: value}) for rate, value in made.items())


def middle(values: list[float]) -> int:
    """Return the place of the value nearest to the middle of ``values`` in their logarithms.

    >>> middle([1.0, 10.0, 1000.0])
    1
    """
    logs = [math.log(value) for value in values]
    centre = (min(logs) + max(logs)) / 2
    return min(range(len(logs)), key=lambda k: abs(logs[k] - centre))
