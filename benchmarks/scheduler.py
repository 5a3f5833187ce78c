"""Cost of scheduling an update, of evaluating a plan, and of a seek; paired rounds in one process.

Run ``python benchmarks/scheduler.py``; it prints the table and writes ``benchmarks/results/scheduler.md``.
Each round times every contender once, one after the other and in turning order, so that a busy machine slows all
of them; a cost is the median over rounds of the difference to the bare step of the same round, a ratio is one of costs.
"""

import importlib.metadata
import importlib.util
import math
import pathlib
import platform
import statistics
import sys
import time
import types
import warnings

import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR

import surefoot.torch as st
from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import ramp

TOTAL = 1_000_000
ROUNDS = 41
RESULT = pathlib.Path(__file__).parent / "results" / "scheduler.md"


class Bare(torch.optim.Optimizer):
    """An optimizer whose update is empty, so that the difference of two timings is the scheduler's share."""

    def step(self, closure=None):
        return closure


def optimizer(groups, *, tensor=False):
    def lr():
        return torch.tensor(1e-3) if tensor else 1e-3

    return Bare([{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr()} for _ in range(groups)], {"lr": 1e-3})


def timm_cosine(opt):
    """timm's cosine; its package cannot be imported beside a CPU torch (torchvision), its scheduler folder can."""
    if "timm" not in sys.modules:
        stub = types.ModuleType("timm")
        stub.__path__ = [str(pathlib.Path(importlib.util.find_spec("timm").origin).parent)]
        sys.modules["timm"] = stub
    from timm.scheduler.cosine_lr import CosineLRScheduler  # noqa: PLC0415  needs the stub above

    scheduler = CosineLRScheduler(opt, t_initial=TOTAL, t_in_epochs=False)
    count = [0]

    def step():
        count[0] += 1
        scheduler.step_update(count[0])

    return step


def surefoot(opt):
    return st.Scheduler(opt, Schedule(1e-3, (ramp(1, 0, TOTAL, "cosine"),))).step


CONTENDERS = {
    "surefoot": surefoot,
    "LambdaLR": lambda opt: LambdaLR(opt, lambda t: 0.5 * (1 + math.cos(math.pi * t / TOTAL))).step,
    "CosineAnnealingLR": lambda opt: CosineAnnealingLR(opt, TOTAL).step,
    "timm": timm_cosine,
}


def bare(opt):  # noqa: ARG001  the signature of a contender
    return lambda: None


def clock(opt, step, updates):
    start = time.process_time()
    for _ in range(updates):
        opt.step()
        step()
    return (time.process_time() - start) / updates * 1e6


def costs(groups, updates, *, tensor=False, names=tuple(CONTENDERS)):
    """Microseconds a round and contender, less the bare step of the same round."""
    loops = {"bare": optimizer(groups, tensor=tensor)} | {name: optimizer(groups, tensor=tensor) for name in names}
    steps = {name: CONTENDERS.get(name, bare)(opt) for name, opt in loops.items()}
    rounds = {name: [] for name in names}
    for turn in range(ROUNDS + 1):
        order = list(loops)[turn % len(loops) :] + list(loops)[: turn % len(loops)]
        took = {name: clock(loops[name], steps[name], updates) for name in order}
        if turn:  # the first round warms up
            for name in names:
                rounds[name].append(took[name] - took["bare"])
    return rounds


def ratio(rounds, name, other):
    return statistics.median(rounds[name]) / statistics.median(rounds[other])


def evaluation():
    """Seconds for a million rates: vectorised against stepping torch, whose rounds are shorter and scaled."""
    plan = Schedule(1e-3, (ramp(1, 0, TOTAL, "cosine"),))
    ratios = []
    for _ in range(5):
        opt = optimizer(1)
        scheduler = CosineAnnealingLR(opt, TOTAL)
        start = time.process_time()
        for _ in range(TOTAL // 20):
            opt.step()
            scheduler.step()
        stepped = (time.process_time() - start) * 20
        start = time.process_time()
        plan.array()
        ratios.append(stepped / (time.process_time() - start))
    return statistics.median(ratios)


def seek():
    """Microseconds of ``set(t)`` at both ends of the run."""
    scheduler = st.Scheduler(optimizer(1), Schedule(1e-3, (ramp(1, 0, 2 * TOTAL, "cosine"),)))
    found = {}
    for t in (10, 1_000, TOTAL):
        took = []
        for k in range(300):
            start = time.perf_counter()
            scheduler.set(t + 2_000 * (k % 2))
            took.append(time.perf_counter() - start)
        found[t] = statistics.median(took) * 1e6
    return found


def table():
    lines = [
        "| groups, rates | surefoot us | LambdaLR us | Cosine us | timm us | / LambdaLR | / timm | / Cosine |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for groups, tensor, updates in (
        (1, False, 4000),
        (10, False, 2000),
        (1000, False, 40),
        (1, True, 2000),
        (1000, True, 4),
    ):
        names = tuple(CONTENDERS) if not tensor else ("surefoot", "LambdaLR", "CosineAnnealingLR")
        rounds = costs(groups, updates, tensor=tensor, names=names)
        micro = [f"{statistics.median(rounds[name]):.2f}" if name in rounds else "-" for name in CONTENDERS]
        over = [
            f"{ratio(rounds, 'surefoot', name):.3f}" if name in rounds else "-"
            for name in ("LambdaLR", "timm", "CosineAnnealingLR")
        ]
        lines.append(f"| {groups}, {'tensor' if tensor else 'float'} | " + " | ".join(micro + over) + " |")
        print(lines[-1], flush=True)
    return lines


def main():
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", "timm", "numpy"))
    lines = [
        "# Cost of scheduling an update",
        "",
        "`optimizer.step(); scheduler.step()` less the bare `optimizer.step()`, process time, one thread,",
        f"medians of paired differences over {ROUNDS} rounds. Python {platform.python_version()}, {versions}.",
        "Aims: at most 0.6 of LambdaLR, 1.0 of timm, and 0.1 of CosineAnnealingLR with tensor rates and 1000 groups.",
        "",
        *table(),
        "",
        f"A million rates evaluated against stepping CosineAnnealingLR: {evaluation():.0f} times faster (aim: 50).",
        "",
        "Seek, microseconds of `scheduler.set(t)`: "
        + ", ".join(f"t={t}: {took:.0f}" for t, took in seek().items())
        + ".",
    ]
    print("\n".join(lines[-3:]))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
