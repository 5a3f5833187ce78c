"""History: the readings of a run as columns, the same type live and from a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.errors import ArgumentError
from surefoot.history.reading import Reading

Column = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class History:
    """Columns of readings by name, each float64 of shape [rows]; NaN where a row did not say.

    ``columns`` must hold ``step`` and ``loss`` and have one length (ArgumentError otherwise); they are read-only.
    ``source`` says where it came from.

    >>> history = History.of([Reading(0, 2.3, lr=0.0), Reading(1, 2.1, lr=0.1)])
    >>> history["loss"].tolist(), history.names, len(history)
    ([2.3, 2.1], ('step', 'loss', 'lr'), 2)
    """

    columns: Mapping[str, Column]
    source: str = field(default="")

    def __post_init__(self) -> None:
        missing = [name for name in ("step", "loss") if name not in self.columns]
        if missing:
            raise ArgumentError(f"columns={sorted(self.columns)} lacks {missing}: a history has a step and a loss.")
        frozen = {name: _column(values, name) for name, values in self.columns.items()}
        lengths = {name: len(values) for name, values in frozen.items()}
        if len(set(lengths.values())) > 1:
            raise ArgumentError(f"columns have different lengths, {lengths}: each row needs a value (NaN is one).")
        object.__setattr__(self, "columns", MappingProxyType(frozen))

    @classmethod
    def of(cls, readings: Iterable[Reading], source: str = "") -> History:
        """Return the history of ``readings`` in their order; lazy validation losses are called."""
        return cls(columns([reading.judged().row() for reading in readings]), source)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are there, ``step`` and ``loss`` first."""
        return tuple(self.columns)

    def __len__(self) -> int:
        return len(self.columns["step"])

    def __getitem__(self, name: str) -> Column:
        """Return the column ``name``; ArgumentError if the history does not have it."""
        if name not in self.columns:
            raise ArgumentError(f"column={name!r} is not in this history: it has {', '.join(self.names)}.")
        return self.columns[name]

    def __iter__(self) -> Iterator[Reading]:
        """Yield the rows as readings, the fields that a row did not say left out."""
        rows = zip(*(values.tolist() for values in self.columns.values()), strict=True)
        return (_reading(dict(zip(self.names, row, strict=True))) for row in rows)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, History):
            return NotImplemented
        same = self.names == other.names and len(self) == len(other)
        return same and all(np.array_equal(self[name], other[name], equal_nan=True) for name in self.names)

    __hash__ = None  # type: ignore[assignment]  # arrays have no hash, and a history is compared by its values

    def __repr__(self) -> str:
        return f"History({len(self)} rows: {', '.join(self.names)})"


def columns(rows: Iterable[Mapping[str, float]]) -> dict[str, Column]:
    """Return columns by name from flat rows; a name that a row lacks is NaN there.

    >>> columns([{"step": 0, "loss": 1.0}, {"step": 1, "loss": 0.5, "lr": 0.1}])["lr"].tolist()
    [nan, 0.1]
    """
    found = list(rows)
    names = dict.fromkeys(["step", "loss"]) | dict.fromkeys(name for row in found for name in row)
    return {name: np.array([row.get(name, np.nan) for row in found], dtype=np.float64) for name in names}


def _column(values: ArrayLike, name: str) -> Column:
    try:
        column = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ArgumentError(f"column {name!r} holds something that is not a number.") from None
    if column.ndim != 1:
        raise ArgumentError(f"column {name!r} has shape {column.shape}: a column has one axis, [rows].")
    column.setflags(write=False)
    return column


def _reading(row: dict[str, Any]) -> Reading:
    said = {name: value for name, value in row.items() if value == value or name == "loss"}  # noqa: PLR0124  NaN is not said
    return Reading(int(said.pop("step")), said.pop("loss"), **said)
