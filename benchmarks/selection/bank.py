"""A bank of short runs, from which replay.py answers the selector's trials without training anything.

    OMP_NUM_THREADS=1 python benchmarks/selection/bank.py [--seeds 10,11,12] [--tasks NAME,...]

Every task of the suite, under the seeds of the bank: probes of T/32 .. T/4, cold and warmed up, and runs of the recipe
of T/2, half an octave apart around the best rate of the grid, whole octaves further away on the short ones; under the
seeds that a search may only repeat complete runs with, those alone. benchmarks/results/selection/bank.jsonl holds them;
what is there is not run again, so a killed run goes on. Range tests (bank_tests.jsonl) are added by the replay that
first asks for them. Everything from nothing takes about an hour on one core.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from grid import RESULTS, known
from setup import Entry
from suite import SUITE
from truth import truth

import surefoot as sf
from surefoot.search.rungs import probe
from surefoot.search.running import Request, run_trial
from surefoot.trial import Trial

BANK, TESTS = RESULTS / "bank.jsonl", RESULTS / "bank_tests.jsonl"
SEEDS, REPEATS = (10, 11), (12,)
COLD, WARM, RECIPE = "c", "w", "r"
LOWEST, HIGHEST = -21, 7


class Run(NamedTuple):
    """What a short run left: of its training losses the first and the mean of the last tenth; a lost one has no loss.

    ``start`` and ``loss`` are validation losses, ``done`` the updates until it ended or was lost.
    """

    task: str
    kind: str
    seed: int
    steps: int
    octave: float
    loss: float | None
    start: float
    done: int
    first: float | None
    tail: float | None

    @property
    def key(self) -> tuple[str, str, int, int, float]:
        return self[:5]


class RangeTest(NamedTuple):
    """A range test of ``steps`` updates from ``low`` to ``high``: its losses (None: no number), and where it began."""

    task: str
    seed: int
    steps: int
    low: float
    high: float
    start: float
    losses: list[float | None]

    @property
    def key(self) -> tuple[str, int, int, float, float]:
        return self[:5]


@dataclass(frozen=True)
class Bank:
    """Runs by task, kind and seed, then by length, then by octave; and the range tests, to which replays may add."""

    runs: dict[tuple[str, str, int], dict[int, dict[float, Run]]]
    tests: dict[tuple[str, int, int, float, float], RangeTest]


def bank(runs: Path = BANK, tests: Path = TESTS) -> Bank:
    """Return what the two files hold."""
    found: dict[tuple[str, str, int], dict[int, dict[float, Run]]] = {}
    for run in (Run(*row) for row in rows(runs)):
        found.setdefault((run.task, run.kind, run.seed), {}).setdefault(run.steps, {})[run.octave] = run
    return Bank(found, {test.key: test for test in (RangeTest(*row) for row in rows(tests))})


def rows(path: Path) -> Iterator[list]:
    """Yield the rows of a file; the last line may have been cut short by a kill."""
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def add(path: Path, row: Run | RangeTest) -> None:
    """Append a row; one write, so that two processes may share the file."""
    cut = path.exists() and path.stat().st_size and not path.read_bytes().endswith(b"\n")
    with path.open("a") as file:
        file.write(("\n" if cut else "") + json.dumps(row, separators=(",", ":")) + "\n")


def finite(value: float) -> float | None:
    """Return six digits of a number, None for what is none."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def schedule_of(entry: Entry, kind: str, peak: float, steps: int) -> sf.Schedule:
    """Return the schedule of a run of this kind."""
    return entry.recipe(peak, steps) if kind == RECIPE else probe(peak, steps, warm=kind == WARM)


def wanted(entry: Entry, best: float, seed: int = SEEDS[0]) -> Iterator[tuple[str, int, float]]:
    """Yield kind, length and octave of what the bank holds of a task whose best octave is ``best``."""
    near = round(best * 2) / 2
    yield from ((RECIPE, round(entry.total / 2), near + k / 2) for k in range(-5, 6))
    if seed in REPEATS:
        return
    fine = [near + k / 2 for k in range(-11, 8)]
    wide = [float(x) for x in range(LOWEST, HIGHEST + 1) if not near - 6 <= x <= near + 4]
    for share in (32, 16, 8, 4):
        reach = math.inf if share == 32 else 0 if share == 4 else 9
        beyond = [x for x in wide if near - reach <= x <= near + reach - 2]
        steps = max(round(entry.total / share), 6)
        yield from ((kind, steps, octave) for kind in (COLD, WARM) for octave in fine + beyond)


def measured(entry: Entry, kind: str, seed: int, steps: int, octave: float) -> Run:
    """Run what is missing."""
    peak = 2.0**octave
    schedule = schedule_of(entry, kind, peak, steps)
    trial: Trial = run_trial(Request(entry.task, schedule, peak, steps, seed, judge_start=True))
    loss, start = finite(trial.loss), finite(trial.start)
    assert start is not None
    row = (entry.name, kind, seed, steps, octave, loss, start, trial.steps)
    return Run(*row, finite(trial.losses[0]) if trial.losses else None, finite(trial.tail))


def completed(entry: Entry, seed: int, best: float, *, path: Path = BANK, run: Callable[..., Run] = measured) -> int:
    """Run what the bank lacks of a task under a seed; return how many runs that were."""
    have = {Run(*row).key for row in rows(path)}
    missing = [w for w in wanted(entry, best, seed) if (entry.name, w[0], seed, w[1], w[2]) not in have]
    for kind, steps, octave in missing:
        add(path, run(entry, kind, seed, steps, octave))
    return len(missing)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS + REPEATS)))
    parser.add_argument("--tasks", help="only these, separated by commas")
    given = parser.parse_args()
    torch.set_num_threads(1)
    grid = known()
    for seed in map(int, given.seeds.split(",")):
        for entry in SUITE:
            if given.tasks is None or entry.name in given.tasks.split(","):
                began = time.perf_counter()
                new = completed(entry, seed, math.log2(truth(entry.name, grid).best))
                print(f"{entry.name}, seed {seed}: {new} runs in {time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
