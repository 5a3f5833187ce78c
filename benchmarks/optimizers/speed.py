"""What a step costs, as a ratio to torch's fused AdamW on the same parameters, every peer beside ours.

    python benchmarks/optimizers/speed.py             the table, benchmarks/results/optimizers_speed.md
    python benchmarks/optimizers/speed.py NAME ...    these contenders only, printed

Each contender alternates with a fused AdamW of its own round by round, so that a busy machine slows both; a ratio is
that of one round. pytorch_optimizer and prodigy-plus-schedule-free are no dependencies of the project: they are timed
where they can be imported (pip install --no-deps, so that they leave torch alone), and left out otherwise.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
# Threads of torch's that wait for each other by spinning, on a machine that others use too, would tell of nothing else.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch
from contenders import CONTENDERS, FUSED, PACKAGES, TWICE, Build
from sizes import SIZES, parameters

RESULT = Path(__file__).parents[1] / "results" / "optimizers_speed.md"
THREADS = (1, 2)
ROUNDS, SECONDS, SHORTEST = 15, 3.0, 0.01
FIRST = """
import time, torch, surefoot.torch as st
torch.set_num_threads(1)
p = torch.nn.Parameter(torch.ones(100))
p.grad = torch.ones(100)
optimizer = st.optim.{name}([p])
start = time.process_time()
optimizer.step()
print(time.process_time() - start)
"""
Ratios = tuple[list[float], list[float], float]
Found = dict[tuple[str, str, int], Ratios]


def main() -> None:
    warnings.simplefilter("ignore")
    names = sys.argv[1:] or [name for name, build in CONTENDERS.items() if build is not None]
    found: Found = {}
    for threads, size, name in product(THREADS, SIZES, names):
        if threads == 1 or name in TWICE:
            found[name, size, threads] = measured(name, size, threads)
            print(threads, size, name, cell(found[name, size, threads]), flush=True)
    text = table(found) + ("" if sys.argv[1:] else "\n".join(("", "## The first step", "", *first(), "")))
    if not sys.argv[1:]:
        RESULT.write_text(text)
    print(text)


def measured(name: str, size: str, threads: int) -> Ratios:
    """Return the ratios of wall and of processor time, round by round, and fused AdamW's fastest step in ms."""
    build = CONTENDERS[name]
    assert build is not None
    torch.set_num_threads(threads)
    pair = [step_of(FUSED, size), step_of(build, size)]
    inner = max(1, round(SHORTEST / clock(pair[0], 1)[0]))
    wall, processor, best, began = [], [], float("inf"), time.perf_counter()
    for turn in range(ROUNDS):
        times = {k: clock(pair[k], inner) for k in ((0, 1) if turn % 2 else (1, 0))}
        wall.append(times[1][0] / times[0][0])
        processor.append(times[1][1] / times[0][1])
        best = min(best, times[0][0])
        if turn >= 2 and time.perf_counter() - began > SECONDS:
            break
    return wall, processor, best * 1e3


def step_of(build: Build, size: str) -> Callable[[], Any]:
    """Return the step of a new optimizer, after its first two, which make state and compile."""
    step: Callable[[], Any] = build(parameters(SIZES[size]))
    step()
    step()
    return step


def clock(step: Callable[[], Any], times: int) -> tuple[float, float]:
    """Return seconds of wall and of processor time a step."""
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(times):
        step()
    return (time.perf_counter() - wall) / times, (time.process_time() - processor) / times


def table(found: Found) -> str:
    lines = [*HEAD, "", f"Machine: {platform.machine()}, {os.cpu_count()} cores; {versions()}."]
    absent = [name for name, build in CONTENDERS.items() if build is None]
    if absent:
        lines += ["Left out, for they are not installed: " + ", ".join(absent) + "."]
    for threads in dict.fromkeys(threads for _, _, threads in found):
        names = dict.fromkeys(name for name, _, those in found if those == threads)
        lines += ["", f"## {threads} thread{'s' if threads > 1 else ''}", ""]
        lines += ["| optimizer | " + " | ".join(SIZES) + " |", "|---|" + "---|" * len(SIZES)]
        for name in names:
            lines += [f"| {name} | " + " | ".join(cell(found[name, size, threads]) for size in SIZES) + " |"]
        best = [min(found[name, size, threads][2] for name in names) for size in SIZES]
        lines += ["", "Fused AdamW's fastest step: " + ", ".join(f"{ms:.2f} ms" for ms in best) + "."]
    return "\n".join(lines) + "\n"


HEAD = (
    "# Speed of a step",
    "",
    "Ratio of the time of a step to that of torch's fused AdamW on the same parameters and gradients: the median over",
    "alternating rounds, (that of processor time), [quartiles]. a: 100 tensors of 1,000 elements; b: a transformer of",
    "30.5 million in 148 tensors; c: one tensor of 50 million; all float32. The machine is shared and busy: trust one",
    "digit, and processor time more than wall time. With two threads, torch's wait for each other without spinning.",
)


def cell(ratios: Ratios) -> str:
    wall, processor, _ = ratios
    low, middle, high = statistics.quantiles(wall, n=4)
    return f"{middle:.2f} ({statistics.median(processor):.2f}) [{low:.2f}, {high:.2f}]"


def versions() -> str:
    there = [f"Python {platform.python_version()}"]
    for package in ("torch", "numba", *PACKAGES):
        try:
            there.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return ", ".join(there)


def first() -> list[str]:
    """Say how long a first step takes, compiled and from the machine code kept on disk."""
    lines = ["| method | compiled for the first time, s of the processor | from the disk, s |", "|---|---|---|"]
    for name in ("ScheduleFreeAdamW", "Prodigy", "DAdaptAdam"):
        with tempfile.TemporaryDirectory() as folder:
            there = {**os.environ, "NUMBA_CACHE_DIR": folder}
            command = [sys.executable, "-W", "ignore", "-c", FIRST.format(name=name)]
            took = [subprocess.run(command, env=there, capture_output=True, text=True, check=True) for _ in range(3)]
            cold, *warm = (float(one.stdout) for one in took)
        lines.append(f"| {name} | {cold:.1f} | {min(warm):.2f} |")
    return [
        *lines,
        "",
        "It includes importing numba. Each type of parameters (float32, bfloat16, float64) is compiled once.",
    ]


if __name__ == "__main__":
    main()
