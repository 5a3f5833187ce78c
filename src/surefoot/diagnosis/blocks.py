"""Blocks: a stretch of values of any length as at most ``CAP`` equal blocks, the same however the values arrive.

A block holds 2**k values in a row. When ``CAP`` blocks are full, neighbours are joined and k grows by one: memory stays
constant, the cost per value is O(1), and where a block begins depends on the values' number alone. Sums are taken in
pairs from the values up, so that they are bit-equal for any chunking.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from surefoot.history.columns import Column

CAP = 4096
"""The most blocks that are kept; runs of up to this many rows are kept value by value."""
LARGEST = 1e100
"""A value beyond this counts as not finite: squares and sums of it would overflow."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """What is known of each block, float64 of shape [blocks].

    ``step``/``end``: step of the first and the last value; ``row``: row of the first value; ``total``, ``low``,
    ``high``: sum, minimum and maximum of the ``count`` finite values (low = inf, high = -inf where there is none);
    ``bad``: values that are not finite; ``rough``: sum of the distances of ``pairs`` neighbouring finite values.
    """

    step: Column
    end: Column
    row: Column
    total: Column
    low: Column
    high: Column
    count: Column
    bad: Column
    rough: Column
    pairs: Column

    def __len__(self) -> int:
        return len(self.step)

    @property
    def mean(self) -> Column:
        """The mean of the finite values, NaN where there is none."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.total / self.count

    def cut(self, start: int, stop: int | None) -> Blocks:
        """Return the blocks from ``start`` up to ``stop``."""
        return Blocks(*(getattr(self, f.name)[start:stop] for f in fields(self)))


def leaves(step: Column, row: Column, value: Column) -> Blocks:
    """Return one block a value."""
    good = np.abs(value) <= LARGEST
    zero = np.zeros(len(value))
    held = np.where(good, value, 0.0)
    low, high = np.where(good, value, np.inf), np.where(good, value, -np.inf)
    return Blocks(step, step, row, held, low, high, good.astype(np.float64), (~good).astype(np.float64), zero, zero)


def joined(blocks: Blocks) -> Blocks:
    """Return half as many blocks, neighbours joined in pairs; the number of blocks must be even."""
    a, b = (Blocks(*(getattr(blocks, f.name)[k::2] for f in fields(blocks))) for k in (0, 1))
    single = (a.count + a.bad == 1) & (a.count == 1) & (b.count + b.bad == 1) & (b.count == 1)
    return Blocks(
        a.step,
        b.end,
        a.row,
        a.total + b.total,
        np.minimum(a.low, b.low),
        np.maximum(a.high, b.high),
        a.count + b.count,
        a.bad + b.bad,
        a.rough + b.rough + np.where(single, np.abs(a.total - b.total), 0.0),
        a.pairs + b.pairs + single,
    )


def appended(one: Blocks, other: Blocks) -> Blocks:
    """Return the blocks of ``one`` followed by those of ``other``."""
    if not len(one):
        return other
    return Blocks(*(np.concatenate([getattr(one, f.name), getattr(other, f.name)]) for f in fields(one)))


def reduced(blocks: Blocks, width: int) -> Blocks:
    """Return leaves joined to blocks of ``width`` (a power of two) values; their number is a multiple of it."""
    while width > 1:
        blocks, width = joined(blocks), width // 2
    return blocks


NONE = leaves(np.zeros(0), np.zeros(0), np.zeros(0))
