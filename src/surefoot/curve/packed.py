"""Trials in a long file: columns found by how its records are laid out, and a Trial made when it is looked at."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from surefoot.curve.cells import Misfit
from surefoot.curve.scanning import Layout, laid_out, scanned
from surefoot.curve.table import Table
from surefoot.errors import FormatError
from surefoot.trial import Trial, number, trial_of


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Packed(Sequence[Trial]):
    """The trials in ``data``, one from each of ``starts`` [n] on; ``stop`` is where the last one ends."""

    data: bytes
    starts: NDArray[np.int64]
    stop: int
    layout: Layout
    table: Table

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, place: int) -> Trial: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Trial, ...]: ...
    def __getitem__(self, place: int | slice) -> Trial | tuple[Trial, ...]:
        if isinstance(place, slice):
            return tuple(self._at(k) for k in range(*place.indices(len(self))))
        k = place + len(self) if place < 0 else place
        if not 0 <= k < len(self):
            raise IndexError(f"trial {place} of {len(self)}")
        return self._at(k)

    def __iter__(self) -> Iterator[Trial]:
        return (self._at(k) for k in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Packed | tuple):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"<{len(self)} trials in {len(self.data)} bytes>"

    def without(self, places: NDArray[np.int64]) -> Packed:
        """Return the trials but for those at ``places``."""
        kept = np.ones(len(self), bool)
        kept[places] = False
        return replace(self, starts=self.starts[kept], table=self.table.kept(kept))

    def first_start(self) -> float:
        """Return the loss at the start of the first trial that says one, without looking into every trial; else NaN."""
        if "start" not in self.layout.names or not len(self):
            return math.nan
        said = re.compile(rb'"start"' + re.escape(self.layout.colon) + rb"(?!null)")
        found = said.search(self.data, int(self.starts[0]), self.stop)
        if found is None:
            return math.nan
        return self[int(np.searchsorted(self.starts, found.start(), side="right")) - 1].start

    def _at(self, k: int) -> Trial:
        stop = int(self.starts[k + 1]) if k + 1 < len(self) else self.stop
        # What follows the record, up to the next one that was kept, is not looked at.
        record, _ = json.JSONDecoder().raw_decode(self.data[int(self.starts[k]) : stop].decode())
        return trial_in(record["trial"] if self.layout.nested else record)


def packed(data: bytes, start: int, stop: int | None = None) -> Packed | None:
    """Return the trials whose first record begins at ``start``; None where the records are not all laid out alike."""
    try:
        layout = laid_out(data, start, stop)
        starts, end, table = scanned(data, start, layout, stop)
    except (Misfit, ValueError):
        return None
    return Packed(data, starts, end, layout, table)


def trial_in(row: Any) -> Trial:
    """Return the trial in one row: a whole one, or one that says at least ``lr`` and ``loss``; FormatError if none."""
    if not isinstance(row, dict):
        raise FormatError(f"a trial was expected, not {type(row).__name__}.")
    try:
        loss = number(row["loss"])
        steps = row.get("steps", row.get("total", 1))
        usual: dict[str, Any] = {
            "seed": 0, "steps": steps, "total": row.get("total", steps), "seconds": 0.0, "start": None,
            "status": "done" if math.isfinite(loss) else "failed", "points": [], "losses": [],
        }  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"a trial needs lr and loss ({error!r}).") from None
    return trial_of(usual | row)
