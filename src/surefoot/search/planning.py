"""plan: from a run's situation and its evidence to a schedule, with the reason."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.curve import Peak
from surefoot.errors import ArgumentError
from surefoot.forecasting.bound import relative_peak
from surefoot.forecasting.planner import recognised
from surefoot.history.columns import History
from surefoot.schedule.core import Schedule
from surefoot.schedule.recipes.decays import constant, linear
from surefoot.schedule.recipes.long import wsd
from surefoot.search.question import count, positive

FALLBACK_WARMUP = 0.05
_CLOSE_EDGE = 4.0
_OPEN_WARMUP = 1000
_SAME_SHAPE = 1.25
_NO_RATE = "No rate is known: the peak of 1.0 is a factor; tune the task and put the rate in by with_peak(lr)."


@dataclass(frozen=True, slots=True)
class Choice:
    """A schedule and why: ``reason`` for its shape, ``warmup`` and ``clip`` advice, ``code`` that writes it again.

    ``clip`` is the gradient norm to clip at, ``notes`` say what each advice rests on; folklore is called so.
    """

    schedule: Schedule
    reason: str
    warmup: int
    clip: float
    notes: tuple[str, ...]
    code: str

    def __str__(self) -> str:
        return "\n".join((self.code, self.reason, *self.notes))


def plan(
    history_or_peak: Any = None, *, total: int | None, extendable: bool = False, peak: float | None = None
) -> Schedule:
    """Return the schedule that ``choose`` picks; ``choose`` gives its reason as well.

    >>> plan(3e-4, total=1000)
    Schedule(0.0003, (ramp(0.0, 1.0, 50), ramp(1.0, 0.0, 950)))
    >>> plan(3e-4, total=1000, extendable=True)
    Schedule(0.0003, (ramp(0.0, 1.0, 50), hold(750), ramp(1.0, 0.0, 200, '1-sqrt')))
    """
    return choose(history_or_peak, total=total, extendable=extendable, peak=peak).schedule


def choose(
    history_or_peak: Any = None, *, total: int | None, extendable: bool = False, peak: float | None = None
) -> Choice:
    """Return a schedule for a run of ``total`` updates (None: not known), with its reason and advice.

    The peak rate is that of a Peak, of a number, of a History (the highest rate it logged), or ``peak``; with none of
    them the plan is in factors of a peak of 1.0, to be given by ``with_peak``. A fixed
    ``total`` gets warmup and a linear decay to zero; ``extendable`` one a warmup, a hold and a short decay (WSD), so
    that the hold can be lengthened; no ``total`` a warmup and an open hold, with the advice to use a schedule-free
    optimizer. Raises ArgumentError where no peak rate can be had.
    """
    rate = _rate(history_or_peak, peak)
    whole = None if total is None else count(total, "total", "the updates of the run, or None if it is not known")
    evidence = history_or_peak if isinstance(history_or_peak, Peak) else None
    warmup, warmed = _warmup(rate, evidence, whole)
    schedule, call, reason = _shape(rate, whole, warmup, extendable=extendable)
    clip, clipped = _clip(history_or_peak)
    known = history_or_peak is not None or peak is not None
    notes = (warmed, clipped, *_reshaped(history_or_peak, schedule), *(() if known else (_NO_RATE,)))
    return Choice(schedule, reason, warmup, clip, notes, f"schedule = {call}")


def _rate(source: Any, peak: float | None) -> float:
    if peak is not None:
        return positive(peak, "peak")
    if isinstance(source, Peak):
        if source.lr is None:
            raise ArgumentError(f"peak has no answer ({source.why}) give peak= a rate, or a larger budget to tune.")
        return source.lr
    if isinstance(source, int | float) and not isinstance(source, bool):
        return positive(source, "peak")
    if source is None:
        return 1.0
    rates = _logged(source, "lr")
    if rates.size == 0:
        raise ArgumentError(
            f"history_or_peak={source!r:.60} holds no learning rate: pass a Peak, a rate, or a history that logs lr."
        )
    return float(rates.max())


def _warmup(rate: float, evidence: Peak | None, total: int | None) -> tuple[int, str]:
    edge = None if evidence is None else evidence.edge
    close = edge is not None and edge < _CLOSE_EDGE * rate
    if total is None:
        return _OPEN_WARMUP, f"Warmup of {_OPEN_WARMUP} updates: folklore for runs of unknown length; it costs little."
    share = 2 * FALLBACK_WARMUP if close else FALLBACK_WARMUP
    steps = min(max(math.floor(share * total + 0.5), 1), max(total - 1, 0))
    if close and edge is not None:
        return steps, (
            f"Warmup of {steps} updates, twice the usual 5 %: runs broke at {edge:.2g}, only {edge / rate:.1f}x the "
            "peak, and a longer warmup moves that edge up (Gilmer et al., arXiv 2110.04369, 2021)."
        )
    return steps, f"Warmup of {steps} updates, 5 % of the run: folklore; nothing seen asks for more."


def _shape(rate: float, total: int | None, warmup: int, *, extendable: bool) -> tuple[Schedule, str, str]:
    """Return the schedule, the call that makes it, and the reason for its shape."""
    if total is None:
        return (
            constant(rate, warmup=warmup),
            f"sf.constant({rate!r}, warmup={warmup})",
            (
                "The length is not known: hold the peak after warmup and use a schedule-free optimizer, which needs no "
                "decay (Defazio et al., The Road Less Scheduled, arXiv 2405.15682, 2024); decay when the end is known."
            ),
        )
    down = min(math.floor(0.2 * total + 0.5), total - warmup)
    if extendable and 0 < down < total - warmup:
        return (
            wsd(rate, total=total, warmup=warmup, decay=down),
            f"sf.wsd({rate!r}, total={total}, warmup={warmup}, decay={down})",
            (
                "The run may be extended: warmup, hold, and a 1-sqrt decay over the last fifth, which reaches the loss "
                "of a full cosine, and the hold can be lengthened (Hägele et al., arXiv 2405.18392, 2024)."
            ),
        )
    return (
        linear(rate, total=total, warmup=warmup),
        f"sf.linear({rate!r}, total={total}, warmup={warmup})",
        (
            "The length is fixed: warmup, then linear to zero, which beats cosine to a tenth at every measured budget "
            "(Bergsma et al., Straight to Zero, arXiv 2502.15938, 2025; Defazio et al., arXiv 2310.07831, 2023)."
        ),
    )


def _reshaped(source: Any, schedule: Schedule) -> tuple[str, ...]:
    """Return a note where a history's peak was that of another shape, which wants another peak."""
    if not isinstance(source, History) or schedule.total is None:
        return ()
    try:
        ran = recognised(source)
        whole = ran if ran.total is not None else ran.head(int(source["step"].max()) + 1)
        ratio = relative_peak(schedule.stretch(whole.total or 1), whole)
    except ArgumentError:
        return ()  # rates that are no schedule say nothing about shapes
    if 1 / _SAME_SHAPE < ratio < _SAME_SHAPE:
        return ()
    note = (
        f"The peak is the one the run had along another shape; by the convex bound this shape wants {ratio:.2g} times "
        "that: theory (arXiv 2501.18965, 2025), so tune it. surefoot.compare has the ways on from the run itself."
    )
    return (note,)


def _clip(source: Any) -> tuple[float, str]:
    norms = _logged(source, "grad_norm")
    if norms.size < 20:
        return 1.0, "Clip the gradient norm at 1.0: folklore; it bounds the rare bad batch and rarely costs anything."
    usual = float(np.median(norms))
    if 0.5 <= usual <= 2.0:
        return 1.0, f"Clip the gradient norm at 1.0: the median logged is {usual:.2g}, so it cuts peaks only."
    clip = float(f"{2 * usual:.1g}")
    return (
        clip,
        f"Clip the gradient norm at {clip:g}, about twice its logged median of {usual:.2g}, so it cuts peaks only.",
    )


def _logged(source: Any, name: str) -> NDArray[np.float64]:
    """Return the positive finite values of a history's column; none where it lacks it."""
    column = source.columns.get(name) if isinstance(source, History) else None
    values = np.asarray([] if column is None else column, dtype=np.float64)
    return values[np.isfinite(values) & (values > 0)]
