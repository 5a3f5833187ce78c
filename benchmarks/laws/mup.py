"""Does the optimal rate of the built-in transformer stay where it is when the width grows, with muP and without?

    OMP_NUM_THREADS=1 nice python benchmarks/laws/mup.py [--seeds N] [WIDTH ...]

Trains charlm at widths 64 to 512, in the standard parametrisation and in muP (base width 64), at rates a factor 2
apart until the best one has two others on either side. Data, their order and the evaluation are the same at every
rate (common random numbers), the initial weights of a seed too. Trials are appended to results/laws_mup.jsonl, one a
line; what is there is not run again, so that a killed benchmark resumes. The table goes to results/laws_mup.md.
About 25 minutes on one core from nothing; half a minute to draw the table from the trials.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from mup_table import BASE, KINDS, Key, curve, picture, table

from surefoot import linear
from surefoot.svg import svg
from surefoot.tasks.charlm import charlm

RESULTS = Path(__file__).parents[1] / "results"
TRIALS, TABLE = RESULTS / "laws_mup.jsonl", RESULTS / "laws_mup.md"
DOCS = Path(__file__).parents[2] / "docs"
WIDTHS = (64, 128, 256, 512)
BOTH = ("mup", BASE)  # at the base width both are one model, recorded as standard
TOTAL, WARMUP, CONTEXT, BATCH = 100, 10, 32, 16
SEEDS = {64: 6, 128: 6, 256: 4, 512: 3}
FIRST = -6  # octaves: the rate 1/64
SIDES = 2
LOWEST, HIGHEST = -14, 2


def read() -> dict[Key, dict[str, float]]:
    """Return what was run, by (kind, width, octave, seed); the base width is the same model in both kinds."""
    if not TRIALS.exists():
        return {}
    rows = [json.loads(line) for line in TRIALS.read_text().splitlines()]
    return {(row["kind"], row["width"], row["octave"], row["seed"]): row for row in rows}


def run(kind: str, width: int, octave: int, seed: int) -> dict[str, float]:
    """Train once, append the trial, and return it; a loss that is not finite, or above the first, is the first."""
    began = time.process_time()
    knobs = {"base_width": BASE} if kind == "mup" else {}
    schedule = linear(2.0**octave, total=TOTAL, warmup=WARMUP)
    readings = charlm(schedule, seed=seed, width=width, context=CONTEXT, batch=BATCH, **knobs)
    start = end = math.nan
    for step, reading in enumerate(readings):
        if step == 0:
            start = reading.loss
        if not math.isfinite(reading.loss):
            break
        if step == TOTAL - 1:
            end = reading.val_loss()
    row = {"kind": kind, "width": width, "octave": octave, "seed": seed, "start": start}
    row |= {"loss": end if math.isfinite(end) else None, "seconds": round(time.process_time() - began, 2)}
    with TRIALS.open("a") as file:
        file.write(json.dumps(row) + "\n")
    print(json.dumps(row), flush=True)
    return row


def sweep(done: dict[Key, dict[str, float]], kind: str, width: int, seeds: int, first: int) -> int:
    """Run rates outward from ``first`` until the best by mean loss has two others on either side; return it."""
    kind = "standard" if width == BASE else kind
    wanted = range(first - SIDES, first + SIDES + 1)
    while True:
        for octave in wanted:
            for seed in range(seeds):
                key = (kind, width, octave, seed)
                if key not in done:
                    done[key] = run(*key)
        octaves, losses, _ = curve(done, kind, width)
        best = octaves[int(np.argmin(losses.mean(0)))]
        wanted = range(max(best - SIDES, LOWEST), min(best + SIDES, HIGHEST) + 1)
        if set(wanted) <= set(octaves):
            return best


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("widths", nargs="*", type=int, default=WIDTHS)
    parser.add_argument("--kinds", nargs="*", default=KINDS)
    parser.add_argument("--seeds", type=int)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    done = read()
    for kind in asked.kinds:
        best = FIRST
        for width in asked.widths:
            best = sweep(done, kind, width, asked.seeds or SEEDS[width], best)
    if all((kind, width) in {key[:2] for key in done} for kind in KINDS for width in WIDTHS if (kind, width) != BOTH):
        TABLE.write_text("\n".join(table(done, WIDTHS)) + "\n")
        for kind in KINDS:
            (DOCS / f"mup-{kind}.svg").write_text(svg(picture(done, kind, WIDTHS), height=260, file=True) + "\n")


if __name__ == "__main__":
    main()
