"""The ground truth: complete runs over a grid of rates, kept as JSON lines so that a killed run goes on."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from setup import Entry

import surefoot as sf

RESULTS = Path(__file__).parents[1] / "results" / "selection"
GRID = RESULTS / "grid.jsonl"
SEEDS = (0, 1)
# Octaves: every second one over 1e-6 .. 64, every one where the regret is below a half, half ones below a tenth.
COARSE = range(-20, 7, 2)
FINE = ((1.0, 0.5), (0.5, 0.1))

Known = dict[tuple[str, float, int], tuple[float, float]]
Run = Callable[[Entry, float, int], tuple[float, float]]


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a file; the last line may have been cut short by a kill."""
    if path.exists():
        for line in path.read_text().splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue


def append(path: Path, record: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cut = path.exists() and not path.read_text().endswith("\n") and path.stat().st_size
    with path.open("a") as file:
        file.write(("\n" if cut else "") + json.dumps(record) + "\n")


def known(path: Path = GRID) -> Known:
    return {(r["task"], r["octave"], r["seed"]): (r["start"], r["end"]) for r in lines(path)}


def measured(entry: Entry, octave: float, seed: int) -> tuple[float, float]:
    """Return the validation loss after the first update and after the last of a complete run at 2^octave.

    A run whose loss is no number, or that ends above its start, counts as its start.
    """
    start = end = math.nan
    for reading in entry.task(entry.recipe(2.0**octave, entry.total), seed=seed):
        if reading.step == 0:
            start = _initial(entry, seed)
        if not math.isfinite(reading.loss):
            return start, start
        if reading.step == entry.total - 1:
            end = reading.val_loss()  # type: ignore[operator]  # every task of the suite gives a function
    return start, min(end, start) if math.isfinite(end) else start


def _initial(entry: Entry, seed: int) -> float:
    return next(entry.task(sf.constant(0.0, total=1), seed=seed)).val_loss()  # type: ignore[operator]  # same


def completed(
    entries: Iterable[Entry], seeds: Iterable[int] = SEEDS, *, path: Path = GRID, run: Run = measured
) -> Known:
    """Return the grid of the tasks, and run what is missing of it."""
    found = known(path)
    for entry in entries:
        for seed in seeds:
            for octave in _wanted(entry, found, seed):
                start, end = run(entry, octave, seed)
                found[entry.name, octave, seed] = (start, end)
                append(path, {"task": entry.name, "octave": octave, "seed": seed, "start": start, "end": end})
    return found


def _wanted(entry: Entry, found: Known, seed: int) -> Iterator[float]:
    """Yield the octaves still to be run, coarse first; the first seed says where the others look."""
    first = SEEDS[0]
    if seed == first:
        yield from (float(x) for x in COARSE if (entry.name, float(x), seed) not in found)
        # Around each good rate until there is none left to look beside, so that a second call finds nothing to do.
        while missing := _beside(entry, found, seed):
            yield missing[0]
    else:
        octaves = {x for name, x, s in found if name == entry.name and s == first}
        yield from (x for x in sorted(octaves) if (entry.name, x, seed) not in found and x in _good(entry, found, 0.9))


def _beside(entry: Entry, found: Known, seed: int) -> list[float]:
    near = {x + side for spacing, limit in FINE for x in _good(entry, found, limit) for side in (-spacing, spacing)}
    return sorted(x for x in near if (entry.name, x, seed) not in found)


def _good(entry: Entry, found: Known, limit: float) -> set[float]:
    """Return the octaves whose regret under the first seed is below ``limit``."""
    ends = {x: ends for (name, x, seed), ends in found.items() if name == entry.name and seed == SEEDS[0]}
    best = min(end for _, end in ends.values())
    return {x for x, (start, end) in ends.items() if end - best < limit * (start - best)}
