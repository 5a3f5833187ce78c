"""How good is the peak that find and tune recommend for the built-in tasks, against fixed defaults?

    OMP_NUM_THREADS=1 python benchmarks/tuning.py [NAME ...] > benchmarks/results/tuning.md

Each search runs under seeds 10, 11 and 12; every rate it is compared with is a complete run (warmup over 5 %, cosine
to zero) under seed 1, judged by the task's held-out loss. The grid is a factor 2 apart, three octaves either side of
tune's answer.
Regret: (loss - best) / (loss at initialisation - best), at most 100 %. Cost: updates counted outside, in full runs.
About half an hour on one core.
"""

from __future__ import annotations

import math
import platform
import sys
from collections.abc import Callable, Iterator
from typing import Any

from surefoot.search.finding import find
from surefoot.search.rungs import default_recipe
from surefoot.search.running import Request, run_trial
from surefoot.search.tuning import tune
from surefoot.tasks import BUILT_IN, resolve

SEARCHES: dict[str, tuple[Callable[..., Any], float]] = {
    "find 0.25": (find, 0.25),
    "tune 0.5": (tune, 0.5),
    "tune 1": (tune, 1.0),
    "tune 3": (tune, 3.0),
}
ASKED = (10, 11, 12)
# Folklore without a date: what people start with, by the optimizer of the task.
DEFAULTS = {
    "adam": (1e-3, 3e-4),
    "adamw": (1e-3, 3e-4),
    "momentum": (0.1, 0.01),
    "sgd": (0.1, 0.01),
    "muon": (0.02, 1e-3),
}


class Counted:
    """A task that counts its updates from outside the search."""

    def __init__(self, task: Callable[..., Iterator[Any]]) -> None:
        self.task, self.updates = task, 0

    def __call__(self, schedule: Any, seed: int = 0) -> Iterator[Any]:
        for value in self.task(schedule, seed=seed):
            self.updates += 1
            yield value


def full(task: Callable[..., Any], lr: float, total: int) -> tuple[float, float]:
    """Return the loss at initialisation and at the end of a complete run at ``lr``."""
    trial = run_trial(Request(task, default_recipe(lr, total), lr, total, seed=1, judge_start=True))
    return trial.start, min(trial.loss, trial.start) if math.isfinite(trial.loss) else trial.start


def row(name: str) -> dict[str, float]:
    """Print one line of the table and return the regrets."""
    entry, task = BUILT_IN[name], resolve(name)
    rates: dict[str, list[float | None]] = {}
    costs = {}
    for label, (verb, budget) in SEARCHES.items():
        counted = Counted(task)
        rates[label] = [verb(counted, total=entry.total, budget=budget, seed=seed).lr for seed in ASKED]
        costs[label] = counted.updates / entry.total / len(ASKED)
    answered = sorted(lr for lr in rates["tune 0.5"] if lr)
    middle = answered[len(answered) // 2] if answered else entry.default_lr
    defaults = sorted({*DEFAULTS[entry.optimizer], entry.default_lr})
    found = {lr for answers in rates.values() for lr in answers if lr}
    ends = {
        lr: full(task, lr, entry.total) for lr in sorted({*(middle * 2.0**k for k in range(-3, 4)), *defaults, *found})
    }
    start, best = next(iter(ends.values()))[0], min(end for _, end in ends.values())
    regret: dict[float | None, float] = {lr: min(1.0, (end - best) / (start - best)) for lr, (_, end) in ends.items()}
    regret[None] = 1.0
    means = {label: sum(regret[lr] for lr in answers) / len(answers) for label, answers in rates.items()}
    cells = [name, str(entry.total), entry.optimizer]
    for label, answers in rates.items():
        told = ", ".join(f"{lr:.2g}" if lr else "none" for lr in answers)
        cells.append(f"{told}: {100 * means[label]:.1f} % ({costs[label]:.2f})")
    cells.append("; ".join(f"{lr:g}: {100 * regret[lr]:.1f} %" for lr in defaults))
    cells.append(f"{min(ends, key=lambda lr: ends[lr][1]):.2g}")
    print("| " + " | ".join(cells) + " |", flush=True)
    return means | {
        "the task's default": regret[entry.default_lr],
        "the best of its defaults": min(regret[lr] for lr in defaults),
    }


def main() -> None:
    names = sys.argv[1:] or list(BUILT_IN)
    print("# The recommended peak on the built-in tasks\n")
    print(
        f"{platform.machine()}, one thread, Python {platform.python_version()}. Search under seeds 10, 11, 12, judged"
    )
    print("by complete runs under seed 1: the rates, their mean regret and (cost in runs). Below 1 % is noise.")
    print("The grid is a factor 2 apart, three octaves either side of tune's middle answer, and holds the defaults.\n")
    head = ["task", "updates", "optimizer", *SEARCHES, "fixed defaults", "best of the grid"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    rows = [row(name) for name in names]
    print("\n| method | mean regret | worst |\n|---|---|---|")
    for label in rows[0]:
        values = [100 * found[label] for found in rows]
        print(f"| {label} | {sum(values) / len(values):.1f} % | {max(values):.1f} % |")


if __name__ == "__main__":
    main()
