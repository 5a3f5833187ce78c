"""The runs of a sweep: asked for setting by setting, and gathered into curves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from surefoot.curve import Curve
from surefoot.curve.surface import Surface, surface_of
from surefoot.errors import ArgumentError
from surefoot.search.execution import Bench
from surefoot.search.question import Question, count, positive
from surefoot.search.refining import Adaptive
from surefoot.search.running import Request
from surefoot.search.settings import Setting, middle, paired
from surefoot.trial import Trial


@dataclass(frozen=True, slots=True)
class Sweeping:
    """A sweep at work: what is asked, the bench that runs it, the seeds of every rate, and what was asked for."""

    question: Question
    bench: Bench
    seeds: tuple[int, ...]
    ran: set[str] = field(default_factory=set)


def seeds_of(seeds: Any) -> tuple[int, ...]:
    """Return the seeds that ``seeds`` counts or lists; raise ArgumentError for none."""
    if not isinstance(seeds, Iterable):
        return tuple(range(count(seeds, "seeds", "how many, or which")))
    found = tuple(count(seed, "seeds", "seeds are counts", 0) for seed in seeds)
    if not found:
        raise ArgumentError("seeds=[] is empty: give at least one seed, or how many.")
    return found


def rates_of(lrs: Iterable[float], name: str = "lrs") -> list[float]:
    """Return ``lrs`` as rates, each once; raise ArgumentError for none, or for what is no rate."""
    rates = [positive(lr, name) for lr in lrs]
    if not rates:
        raise ArgumentError(f"{name}=[] is empty: give at least one rate, e.g. numpy.geomspace(1e-4, 1, 9).")
    return rates


def requests(sweeping: Sweeping, setting: Setting, rates: Sequence[float]) -> list[Request]:
    """Return the runs of ``setting`` at ``rates`` under every seed that were not asked for before."""
    question = sweeping.question
    made = {lr: question.recipe(lr, setting.total) for lr in dict.fromkeys(rates)}
    knobs = dict(setting.knobs)
    found = [
        Request(question.task, made[lr], lr, setting.total, seed, setting.stage, knobs)
        for seed in sweeping.seeds
        for lr in made
    ]
    found = [request for request in found if request.key not in sweeping.ran]
    if found and not any(key.startswith(f"{setting.stage}|") for key in sweeping.ran):
        # The lowest rate has done least to the loss that it starts from.
        lowest = min(range(len(found)), key=lambda k: (found[k].lr, found[k].seed))
        found[lowest] = replace(found[lowest], judge_start=True)
    sweeping.ran.update(request.key for request in found)
    return found


def across(sweeping: Sweeping, settings: Sequence[Setting], rates: Sequence[float], chosen: Adaptive | None) -> bool:
    """Run every setting, at ``rates`` or at those ``chosen`` as it goes; return whether Ctrl-C came."""
    try:
        if chosen is None:
            sweeping.bench.run([one for setting in settings for one in requests(sweeping, setting, rates)])
            return False
        for setting in settings:
            _refined(sweeping, setting, chosen)
    except KeyboardInterrupt:
        return True
    return False


def _refined(sweeping: Sweeping, setting: Setting, chosen: Adaptive) -> None:
    rates = chosen.first()
    while rates:
        sweeping.bench.run(requests(sweeping, setting, rates))
        rates = chosen.next(_losses(sweeping, setting))


def _losses(sweeping: Sweeping, setting: Setting) -> dict[float, float]:
    return curve_of(sweeping, setting, interrupted=False).by_rate()


def curve_of(sweeping: Sweeping, setting: Setting, *, interrupted: bool) -> Curve:
    """Return the Curve of the trials of one setting that ended."""
    trials = tuple(one for one in sweeping.bench.trials if one.stage == setting.stage and one.total == setting.total)
    return Curve(trials, _start(trials), interrupted=interrupted)


def _start(trials: Sequence[Trial]) -> float:
    if not trials:
        return math.nan
    judged = [trial.start for trial in trials if trial.judged_start]
    return judged[0] if judged else trials[0].start


def over_both(sweeping: Sweeping, lrs: Mapping[str, list[float]], *, by: str, scheduled: bool) -> Surface:
    """Run two rates, each with each or one after the other, and return their Surface."""
    names = [name for name in lrs if name != "lr"]
    if len(lrs) != 2 or len(names) != 1:
        known = ", ".join(map(repr, lrs)) or "nothing"
        raise ArgumentError(f'lrs names {known}: name two rates, "lr" (the peak) and a knob of the task.')
    settings = paired(sweeping.question, names[0], lrs[names[0]], scheduled=scheduled)
    seconds = list(dict.fromkeys(lrs[names[0]]))
    interrupted = False
    try:
        if by == "grid":
            sweeping.bench.run([one for setting in settings for one in requests(sweeping, setting, lrs["lr"])])
        else:
            _descended(sweeping, settings, lrs["lr"], middle(seconds))
    except KeyboardInterrupt:
        interrupted = True
    curves = [curve_of(sweeping, setting, interrupted=interrupted) for setting in settings]
    return surface_of(("lr", names[0]), list(zip(seconds, curves, strict=True)))


def _descended(sweeping: Sweeping, settings: Sequence[Setting], rates: Sequence[float], k: int) -> None:
    """Go along the first rate and then the second, from setting ``k``, until the best pair is where it was."""
    seen: set[int] = set()
    while k not in seen:
        seen.add(k)
        sweeping.bench.run(requests(sweeping, settings[k], rates))
        losses = _losses(sweeping, settings[k])
        best = min(losses, key=lambda lr: losses[lr])
        sweeping.bench.run([one for setting in settings for one in requests(sweeping, setting, [best])])
        across_all = [_losses(sweeping, setting)[best] for setting in settings]
        k = min(range(len(settings)), key=lambda j: across_all[j])
