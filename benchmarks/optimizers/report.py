"""The convergence table: the regret of each method against the tuned schedule, by task and over all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from entrants import METHODS
from grid import GRID, Known, known, lines
from methods import DEFAULTS
from suite import SUITE
from table import interval
from truth import truth

RESULTS = Path(__file__).parents[1] / "results"
BUILT_INS = ("tabular", "finetune", "finetune_lora", "digits", "digits_cnn", "mnist1d", "charlm")
SCHEDULED = "the task's own optimizer at its default rate, warmup and cosine"
Regrets = dict[str, dict[str, list[float]]]


def write(runs: Sequence[dict[str, Any]]) -> None:
    regrets = collected(runs)
    # The tasks that every main method has been run on; the others' rows say on how many of these they were.
    main = [one.name for one in METHODS if not one.late and not one.loss]
    tasks = sorted(set.intersection(*(set(regrets.get(name, {})) for name in [SCHEDULED, *main])))
    whole = [name for name in regrets if len(set(tasks) & set(regrets[name])) >= len(tasks) / 2]
    parts = (head(tasks), overall(regrets, whole, tasks), searched(regrets, tasks), words(regrets, tasks))
    text = "\n".join(line for part in (*parts, each(regrets, whole), peers(regrets)) for line in part)
    (RESULTS / "optimizers.md").write_text(text + "\n")
    print(text)


def collected(runs: Sequence[dict[str, Any]]) -> Regrets:
    """Return the regret of every run, by method and task: (its end - best) / (start - best), at most 1."""
    grid, rows = known(), built_in_rows((RESULTS / "tasks.md").read_text())
    found: Regrets = {SCHEDULED: {}}
    for entry in SUITE:
        if any(name == entry.name for name, _, _ in grid):
            found[SCHEDULED][entry.name] = [truth(entry.name, grid).regret(DEFAULTS[entry.optimizer])]
    found[SCHEDULED] |= {name: [regret(default, start, best)] for name, (start, best, default) in rows.items()}
    yardsticks = {name: best_of(grid, name) for name in found[SCHEDULED] if name not in rows}
    for run in runs:
        start, best = rows[run["task"]][:2] if run["task"] in rows else yardsticks[run["task"]]
        of = found.setdefault(run["method"], {}).setdefault(run["task"], [])
        of.append(regret(run["end"], start, best))
    return found


def regret(end: float, start: float, best: float) -> float:
    return float(min((end - best) / (start - best), 1.0)) if np.isfinite(end) else 1.0


def best_of(grid: Known, task: str) -> tuple[float, float]:
    """Return the loss at the start and that of the best rate of the grid, means over seeds."""
    ends: dict[float, list[float]] = {}
    starts: dict[int, float] = {}
    for (name, octave, seed), (start, end) in grid.items():
        if name == task:
            ends.setdefault(octave, []).append(end)
            starts[seed] = start
    most = max(map(len, ends.values()))
    return float(np.mean(list(starts.values()))), min(float(np.mean(e)) for e in ends.values() if len(e) == most)


def built_in_rows(text: str) -> dict[str, tuple[float, float, float]]:
    """Return, for each built-in task, the losses at the start, of the best rate and of the default rate."""
    rows = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if cells and cells[0] in BUILT_INS and re.fullmatch(r"\d+", cells[1]):
            rows[cells[0]] = (float(cells[4]), float(cells[6]), float(cells[9]))
    return rows


def head(tasks: Sequence[str]) -> Iterator[str]:
    yield "# What tuning-free methods reach at their defaults"
    yield ""
    yield "Regret: (held-out loss at the end - best) / (loss at initialisation - best), at most 100 %; best is that of"
    yield "complete runs of the task's own optimizer with warmup and a cosine over a grid of rates: **the tuned"
    yield "schedule, whose regret is 0**, at the price of a search. Below 0 a method beats it. Evaluated with their"
    yield "own averages, BatchNorm measured anew where there are any. Schedules know the length of the run, constant"
    yield "methods do not. One run a cell, two where the second seed was run; the yardstick is a mean of two."
    yield f"{len(tasks)} tasks of up to 3,000 updates: small; nothing here says how it is at scale."
    yield ""


def overall(regrets: Regrets, names: Sequence[str], tasks: Sequence[str]) -> Iterator[str]:
    yield "| method | tasks | mean regret (80 % interval) | median | worst | within 5 % | lost (>= 50 %) |"
    yield "|---|---|---|---|---|---|---|"
    for name in sorted(names, key=lambda name: np.mean(means(regrets[name], tasks))):
        values = means(regrets[name], tasks)
        low, high = interval(values)
        worst = max(set(tasks) & set(regrets[name]), key=lambda task: np.mean(regrets[name][task]))
        yield (
            f"| {name} | {len(values)} | {values.mean():.1%} ({low:.1%} to {high:.1%}) | {np.median(values):.1%} "
            f"| {values.max():.0%} ({worst}) | {(values <= 0.05).sum()} | {(values >= 0.5).sum()} |"
        )
    yield ""


def searched(regrets: Regrets, tasks: Sequence[str]) -> Iterator[str]:
    """Say what a short search for the rate reaches on those of the tasks that it was asked on."""
    grid, asked = known(), [r for r in lines(GRID.parent / "answers.jsonl") if r["method"] == "tune 0.5"]
    found = {task: [truth(task, grid).regret(r["lr"]) for r in asked if r["task"] == task] for task in tasks}
    values = np.array([np.mean(some) for some in found.values() if some])
    if len(values):
        same = [task for task, some in found.items() if some]
        constant = means(regrets[METHODS[0].name], same).mean()
        yield f"A search of half a run (`surefoot tune`, with warmup and cosine) on {len(values)} of these tasks: mean"
        yield f"{values.mean():.1%}, worst {values.max():.0%}, where AdamW at a constant 1e-3 has {constant:.1%}."
        yield ""


def words(regrets: Regrets, tasks: Sequence[str]) -> Iterator[str]:
    """Yield words.md, the conclusion as it was drawn from the table of November 2026, with the means put in."""

    def mean(found: re.Match[str]) -> str:
        return f"{means(regrets[found[1]], tasks).mean():.0%}"

    yield re.sub(r"{(.+?)}", mean, Path(__file__).with_name("words.md").read_text())


def means(of: dict[str, list[float]], tasks: Sequence[str]) -> np.ndarray:
    return np.array([np.mean(of[task]) for task in tasks if task in of])


def each(regrets: Regrets, names: Sequence[str]) -> Iterator[str]:
    tasks = [entry.name for entry in SUITE] + list(BUILT_INS)
    here = [task for task in tasks if any(task in regrets[name] for name in names[1:])]
    optimizers = {entry.name: entry.optimizer for entry in SUITE}
    yield "## Each task"
    yield ""
    for number, name in enumerate(names, 1):
        yield f"{number}. {name}"
    yield ""
    yield "| task | own optimizer | " + " | ".join(str(k + 1) for k in range(len(names))) + " |"
    yield "|---|---|" + "---|" * len(names)
    for task in here:
        cells = [f"{np.mean(regrets[name][task]):.0%}" if task in regrets[name] else "" for name in names]
        yield f"| {task} | {optimizers.get(task, 'built-in')} | " + " | ".join(cells) + " |"
    yield ""


def peers(regrets: Regrets) -> Iterator[str]:
    """Say how far the methods of other packages end from ours on the same runs."""
    twins = {
        "schedulefree AdamW": "Schedule-Free AdamW",
        "prodigyopt Prodigy": "Prodigy",
        "dadaptation Adam": "D-Adapt Adam",
    }
    yield "## Beside the reference packages"
    yield ""
    yield "| theirs | runs compared | median difference of the regrets | largest (task) |"
    yield "|---|---|---|---|"
    for theirs, ours in twins.items():
        both = {task: abs(v[0] - regrets[ours][task][0]) for task, v in regrets.get(theirs, {}).items()}
        if both:
            worst = max(both, key=lambda task: both[task])
            yield f"| {theirs} | {len(both)} | {np.median(list(both.values())):.2%} | {both[worst]:.1%} ({worst}) |"
