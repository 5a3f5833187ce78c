"""Corpus C: runs made here with known faults, as they were recorded, and read back with their labels."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from labels import NAN, Labelled
from outcomes import DISTURBED, Facts, label
from training import Fault

from surefoot import History

RUNS = Path(__file__).parents[1] / "results" / "diagnosis" / "runs.jsonl.gz"
Record = Mapping[str, Any]
_DIGITS = {"step": 9, "loss": 4, "lr": 3, "grad_norm": 3, "val_loss": 4}


def packed(columns: Mapping[str, np.ndarray]) -> dict[str, list[float]]:
    """Return columns rounded to the digits that a log needs."""
    return {name: [float(f"{v:.{_DIGITS[name]}g}") for v in values] for name, values in columns.items()}


def write(records: Sequence[Record], path: Path = RUNS) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records)
    # Without a time in its head the file is the same whenever it is made.
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def records(path: Path = RUNS) -> list[Record]:
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]


def made(path: Path = RUNS) -> Iterator[Labelled]:
    """Yield every recorded run with the label that its fault and its outcome give it.

    Every other run that is lost to NaN ends with its first, as most loops do.
    """
    found = records(path)
    best = bests(found)
    for record in found:
        rate, tuned = best[record["group"]]
        run, fault = Facts(**record["facts"]), Fault(**record["fault"])
        if fault.kind in DISTURBED:
            run = replace(run, **seen(record["columns"], fault))
        validated = "val_loss" in record["columns"]
        given, why = label(run, fault, record["rate"] / rate, tuned, validated=validated)
        cause = "flat" if abs(run.tail / run.first - 1) < 0.02 else ""
        cut = given == NAN and zlib.crc32(record["name"].encode()) % 2 == 1
        yield Labelled(record["name"], history(record, cut=cut), given, cause, why)


def history(record: Record, *, cut: bool = False) -> History:
    """Return the history that a recorded run logged; NaN in the loss was logged, elsewhere it means no value."""
    columns = {name: np.array(values) for name, values in record["columns"].items()}
    bad = np.flatnonzero(~np.isfinite(columns["loss"]))
    rows = slice(0, int(bad[0]) + 1 if cut and len(bad) else None)
    columns = {name: values[rows] for name, values in columns.items()}
    blank = {name: np.isnan(values) for name, values in columns.items() if name not in {"step", "loss", "grad_norm"}}
    return History(columns, record["name"], blank=blank | {"loss": np.zeros(len(columns["loss"]), dtype=bool)})


def seen(columns: Mapping[str, Sequence[float]], fault: Fault) -> dict[str, float]:
    """Return ``jump``, ``noise`` and ``level`` of Facts as the log shows them: the next 3 rows beside the 10 before."""
    step, loss = (np.array(columns[name]) for name in ("step", "loss"))
    spacing = step[1] - step[0]
    first = int(np.searchsorted(step, int(fault.at * (step[-1] + 1))))
    before, after = loss[max(first - 10, 0) : first], loss[first : first + max(3, int(6 / spacing))]
    level = float(np.median(before))
    noise = float(1.4826 * np.median(np.abs(before - level)) / level)
    return {"jump": float(after.max() / level), "noise": noise, "level": level}


def bests(found: Sequence[Record]) -> dict[str, tuple[float, float]]:
    """Return by group its best rate and the best end, over the runs that nothing disturbs.

    Where the valley is flat the best rate is the middle, in the logarithm, of those that end within 2 % of the best.
    """
    ends: dict[str, list[tuple[float, float, float]]] = {}
    for record in found:
        if record["fault"]["kind"] not in DISTURBED | {"nan", "scaler", "frozen"}:
            seen = (record["rate"], record["facts"]["end"], record["facts"]["start"])
            ends.setdefault(record["group"], []).append(seen)
    return {group: _best(runs) for group, runs in ends.items()}


def _best(runs: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    rates, end, start = (np.array(values) for values in zip(*runs, strict=True))
    best = np.nanmin(end)
    good = rates[end <= best + 0.02 * np.maximum(start - best, 0)]
    return float((good.min() * good.max()) ** 0.5), float(best)
