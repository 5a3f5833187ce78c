"""What each tuning-free method reaches at its defaults: full runs of the selection suite and of the built-in tasks.

    OMP_NUM_THREADS=1 nice python benchmarks/optimizers/convergence.py            run what is missing, write the table
    OMP_NUM_THREADS=1 nice python benchmarks/optimizers/convergence.py --table    write the table only

Runs are kept in benchmarks/results/optimizers_runs.jsonl, so a killed study goes on: about half an hour of a core for
each seed. The yardstick is the grid of benchmarks/selection, complete runs of each task's own optimizer over its rates.
"""

from __future__ import annotations

import sys
import time
import warnings
from itertools import product
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "selection")]

import torch  # noqa: E402  the folders of both studies come first
from entrants import METHODS, Method  # noqa: E402  as above
from grid import append, known, lines  # noqa: E402  as above
from report import BUILT_INS, write  # noqa: E402  as above
from suite import SUITE  # noqa: E402  as above
from training import built_in_run, suite_run  # noqa: E402  as above

from surefoot.tasks import BUILT_IN  # noqa: E402  as above

RUNS = HERE.parent / "results" / "optimizers_runs.jsonl"
SEEDS, FIRST = (0, 1), 17


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if "--table" not in sys.argv:
        for seed, tasks, late in product(SEEDS, wanted(), (False, True)):
            for task, method in product(tasks, METHODS):
                if method.late == late:
                    one(task, method, seed)
    write(list(lines(RUNS)))


def wanted() -> tuple[list[str], list[str]]:
    """Return the names of the tasks whose truth is known: those to begin with, and the rest."""
    there = {name for name, _, _ in known()}
    suite = [entry.name for entry in SUITE if entry.name in there]
    return [*suite[:FIRST], *BUILT_INS[:-1]], [*suite[FIRST:], BUILT_INS[-1]]


def one(task: str, method: Method, seed: int) -> None:
    done = {(r["task"], r["method"], r["seed"]) for r in lines(RUNS)}
    # The slow task, and whatever is known for another's implementation, are run under one seed.
    if (task, method.name, seed) in done or (seed and (task == "charlm" or method.peer)):
        return
    began = time.process_time()
    if task in BUILT_INS:
        if method.loss:
            return
        start, end = None, built_in_run(task, BUILT_IN[task].total, method, seed)
    else:
        entry = next(entry for entry in SUITE if entry.name == task)
        start, end = suite_run(entry, method, seed)
    spent = time.process_time() - began
    append(RUNS, {"task": task, "method": method.name, "seed": seed, "start": start, "end": end, "s": round(spent, 2)})


if __name__ == "__main__":
    main()
