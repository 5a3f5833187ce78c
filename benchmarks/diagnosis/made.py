"""Corpus C: runs made here with known faults, as they were recorded, and read back with their labels."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from labels import Labelled
from outcomes import Facts, label
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
    """Yield every recorded run with the label that its fault and its outcome give it."""
    found = records(path)
    best = bests(found)
    for record in found:
        rate, tuned = best[record["group"]]
        run, fault = Facts(**record["facts"]), Fault(**record["fault"])
        given, why = label(run, fault, record["rate"] / rate, tuned)
        cause = "flat" if abs(run.tail / run.first - 1) < 0.02 else ""
        yield Labelled(record["name"], history(record), given, cause, why)


def history(record: Record) -> History:
    """Return the history that a recorded run logged; NaN in the loss was logged, elsewhere it means no value."""
    columns = {name: np.array(values) for name, values in record["columns"].items()}
    blank = {name: np.isnan(values) for name, values in columns.items() if name not in {"step", "loss", "grad_norm"}}
    return History(columns, record["name"], blank=blank | {"loss": np.zeros(len(columns["loss"]), dtype=bool)})


def bests(found: Sequence[Record]) -> dict[str, tuple[float, float]]:
    """Return by group the rate of its best run that nothing disturbs, and where that ends."""
    best: dict[str, tuple[float, float]] = {}
    for record in found:
        disturbed = record["fault"]["kind"] in {"resume", "rate", "batch", "nan", "scaler", "frozen"}
        end = record["facts"]["end"]
        if not disturbed and end < best.get(record["group"], (0.0, np.inf))[1]:
            best[record["group"]] = (record["rate"], end)
    return best
