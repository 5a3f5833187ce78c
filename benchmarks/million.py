"""A curve of a million trials, from a file to its picture: how long each step takes.

Writes a journal as a search writes it (a million rates, all different) and a file of JSON lines over 1,000 rates by
1,000 seeds, reads each three times, and writes results/million.md with the median processor time of each step.
"""

from __future__ import annotations

import json
import math
import platform
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from surefoot.curve import Curve, Trial
from surefoot.trial import plain

COUNT, ROUNDS = 1_000_000, 3
OUT = Path(__file__).parent / "results" / "million.md"
STEPS = {
    "best": lambda curve: curve.best,
    "edge": lambda curve: curve.edge,
    "by_rate": lambda curve: curve.by_rate(),
    "band": lambda curve: curve.band(),
    "plateau": lambda curve: curve.plateau(),
    "sensitivity": lambda curve: curve.sensitivity(),
    "picture (SVG)": lambda curve: curve._repr_html_(),
}


def trials(rates):
    rng = np.random.default_rng(0)
    for k in range(COUNT):
        lr = float(rates[k % len(rates)])
        lost = lr > 0.3
        loss = math.inf if lost else 1 + (math.log10(lr) + 2.5) ** 2 + 0.1 * float(rng.normal())
        status, why = ("diverged", "the loss rose from 5 to 60 by update 9") if lost else ("done", "")
        yield Trial(lr, k // len(rates), 100, 100, loss, status, True, "sweep", (), (), 0.5, why, 5.0)


def written(path, rates, *, journal):
    with path.open("w") as file:
        if journal:
            file.write(json.dumps({"format": "surefoot journal 1", "search": {"verb": "sweep"}}) + "\n")
        for trial in trials(rates):
            row = {"key": f"sweep|{trial.lr!r}|{trial.seed}|100", "trial": plain(trial)} if journal else plain(trial)
            file.write(json.dumps(row) + "\n")
    return path.stat().st_size


def measured(path):
    times = {name: [] for name in ("read", *STEPS)}
    for _ in range(ROUNDS):
        began = time.process_time()
        curve = Curve.from_file(path)
        times["read"].append(time.process_time() - began)
        for name, step in STEPS.items():
            began = time.process_time()
            step(curve)
            times[name].append(time.process_time() - began)
        assert len(curve.trials) == COUNT
    return {name: median(values) for name, values in times.items()}


def main():
    spread = 10 ** np.random.default_rng(1).uniform(-5, 0, COUNT)
    kinds = {
        "journal, a million rates": (spread, True),
        "JSON lines, 1,000 rates by 1,000 seeds": (np.geomspace(1e-5, 1, 1000), False),
    }
    rows, sizes = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (rates, journal) in kinds.items():
            path = Path(folder) / "trials.jsonl"
            sizes[name] = written(path, rates, journal=journal)
            rows[name] = measured(path)
    heads = [f"{name} ({size / 1e6:.0f} MB)" for name, size in sizes.items()]
    lines = [f"| step | {' | '.join(heads)} |", "|---|" + "---|" * len(heads)]
    steps = ("read", *STEPS)
    lines += [f"| {step} | {' | '.join(f'{found[step]:.2f}' for found in rows.values())} |" for step in steps]
    lines.append(f"| all | {' | '.join(f'{sum(found.values()):.2f}' for found in rows.values())} |")
    made = f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}"
    said = f"Seconds of processor time, all threads together, median of {ROUNDS}: {made}, beside other work."
    OUT.write_text("# A curve of a million trials\n\n" + said + "\n\n" + "\n".join(lines) + "\n")
    print(OUT.read_text())


if __name__ == "__main__":
    main()
