"""Parts: logs that say in a field of its own whether a row is of training or of validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from surefoot.history.columns import Column, Mask
from surefoot.history.names import Name, domain
from surefoot.history.rules import score

FIELDS = ("mode", "split", "phase", "stage", "subset", "set", "partition")
_SHARED = ("step", "epoch", "lr", "tokens")


def by_part(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row whose numbers bear the name of the part that it says it is of.

    >>> by_part({"mode": "val", "epoch": 1, "loss": 2.5}), by_part({"mode": "train", "loss": 2.5})
    ({'mode': 'val', 'epoch': 1, 'val/loss': 2.5}, {'mode': 'train', 'loss': 2.5})
    """
    said = [row[name] for name in FIELDS if isinstance(row.get(name), str)]
    part = next((part for part in map(domain, said) if part in {"val", "test"}), "")
    if not part:
        return row
    return {name if name in FIELDS or _is_shared(name) else f"{part}/{name}": value for name, value in row.items()}


def part_column(titles: Sequence[str], cells: Mapping[str, Sequence[str]]) -> str:
    """Return the title of the column that says of each row which part it is of, "" if there is none."""
    named = (title for title in titles if title.lower() in FIELDS)
    return next((title for title in named if all(domain(cell.strip()) for cell in cells[title])), "")


def divided(
    columns: Mapping[str, Column], blank: Mapping[str, Mask], labels: Sequence[str]
) -> tuple[dict[str, Column], dict[str, Mask]]:
    """Return columns with those of validation and test rows apart from those of training rows."""
    found, masks = dict(columns), dict(blank)
    parts = np.array([domain(label.strip()) for label in labels])
    for name, values in columns.items():
        if _is_shared(name):
            continue
        there = ~blank.get(name, np.zeros(len(values), dtype=bool))
        for part in ("train", "val", "test"):
            kept = there & (parts == part)
            title = name if part == "train" else f"{part}/{name}"
            if part == "train" or kept.any():
                found[title], masks[title] = np.where(kept, values, np.nan), ~kept
    return found, masks


def _is_shared(name: str) -> bool:
    return any(score(Name.of(name), role) for role in _SHARED)
