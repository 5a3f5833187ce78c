"""History: the readings of a run as columns, the same type live and from a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from surefoot.errors import ArgumentError
from surefoot.history.origin import Origin
from surefoot.history.reading import Reading

Column = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class History:
    """Columns of readings by name, each float64 of shape [rows]; NaN where a row did not say, or said NaN.

    ``columns`` must hold ``step`` and ``loss`` and have one length (ArgumentError otherwise); they are read-only.
    ``source`` says where it came from, ``origin`` how it was understood. ``blank`` tells the two kinds of NaN apart:
    by column, True where a row did not say (see ``said``).

    >>> history = History.of([Reading(0, 2.3, lr=0.0), Reading(1, 2.1, lr=0.1)])
    >>> history["loss"].tolist(), history.names, len(history)
    ([2.3, 2.1], ('step', 'loss', 'lr'), 2)
    """

    columns: Mapping[str, Column]
    source: str = field(default="")
    origin: Origin = field(default=Origin())
    blank: Mapping[str, Mask] = field(default_factory=dict)

    def __post_init__(self) -> None:
        missing = [name for name in ("step", "loss") if name not in self.columns]
        if missing:
            raise ArgumentError(f"columns={sorted(self.columns)} lacks {missing}: a history has a step and a loss.")
        frozen = {name: _column(values, name) for name, values in self.columns.items()}
        lengths = {name: len(values) for name, values in frozen.items()}
        if len(set(lengths.values())) > 1:
            raise ArgumentError(f"columns have different lengths, {lengths}: each row needs a value (NaN is one).")
        object.__setattr__(self, "columns", MappingProxyType(frozen))
        object.__setattr__(self, "blank", MappingProxyType(_masks(self.blank, lengths)))

    @classmethod
    def of(cls, readings: Iterable[Reading], source: str = "") -> History:
        """Return the history of ``readings`` in their order; lazy validation losses are called."""
        rows = [reading.judged().row() for reading in readings]
        return cls(columns(rows), source, blank=blanks(rows))

    def said(self, name: str) -> Mask:
        """Return, bool of shape [rows], where the rows spoke of column ``name``: a NaN that was said is a finding.

        Without a mask in ``blank``, NaN means that the row did not say, except in ``loss``: there a NaN was said unless
        the same row holds a validation value, as rows of an evaluation do. ArgumentError for an unknown column.
        """
        values = self[name]
        if name in self.blank:
            return ~self.blank[name]
        if name != "loss":
            return ~np.isnan(values)
        judged = [np.isfinite(column) for other, column in self.columns.items() if other.startswith("val")]
        return ~(np.isnan(values) & np.any(judged, axis=0)) if judged else np.ones(len(values), dtype=bool)

    def rows(self, start: int, stop: int | None = None) -> History:
        """Return the rows from ``start`` up to, not including, ``stop`` (the end if None), as a history."""
        part = slice(start, stop)
        cut = {name: values[part] for name, values in self.columns.items()}
        return replace(self, columns=cut, blank={name: mask[part] for name, mask in self.blank.items()})

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


def blanks(rows: Iterable[Mapping[str, float]]) -> dict[str, Mask]:
    """Return by column, where it is not always given or was given as NaN, whether a flat row lacks it.

    >>> blanks([{"step": 0, "loss": 1.0}, {"step": 1, "loss": 0.5, "lr": 0.1}])["lr"].tolist()
    [True, False]
    """
    found = list(rows)
    names = dict.fromkeys(name for row in found for name in row)
    masks = {name: np.array([name not in row for row in found], dtype=bool) for name in names}
    nans = {name for row in found for name, value in row.items() if value != value}  # noqa: PLR0124  a NaN that was said
    return {name: mask for name, mask in masks.items() if mask.any() or name in nans}


def _masks(given: Mapping[str, Mask], lengths: Mapping[str, int]) -> dict[str, Mask]:
    masks = {}
    for name, values in given.items():
        mask = np.array(values, dtype=bool)
        if mask.shape != (lengths.get(name, -1),):
            raise ArgumentError(f"blank names {name!r} with shape {mask.shape}: it needs that column's length.")
        mask.setflags(write=False)
        masks[name] = mask
    return masks


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
