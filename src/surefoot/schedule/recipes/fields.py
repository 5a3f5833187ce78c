"""Other optimizer fields on the clock of a rate: a schedule made from another one."""

from __future__ import annotations

from dataclasses import replace

from surefoot.errors import ArgumentError
from surefoot.schedule.core import Schedule
from surefoot.schedule.phase import Phase, rate
from surefoot.schedule.recipes.frame import floor_factor

_BY_ENDS = {
    "constant", "linear", "cosine", "polynomial", "root", "1-sqrt", "1-square", "1-power", "mirror-cosine", "rex",
    "half-life",
}  # fmt: skip


def opposite(schedule: Schedule, *, high: float = 0.95, low: float = 0.85) -> Schedule:
    """Return the field that is ``high`` where the factor of ``schedule`` is 0 and ``low`` at its peak.

    ``value(t) = high - (high - low) * schedule(t) / peak``: momentum (beta1) that rises while the rate falls. The
    phases keep their lengths and shapes, so both stay on one clock through ``extend`` and ``stretch``. Raises
    ArgumentError for a shape that this turn does not preserve (the geometric ones and those that count updates).
    Folklore, after Super-Convergence, arXiv 1708.07120 (2017).

    >>> from surefoot.schedule.recipes.decays import linear
    >>> opposite(linear(0.1, total=4, warmup=2)).array().round(3).tolist()
    [0.95, 0.9, 0.85, 0.9]
    """
    if not isinstance(schedule, Schedule):
        raise ArgumentError(f"schedule={schedule!r:.80} must be a Schedule: the rate that the field moves against.")
    bottom = floor_factor(rate(high, "high"), 0.0, low)
    return Schedule(high, tuple(_turned(phase, bottom) for phase in schedule.phases))


def _turned(phase: Phase, bottom: float) -> Phase:
    if phase.shape not in _BY_ENDS:
        raise ArgumentError(f"shape={phase.shape!r} has no opposite of the same shape: use from_points for that field.")
    start, stop = (1.0 - (1.0 - bottom) * phase.gain * end for end in (phase.start, phase.stop))
    return replace(phase, start=start, stop=stop, gain=1.0)
