"""Series: one column of a run as it is remembered: blocks, the values not yet in one, the first and the last values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from surefoot.diagnosis.blocks import CAP, LARGEST, NONE, Blocks, appended, joined, leaves, reduced
from surefoot.history.columns import Column

HEAD, TAIL = 64, 256


def _empty() -> Column:
    return np.zeros(0)


@dataclass(frozen=True, eq=False)
class Series:
    """The values of one column that were said, in constant memory; the same whatever chunks they came in.

    ``blocks`` of ``width`` values each; ``step``, ``row``, ``value`` of those waiting for a block, shape [< width];
    ``head`` and ``tail``: the first and last values as (steps, values); ``length`` values in all, ``bad`` of them not
    finite, from ``first_bad`` (a step) to ``last_bad``; ``last_good`` is the step of the last finite value.
    """

    blocks: Blocks = NONE
    width: int = 1
    step: Column = field(default_factory=_empty)
    row: Column = field(default_factory=_empty)
    value: Column = field(default_factory=_empty)
    head: tuple[Column, Column] = field(default_factory=lambda: (_empty(), _empty()))
    tail: tuple[Column, Column] = field(default_factory=lambda: (_empty(), _empty()))
    length: int = 0
    bad: int = 0
    first_bad: float = np.nan
    last_bad: float = np.nan
    last_good: float = np.nan

    def extended(self, step: Column, row: Column, value: Column) -> Series:
        """Return the series with more values at its end; arrays of one length."""
        if not len(value):
            return self
        return _blocked(_counted(self, step, value), step, row, value)

    @cached_property
    def points(self) -> Blocks:
        """The blocks, the values that wait for one as a last, shorter block."""
        if not len(self.value):
            return self.blocks
        left = leaves(self.step, self.row, self.value)
        while len(left) > 1:
            odd = left.cut(len(left) - 1, None) if len(left) % 2 else NONE
            left = appended(joined(left.cut(0, len(left) // 2 * 2)), odd)
        return appended(self.blocks, left)

    @cached_property
    def finite(self) -> Blocks:
        """The points that hold a finite value."""
        points = self.points
        keep = points.count > 0
        if keep.all():
            return points
        return Blocks(*(values[keep] for values in vars(points).values()))


def _counted(series: Series, step: Column, value: Column) -> Series:
    bad = ~(np.abs(value) <= LARGEST)
    where, fine = step[bad], step[~bad]
    first = series.first_bad if series.bad or not len(where) else float(where[0])
    room = max(HEAD - len(series.head[0]), 0)
    return replace(
        series,
        head=(np.concatenate([series.head[0], step[:room]]), np.concatenate([series.head[1], value[:room]])),
        tail=(np.concatenate([series.tail[0], step])[-TAIL:], np.concatenate([series.tail[1], value])[-TAIL:]),
        length=series.length + len(value),
        bad=series.bad + len(where),
        first_bad=first,
        last_bad=float(where[-1]) if len(where) else series.last_bad,
        last_good=float(fine[-1]) if len(fine) else series.last_good,
    )


def _blocked(series: Series, step: Column, row: Column, value: Column) -> Series:
    step, row, value = (
        np.concatenate([old, new]) for old, new in ((series.step, step), (series.row, row), (series.value, value))
    )
    blocks, width = series.blocks, series.width
    while len(value) >= width:
        full = min(len(value) // width, CAP - len(blocks))
        take = full * width
        blocks = appended(blocks, reduced(leaves(step[:take], row[:take], value[:take]), width))
        step, row, value = step[take:], row[take:], value[take:]
        if len(blocks) == CAP:
            blocks, width = joined(blocks), 2 * width
    # A slice would keep the caller's whole chunk alive.
    return replace(series, blocks=blocks, width=width, step=step.copy(), row=row.copy(), value=value.copy())
