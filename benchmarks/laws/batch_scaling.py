"""Square root or linear: how the best rate moves with the batch on two built-in tasks, by our own sweeps.

    OMP_NUM_THREADS=1 python benchmarks/laws/batch_scaling.py measure   # seven minutes; writes laws_batch.csv
    python benchmarks/laws/batch_scaling.py table > benchmarks/results/laws_batch.md

Every run sees the same number of samples, so that a batch of 512 makes 32 times fewer updates than one of 16. The
random numbers are common: under one seed all rates and all batches have the same initial weights and draw the same
samples in the same order. The grid is a factor 2 apart and grows until the best rate has two worse ones on either
side. A warmup of 5 %, then a cosine to zero; judged by the loss on the held-out data.
"""

from __future__ import annotations

import csv
import math
import sys
from pathlib import Path
from typing import Any

import surefoot as sf
from surefoot.tasks.digits import digits
from surefoot.tasks.mnist1d import mnist1d

BATCHES = (16, 32, 64, 128, 256, 512)
SEEDS = 3
TASKS: dict[str, tuple[Any, int]] = {"digits": (digits, 65_536), "mnist1d": (mnist1d, 32_768)}
# Where the search for the grid begins, at a batch of 16.
FIRST = {("digits", "adam"): -11, ("digits", "sgd"): -6, ("mnist1d", "adam"): -9, ("mnist1d", "sgd"): -6}
RESULT = Path(__file__).parents[1] / "results" / "laws_batch.csv"
COLUMNS = ("task", "optimizer", "batch", "samples", "lr", "seed", "loss", "status")


def measured(name: str, optimizer: str) -> list[dict[str, Any]]:
    """Return one row a run of ``name`` under ``optimizer``, all batches, rates and seeds."""
    task, samples = TASKS[name]
    rows, centre = [], FIRST[name, optimizer]
    for batch in BATCHES:
        knobs = {"batch": batch, "optimizer": optimizer, "weight_decay": 0.0}
        found: dict[int, float] = {}
        wanted = set(range(centre - 2, centre + 3))
        while new := sorted(wanted - set(found)):
            curve = sf.sweep(
                task,
                [2.0**k for k in new],
                total=samples // batch,
                recipe=lambda peak, total: sf.cosine(peak, total=total, warmup=0.05),
                seeds=SEEDS,
                knobs=knobs,
            )
            rows += [
                {"task": name, "optimizer": optimizer, "batch": batch, "samples": samples}
                | {"lr": t.lr, "seed": t.seed, "loss": f"{t.loss:.6g}", "status": t.status}
                for t in curve.trials
            ]
            found |= dict(zip(new, curve.by_rate().values(), strict=True))
            centre = min(found, key=lambda k: found[k])
            wanted = set(range(centre - 2, centre + 3))
    return rows


def measure() -> None:
    """Run every sweep and write the rows."""
    rows = [row for name in TASKS for optimizer in ("adam", "sgd") for row in measured(name, optimizer)]
    with RESULT.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def table() -> None:
    """Print what the rows say."""
    with RESULT.open(newline="") as file:
        rows = list(csv.DictReader(file))
    print("# The best rate by the batch: square root or linear\n")
    print(f"{len(rows)} runs, {SEEDS} seeds, common random numbers; every run sees the same samples (digits 65,536,")
    print(
        "mnist1d 32,768); warmup 5 %, cosine to zero, no weight decay, SGD with momentum 0.9, Adam's betas unchanged."
    )
    print("The best rate of a batch is that of a parabola through the log losses, with its 90 % interval.\n")
    print("| task | optimizer | " + " | ".join(map(str, BATCHES)) + " |")
    print("|" + "---|" * (2 + len(BATCHES)))
    laws, chosen = {}, {}
    for name, optimizer in ((task, one) for task in TASKS for one in ("adam", "sgd")):
        own = [row for row in rows if row["task"] == name and row["optimizer"] == optimizer]
        chosen[name, optimizer] = own
        laws[name, optimizer] = law = sf.fit_law(own)
        print(f"| {name} | {optimizer} | " + " | ".join(map(_cell, law.cells)) + " |")
    print("\nThe exponent of the batch, fitted by sf.fit_law, over all batches and over the lower and the upper half")
    print("(from the optima alone). Off: by what factor a rule misses the best rate at 512 when it starts from that at")
    print(
        "16 (x 32: square root 5.66, linear 32). Regret: of the rule's rate at the nearest rate that was run, carried"
    )
    print("from 16 to the other batches, mean over them, in percent of the held-out loss.\n")
    heads = ("task", "optimizer", "exponent (90 %)", "16 to 128", "64 to 512", "nearer, by")
    print("| " + " | ".join((*heads, "off, root", "off, linear", "regret, root", "regret, linear")) + " |")
    print("|" + "---|" * 10)
    for (name, optimizer), law in laws.items():
        print(f"| {name} | {optimizer} | {_compared(law, chosen[name, optimizer])} |")
    print("\n" + READING)


READING = """What it says, of two small tasks at a fixed number of samples. Adam follows the square root (digits), or
less (mnist1d), never the linear rule. SGD lies between the two and bends: close to linear at small batches, near the
square root at large ones, as a noise scale has it (arXiv 1812.06162). Over the whole range the root is nearer on
digits; on mnist1d the linear rule is, by a hair in the exponent and by more in the regret. Where a rule leaves the
grid, two octaves above the best rate, its regret is a lower bound."""


def _cell(cell: Any) -> str:
    ends = f"{cell.low:.2g} to {cell.high:.2g}" if cell.status == "inside" else f"edge, {cell.status}"
    return f"{cell.lr:.2g} ({ends})"


def _compared(law: sf.FittedLaw, rows: list[dict[str, str]]) -> str:
    (one,) = law.exponents
    best = {dict(cell.values)["batch"]: cell.lr for cell in law.cells}
    halves = [math.log(best[b] / best[a]) / math.log(b / a) for a, b in ((16, 128), (64, 512))]
    moved, times = best[512] / best[16], 512 / 16
    off = [max(moved / said, said / moved) for said in (math.sqrt(times), times)]
    regrets = [_regret(rows, best[16], power) for power in (0.5, 1.0)]
    nearer = "square root" if abs(one.value - 0.5) < abs(one.value - 1) else "linear"
    apart = abs(abs(one.value - 1) - abs(one.value - 0.5))
    return (
        f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f}) | {halves[0]:.2f} | {halves[1]:.2f} | "
        f"{nearer}, {apart:.2f} | x {off[0]:.2f} | x {off[1]:.2f} | {regrets[0]:.0%} | {regrets[1]:.0%}"
    )


def _regret(rows: list[dict[str, str]], first: float, power: float) -> float:
    """Return the mean over batches of (loss at the nearest rate - lowest) / lowest, a diverged run as the worst."""
    found = []
    for batch in BATCHES[1:]:
        losses: dict[float, list[float]] = {}
        for row in (row for row in rows if row["batch"] == str(batch)):
            losses.setdefault(float(row["lr"]), []).append(float(row["loss"]))
        means = {lr: math.fsum(values) / len(values) for lr, values in losses.items()}
        wanted = first * (batch / 16) ** power
        chosen = means[min(means, key=lambda lr: abs(math.log(lr / wanted)))]
        found.append(min(chosen, max(v for v in means.values() if math.isfinite(v))) / min(means.values()) - 1)
    return math.fsum(found) / len(found)


if __name__ == "__main__":
    {"measure": measure, "table": table}[sys.argv[1] if len(sys.argv) > 1 else "table"]()
