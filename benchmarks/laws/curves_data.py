"""Published training runs as histories, each with the schedule that it ran under."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import surefoot as sf

COLUMNS = {"step": "step", "lr": "lr", "train_loss": "loss", "val_loss": "val_loss"}
SHAPES = {"linear": "linear", "cosine": "cosine", "exponential": "exponential", "one-minus-sqrt": "1-sqrt"}


@dataclass(frozen=True)
class Run:
    """One run: its short ``name``, what it logged, the ``schedule`` it had from update 0, and its ``final`` loss."""

    name: str
    peak: float
    shape: str
    repeat: bool
    history: sf.History
    schedule: sf.Schedule
    final: float

    def curve(self, column: str) -> tuple[np.ndarray, np.ndarray]:
        """Return steps and values of a column, where it was logged."""
        said = np.isfinite(self.history[column])
        return self.history["step"][said].astype(int), self.history[column][said]


def loaded(data: Path, family: str) -> tuple[Run, ...]:
    """Return the runs of ``family`` (mpl_25m, mpl_100m, schaipp_124m) in the folder ``data``, in a fixed order.

    A run that diverged (final loss above 6) is left out.
    """
    rows = defaultdict(list)
    with gzip.open(data / f"{family}.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            rows[row["run_id"]].append([float(row[c]) if row[c] else np.nan for c in COLUMNS])
    with (data / "runs.csv").open() as file:
        about = {row["run_id"]: row for row in csv.DictReader(file)}
    found = []
    for name in sorted(rows):
        row = about[name]
        if float(row["final_val_loss"]) > 6:
            continue
        values = np.array(rows[name])
        history = sf.History(dict(zip(COLUMNS.values(), values.T, strict=True)), source=name)
        found.append(
            Run(
                name.split("-", 1)[1] if family.startswith("mpl") else name.split("-lr")[0],
                float(row["peak_lr"]),
                row["cooldown_shape"],
                name.endswith("-gn"),
                history,
                schedule_of(row),
                float(row["final_val_loss"]),
            )
        )
    return tuple(found)


def schedule_of(row: dict[str, str]) -> sf.Schedule:
    """Return the schedule of a row of runs.csv."""
    peak, total, warmup = float(row["peak_lr"]), int(row["total_steps"]), int(row["warmup"])
    floor, shape = float(row["floor_ratio"]), row["cooldown_shape"]
    decay = total - warmup if shape == "cosine" else round(float(row["cooldown_fraction"]) * total)
    decay = min(decay, total - warmup)
    phases = [sf.ramp(0, 1, warmup)]
    if total - warmup - decay:
        phases.append(sf.hold(total - warmup - decay))
    if shape == "step":
        phases.append(sf.hold(decay, floor))
    elif shape != "none":
        phases.append(sf.ramp(1, floor, decay, SHAPES[shape]))
    return sf.Schedule(peak, tuple(phases))
