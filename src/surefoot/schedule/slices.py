"""Cutting and joining: phases before and after a step, exact to the bit, and phases run through at another speed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from surefoot.errors import ArgumentError
from surefoot.schedule.phase import Phase

if TYPE_CHECKING:
    from surefoot.schedule.algebra import Algebra


def before(schedule: Algebra, at: int) -> tuple[Phase, ...]:
    """Return the phases of the updates before step ``at`` (none if it is 0)."""
    pieces = []
    for begin, phase in zip(schedule.starts, schedule.phases, strict=True):
        n = phase.steps
        if begin < at:
            pieces.append(phase.part(0, at - begin if n is None else min(n, at - begin)))
    return tuple(pieces)


def after(schedule: Algebra, at: int) -> tuple[Phase, ...]:
    """Return the phases of the updates from step ``at`` on (none if it is the end)."""
    pieces = []
    for begin, phase in zip(schedule.starts, schedule.phases, strict=True):
        n = phase.steps
        if n is None or at < begin + n:
            pieces.append(phase.part(max(at - begin, 0), n))
    return tuple(pieces)


def sped(phases: tuple[Phase, ...], total: int) -> tuple[Phase, ...]:
    """Return the phases run through in ``total`` updates; their boundaries are rounded by floor(x + 0.5)."""
    lengths = [phase.steps or 0 for phase in phases]
    whole = sum(lengths)
    found, done, last = [], 0, 0
    for phase, length in zip(phases, lengths, strict=True):
        done += length
        end = (2 * done * total + whole) // (2 * whole)
        if end > last:
            found.append(phase.sped(end - last))
        last = end
    return tuple(found)


def closed(schedule: Algebra, doing: str) -> int:
    """Return the total, or raise ArgumentError: an open plan has no end for ``doing`` something with it."""
    if schedule.total is None:
        raise ArgumentError(f"an open schedule has no end, so it cannot be {doing}: cut it with head(at) first.")
    return schedule.total


def inside(at: int, total: int | None, name: str = "at", least: int = 0) -> int:
    """Return ``at`` if it is a step from ``least`` to ``total``, or raise ArgumentError."""
    if isinstance(at, bool) or not hasattr(at, "__index__"):
        raise ArgumentError(f"{name}={at!r} must be an int: a number of updates.")
    step = at.__index__()
    if step < least or (total is not None and step > total):
        end = "" if total is None else f" and <= {total}, the schedule's total"
        raise ArgumentError(f"{name}={step} must be >= {least}{end}.")
    return step
