"""What each built-in task's learning rate does: full runs over a grid of rates, as a table.

    OMP_NUM_THREADS=1 python benchmarks/tasks.py [NAME ...] > benchmarks/results/tasks.md

A coarse grid (factor 4) finds the valley, four finer points (factor 2 and root 2) around its best rate follow.
Every run is warmup over 5 %, then a cosine to zero, at the task's default total and seed 0; the loss is that of
the held-out data at the end. The whole takes about a quarter of an hour on one core.
"""

from __future__ import annotations

import math
import platform
import sys
import time

import numpy as np

from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import ramp
from surefoot.tasks import BUILT_IN, BuiltIn, resolve

COARSE = tuple(4.0**k for k in range(-8, 3))
HEAD = (
    "task", "updates", "optimizer", "ms/update", "loss at init", "best rate", "best loss", "edge",
    "default rate", "its loss", "regret",
)  # fmt: skip
FINE = (0.5, 0.5**0.5, 2**0.5, 2.0)


def main() -> None:
    names = sys.argv[1:] or list(BUILT_IN)
    print("# The built-in tasks: what their rate does\n")
    print(f"{platform.machine()}, one thread, Python {platform.python_version()}, NumPy {np.__version__}{_torch()};")
    print("seed 0, warmup over 5 %, cosine to zero, loss of the held-out data at the end. Regret: (loss at the default")
    print("rate - best) / (loss at initialisation - best), at most 100 %. Edge: the lowest rate of the grid that")
    print("ended at or above the loss at initialisation.\n")
    print("| " + " | ".join(HEAD) + " |")
    print("|" + "---|" * len(HEAD))
    curves = [row(name, BUILT_IN[name]) for name in names]
    print("\n## Every run: rate and loss\n")
    for name, curve in zip(names, curves, strict=True):
        print(f"- {name}: " + ", ".join(f"{rate:.3g} {shown(loss)}" for rate, loss in sorted(curve.items())))


def row(name: str, entry: BuiltIn) -> dict[float, float]:
    began = time.process_time()
    initial, _ = run(name, 0.0, 1)
    curve = {rate: run(name, rate, entry.total)[1] for rate in (*COARSE, entry.default_lr)}
    centre = best_of(curve)
    curve |= {centre * factor: run(name, centre * factor, entry.total)[1] for factor in FINE}
    spent = (time.process_time() - began) / (len(curve) * entry.total) * 1e3
    best, default = best_of(curve), curve[entry.default_lr]
    broken = [rate for rate, loss in curve.items() if rate > best and not loss < initial]
    regret = min(1.0, (default - curve[best]) / (initial - curve[best])) if math.isfinite(default) else 1.0
    cells = (
        name, entry.total, entry.optimizer, f"{spent:.2f}", shown(initial), f"{best:.2g}", shown(curve[best]),
        f"{min(broken):.2g}" if broken else "none", f"{entry.default_lr:g}", shown(default), f"{100 * regret:.1f} %",
    )  # fmt: skip
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)
    return curve


def run(name: str, rate: float, total: int) -> tuple[float, float]:
    """Return the loss of the held-out data after the first update (of rate 0) and after the last."""
    warmup = total // 20
    first = last = math.nan
    for reading in resolve(name)(Schedule(rate, (ramp(0, 1, warmup), ramp(1, 0, total - warmup, "cosine"))), seed=0):
        if not math.isfinite(reading.loss):
            return first, math.inf
        if reading.step in {0, total - 1}:
            last = reading.val_loss()
            first = last if math.isnan(first) else first
    return first, last


def best_of(curve: dict[float, float]) -> float:
    return min(curve, key=lambda rate: curve[rate] if math.isfinite(curve[rate]) else math.inf)


def shown(loss: float) -> str:
    return f"{loss:.3g}" if math.isfinite(loss) else "diverged"


def _torch() -> str:
    import torch  # noqa: PLC0415  only to say which

    torch.set_num_threads(1)
    return f", torch {torch.__version__}"


if __name__ == "__main__":
    main()
