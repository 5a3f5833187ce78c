"""What a guard saves: built-in tasks at a rate far too high, bad batches, and what the snapshots cost.

    OMP_NUM_THREADS=1 python benchmarks/guard.py run JOURNAL [TASK ...]      each run is a line; a killed study goes on
    OMP_NUM_THREADS=1 python benchmarks/guard.py cost JOURNAL
    python benchmarks/guard.py table JOURNAL > benchmarks/results/guard.md

The best rates are those of benchmarks/results/tasks.md. Every run has the task's full length, warmup over 5 % and a
cosine to zero, and the guard's default policy. Regret: (loss of the held-out data at the end - best loss of the
grid) / (loss at initialisation - best loss of the grid).
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from statistics import median
from typing import Any

import torch
from guarded_runs import Batch, pieces, recipe, run
from torch.nn.functional import cross_entropy

from surefoot.errors import GuardStop
from surefoot.tasks import BUILT_IN
from surefoot.tasks.charlm import Transformer
from surefoot.torch.capture import captured
from surefoot.torch.guard import Guard

# Best rate and best loss of the grid (seed 0), benchmarks/results/tasks.md.
BEST = {
    "digits": (0.011, 0.0184), "digits_cnn": (0.0055, 0.0253), "mnist1d": (0.35, 0.11), "tabular": (0.00017, 0.491),
    "finetune": (0.0028, 0.0353), "finetune_lora": (0.044, 0.0292), "charlm": (0.016, 1.42), "muon": (0.044, 1.53),
}  # fmt: skip
HIGH = (10.0, 30.0)
BAD = ("none", "nan", "huge", "labels", "overflow")
SPOILT = ("digits", "mnist1d", "finetune")
PLACES = 50


def main() -> None:
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    what, journal, *names = sys.argv[1:]
    path = Path(journal)
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    if what == "table":
        print(table(rows))
        return
    done = {json.dumps(row["key"]) for row in rows}
    for key in costs() if what == "cost" else runs(names or list(BEST)):
        if json.dumps(key) in done:
            continue
        row = cost(*key[1:]) if what == "cost" else one(*key)
        with path.open("a") as file:
            file.write(json.dumps({"key": key, **row}) + "\n")
        print(key, row, flush=True)


def runs(names: list[str]) -> Iterator[list[Any]]:
    for name in names:
        seeds = (0, 1) if name in {"charlm", "muon"} else (0, 1, 2)
        for seed in seeds:
            for times in (*HIGH, 1.0):
                yield from ([name, seed, times, "none", guarded] for guarded in (True, False))
        if name in SPOILT:
            for seed in seeds:
                yield from ([name, seed, 1.0, how, guarded] for how in BAD[1:] for guarded in (True, False))


def one(name: str, seed: int, times: float, how: str, guarded: bool) -> dict[str, Any]:
    """Run a task at ``times`` its best rate, some of its batches spoilt; return how it ended."""
    parts, total = pieces(name, seed), BUILT_IN[name].total
    first, held = parts.validate(), []
    places = set(torch.randperm(total, generator=torch.Generator().manual_seed(seed))[:PLACES].tolist())

    def guard(model: Any, optimizers: Any, schedulers: Any) -> Guard:
        save = Path(tempfile.gettempdir()) / "guard-benchmark.pt"
        held.append(Guard(model, optimizers, schedulers, save=save))
        return held[0]

    stopped = False
    try:
        run(
            parts, recipe(BEST[name][0] * times, total), guard if guarded else None,
            spoil=lambda step, batch: spoilt(how, batch, step) if step in places else batch,
            overflows=places if how == "overflow" else None,
        )  # fmt: skip
    except GuardStop:
        stopped = True
    last = parts.validate()
    best = BEST[name][1]
    actions = [[a.step, a.what, a.before, a.after] for g in held for a in g.actions]
    return {
        "first": first, "last": last, "regret": (last - best) / (first - best) if math.isfinite(last) else math.inf,
        "stopped": stopped, "actions": actions,
    }  # fmt: skip


def spoilt(how: str, batch: Batch, seed: int) -> Batch:
    x, y = batch
    if how == "nan":
        return torch.full_like(x, math.nan), y
    if how == "huge":
        return 1e4 * x, y
    if how == "labels":
        return x, y[torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))]
    return batch


def costs() -> Iterator[list[Any]]:
    yield from (["cost", where] for where in ("memory", "disk"))


def cost(where: str, pairs: int = 24) -> dict[str, Any]:
    """Return the times of an update and a copy on a transformer of 10 million parameters, 1,024 tokens an update.

    Guarded and bare updates alternate, so that a busy machine disturbs both; medians of processor time.
    """
    torch.manual_seed(0)
    model = Transformer(256, context=256, width=368, depth=6, heads=8)
    x, y = torch.randint(256, (4, 256)), torch.randint(256, (4, 256))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
    times: dict[bool, list[float]] = {True: [], False: []}
    copies: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        guard = Guard(model, optimizer, every=10**6, where=folder if where == "disk" else None)
        for k in range(2 * pairs):
            began = time.process_time()
            loss = cross_entropy(model(x), y)
            optimizer.zero_grad()
            with guard.update(loss) if k % 2 else nullcontext():
                loss.backward()
                optimizer.step()
            times[bool(k % 2)].append(time.process_time() - began)
        for k in range(8):
            began = time.perf_counter() if where == "disk" else time.process_time()
            guard._recovery.ring.add(k, 1e-4, captured(guard._run))  # noqa: SLF001  a copy alone is what is timed
            copies.append((time.perf_counter() if where == "disk" else time.process_time()) - began)
        size = guard.snapshots[-1].bytes
        guard.close()
    parameters = sum(parameter.numel() for parameter in model.parameters())
    bare, held = median(times[False][3:]), median(times[True][3:])
    return {"parameters": parameters, "bytes": size, "copy": median(copies[4:]), "bare": bare, "guarded": held}


def table(rows: list[dict[str, Any]]) -> str:
    found = {tuple(row["key"]): row for row in rows}
    return "\n".join([*INTRO, *high(found), *bad(found), *costly(found)])


def high(found: dict[Any, Any]) -> Iterator[str]:
    yield from (
        "",
        "## A rate far too high",
        "",
        "| task | rate | seed | without: loss, regret | with: loss, regret | cuts |",
    )
    yield "|---|---|---|---|---|---|"
    keys = sorted(key for key in found if key[0] in BEST and key[3] == "none" and key[4])
    for key in keys:
        name, seed, times, _, _ = key
        bare, held = found.get((*key[:4], False)), found[key]
        cuts = [f"{after / before:.2g} at {step}" for step, what, before, after in held["actions"] if what == "cut"]
        end = ", stopped" if held["stopped"] else ""
        yield f"| {name} | x{times:g} | {seed} | {ended(bare)} | {ended(held)}{end} | {', '.join(cuts) or 'none'} |"


def ended(row: dict[str, Any] | None) -> str:
    if row is None:
        return "not run"
    return f"{row['last']:.3g}, {100 * row['regret']:.1f} %" if math.isfinite(row["last"]) else "not finite"


def bad(found: dict[Any, Any]) -> Iterator[str]:
    yield from ("", f"## {PLACES} bad batches at random places", "")
    yield "Loss at the end for each seed; the clean runs show the noise between seeds. Skipped: updates left out."
    yield from ("", "| task | what is bad | without | with | skipped | rollbacks |", "|---|---|---|---|---|---|")
    for name in SPOILT:
        for how in BAD:
            rows = {
                guarded: [found.get((name, seed, 1.0, how, guarded)) for seed in (0, 1, 2)] for guarded in (False, True)
            }
            cells = [
                ", ".join("-" if row is None else f"{row['last']:.3g}" for row in rows[guarded]) for guarded in rows
            ]
            done = [[action[1] for action in row["actions"]] for row in rows[True] if row is not None]
            counts = [", ".join(str(one.count(what)) for one in done) for what in ("skip", "roll back")]
            yield f"| {name} | {how} | {cells[0]} | {cells[1]} | {counts[0]} | {counts[1]} |"


def costly(found: dict[Any, Any]) -> Iterator[str]:
    yield from ("", "## What it costs", "")
    for where in ("memory", "disk"):
        row = found.get(("cost", where))
        if row is None:
            continue
        share = {every: 100 * row["copy"] / (every * row["bare"]) for every in (10, 25, 50, 100, 400)}
        place = "in memory" if where == "memory" else "on disk"
        yield (
            f"- {row['parameters'] / 1e6:.1f} M parameters, AdamW, 1,024 tokens in {1e3 * row['bare']:.0f} ms; "
            f"snapshots {place}: {row['bytes'] / 1e6:.0f} MB and {1e3 * row['copy']:.0f} ms each, which is "
            + ", ".join(f"{value:.2g} % every {every}" for every, value in share.items())
            + f". A guarded update without a snapshot takes {100 * (row['guarded'] / row['bare'] - 1):+.1f} %."
        )


INTRO = (
    "# The guard: what it saves, and what it costs",
    "",
    f"torch {torch.__version__}, one thread of a busy machine; default policy. Rates are multiples of the best rate of",
    "[the grid](tasks.md), seed 0; regret: (loss of the held-out data at the end - best of the grid) / (loss at",
    "initialisation - best of the grid). Every run has the task's full length, warmup over 5 % and a cosine to zero.",
)

if __name__ == "__main__":
    main()
