"""Make the runs with known faults; writes benchmarks/results/diagnosis/runs.jsonl.gz, in about ten minutes.

OMP_NUM_THREADS=1 nice python benchmarks/diagnosis/record.py [--only TEXT]
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict

import numpy as np
import torch
from made import RUNS, Record, packed, records, write
from outcomes import facts
from plan import SCHEDULES, Spec, plan
from problems import PROBLEMS
from training import recorded


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="make only runs whose name contains this, and keep the others")
    given = parser.parse_args()
    torch.set_num_threads(1)
    kept = {record["name"]: record for record in records()} if given.only and RUNS.exists() else {}
    began = time.perf_counter()
    found = []
    for spec in plan():
        anew = given.only in spec.name or spec.name not in kept
        found.append(made(spec) if anew else kept[spec.name])
    write(found)
    print(f"{len(found)} runs in {time.perf_counter() - began:.0f} s, {RUNS.stat().st_size / 1e6:.2f} MB")


def made(spec: Spec) -> Record:
    problem = PROBLEMS[spec.problem]
    rate = problem.rate * spec.factor
    with np.errstate(all="ignore"):
        run = recorded(problem, SCHEDULES[spec.schedule](rate, problem.total), spec.fault, spec.seed)
        seen = facts(run, problem.make(spec.seed).chance, spec.fault)
        logged = packed(spec.logger.logged(run))
    named = {"name": spec.name, "group": spec.group, "rate": rate, "fault": asdict(spec.fault)}
    return {**named, "facts": seen.row(), "columns": logged}


if __name__ == "__main__":
    main()
