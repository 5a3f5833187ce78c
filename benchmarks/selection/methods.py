"""How each method is asked for a rate, and what it costs, counted from outside."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from setup import Entry

import surefoot as sf

VALIDATION_BATCH = 1 / 3
"""What evaluating one held-out batch costs, in updates."""
# torch's own defaults; 0.1 for SGD is the recipe of ResNet (folklore), 1e-4 Lion's own.
DEFAULTS = {
    "sgd": 0.1, "momentum": 0.1, "nesterov": 0.1, "adam": 1e-3, "adamw": 1e-3, "nadam": 2e-3,
    "rmsprop": 1e-2, "adagrad": 1e-2, "lion": 1e-4, "adamax": 2e-3,
}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What a method said about a task: the rate (None is no answer), its region, its cost in full runs.

    ``loss`` is given by an optimizer of its own: the final validation loss of its run, which no grid of rates tells.
    """

    task: str
    method: str
    seed: int
    lr: float | None
    low: float | None
    high: float | None
    cost: float
    why: str = ""
    loss: float | None = None


class Counted:
    """A task of the suite that counts its updates and the held-out batches it evaluates, in updates."""

    def __init__(self, entry: Entry) -> None:
        self.entry, self.spent = entry, 0.0
        self.held = len(entry.build(0).held)

    def __call__(self, schedule: sf.Schedule, *, seed: int = 0) -> Iterator[sf.Reading]:
        for reading in self.entry.task(schedule, seed=seed):
            self.spent += 1
            yield sf.Reading(reading.step, reading.loss, lr=reading.lr, val_loss=self._judging(reading.val_loss))

    @property
    def runs(self) -> float:
        return self.spent / self.entry.total

    def _judging(self, validate: Any) -> Callable[[], float]:
        def judged() -> float:
            self.spent += self.held * VALIDATION_BATCH
            return float(validate())

        return judged


Method = Callable[[Entry, int], Answer]


def surefoot(verb: str, budget: float) -> Method:
    """Return the method that asks ``sf.find`` or ``sf.tune`` with ``budget`` runs."""

    def answer(entry: Entry, seed: int) -> Answer:
        task = Counted(entry)
        peak = getattr(sf, verb)(task, total=entry.total, budget=budget, recipe=entry.recipe, seed=seed)
        return Answer(entry.name, f"{verb} {budget:g}", seed, peak.lr, peak.low, peak.high, task.runs, peak.why)

    return answer


def default(entry: Entry, seed: int) -> Answer:
    return Answer(entry.name, "fixed default", seed, DEFAULTS[entry.optimizer], None, None, 0.0)


def eight_random(entry: Entry, seed: int) -> Answer:
    """Compress the full run to an eighth at each of 8 random rates (1e-5 to 10) and halve the winner."""
    task = Counted(entry)
    total = entry.total // 8
    rates = 10.0 ** np.random.default_rng([seed, len(entry.name)]).uniform(-5, 1, 8)
    ends = {float(rate): _end(task, entry.recipe(float(rate), total), seed) for rate in rates}
    winner = min(ends, key=lambda rate: ends[rate])
    return Answer(entry.name, "8 random, halved", seed, winner / 2, None, None, task.runs)


def _end(task: Counted, schedule: sf.Schedule, seed: int) -> float:
    for reading in task(schedule, seed=seed):
        if not math.isfinite(reading.loss):
            return math.inf
    end = reading.val_loss()  # type: ignore[operator]  # every task of the suite gives a function
    return end if math.isfinite(end) else math.inf


OWN: dict[str, Method] = {
    "find 0.25": surefoot("find", 0.25),
    "tune 0.5": surefoot("tune", 0.5),
    "tune 1": surefoot("tune", 1),
    "tune 3": surefoot("tune", 3),
}
SIMPLE: dict[str, Method] = {"fixed default": default, "8 random, halved": eight_random}
