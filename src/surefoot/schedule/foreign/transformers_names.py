"""The schedules of transformers by their names, as Schedules; transformers is not imported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from surefoot.errors import ArgumentError
from surefoot.schedule.core import Schedule
from surefoot.schedule.foreign.wave import exact, leg, wave
from surefoot.schedule.lengths import Clock, LengthLike
from surefoot.schedule.phase import Phase, hold, number, ramp, rate
from surefoot.schedule.recipes.frame import floor_factor
from surefoot.schedule.slices import after, inside

METRIC = ("reduce_lr_on_plateau", "greedy")
_FALL, _RISE = ramp(1, 0, 1, "cosine"), ramp(0, 1, 1, "cosine")
_RISES = {"linear": "linear", "cosine": "cosine", "1-sqrt": "root"}


def from_transformers(
    name: str, *, peak: float, total: LengthLike | None = None, warmup: LengthLike = 0, **options: Any
) -> Schedule:
    """Return the Schedule that ``transformers.get_scheduler(name, ...)`` makes for an optimizer of rate ``peak``.

    ``name`` is a value of ``SchedulerType``, ``total`` its ``num_training_steps``, ``warmup`` its
    ``num_warmup_steps`` (both in updates or any other length), ``options`` its ``scheduler_specific_kwargs``
    (``num_cycles``, ``power``, ``lr_end``, ``min_lr``, ``min_lr_rate``, ``warmup_lr_rate``, ``timescale``,
    ``num_decay_steps``, ``num_stable_steps``, ``warmup_type``, ``decay_type``, ``min_lr_ratio``). Rates are those of
    transformers 5.23 over the run; past the end they are held, where its cosines rise again. Raises ArgumentError
    for an unknown name or option, and for the two that follow a metric.

    >>> from_transformers("cosine", peak=3e-4, total=1000, warmup=100)
    Schedule(0.0003, (ramp(0.0, 1.0, 100), ramp(1.0, 0.0, 900, 'cosine')))
    """
    key = str(getattr(name, "value", name))
    if key in METRIC:
        raise ArgumentError(f"name={key!r} follows a metric, so its rates are not known before the run.")
    if key not in _READERS:
        raise ArgumentError(f"name={key!r} is unknown: use one of {', '.join(_READERS)}.")
    read, known = _READERS[key]
    if set(options) - set(known):
        raise ArgumentError(f"{key!r} takes options {known}, not {sorted(set(options) - set(known))}.")
    whole = None if total is None else Clock().steps(total, name="total")
    rise = Clock().steps(warmup, total=whole, name="warmup")
    if whole is not None and rise > whole:
        raise ArgumentError(f"warmup={rise} must not be above total={whole}.")
    top = rate(peak, "peak")
    return Schedule(top, tuple(read(_Run(key, top, whole, rise, options))))


@dataclass(frozen=True, slots=True)
class _Run:
    """The arguments of one reader; ``known`` is the total where one was given."""

    name: str
    peak: float
    known: int | None
    warmup: int
    options: dict[str, Any]

    @property
    def total(self) -> int:
        if self.known is None:
            raise ArgumentError(f"total=None: {self.name!r} needs the number of updates.")
        return self.known

    @property
    def rest(self) -> int:
        return self.total - self.warmup

    @property
    def open_rest(self) -> int | None:
        return None if self.known is None else self.rest

    def get(self, key: str, default: float) -> float:
        return number(self.options.get(key, default), key)

    def count(self, key: str) -> int:
        return inside(self.options[key], None, key)

    @property
    def floor(self) -> float:
        """The fraction of the peak that ``min_lr`` or ``min_lr_rate`` stands for."""
        absolute, share = self.options.get("min_lr"), self.options.get("min_lr_rate")
        if (absolute is None) == (share is None):
            raise ArgumentError(f"{self.name!r} needs exactly one of min_lr= and min_lr_rate=.")
        if absolute is None:
            return number(share, "min_lr_rate")
        return floor_factor(self.peak, 0.0, number(absolute, "min_lr"))


def _rise(run: _Run) -> tuple[Phase, ...]:
    return (ramp(0, 1, run.warmup),)


def _linear(run: _Run) -> Iterator[Phase]:
    yield from (*_rise(run), ramp(1, 0, run.rest))


def _constant(run: _Run) -> Iterator[Phase]:
    # transformers ignores the warmup of this one.
    yield hold(run.known)


def _constant_with_warmup(run: _Run) -> Iterator[Phase]:
    yield from (*_rise(run), hold(run.open_rest))


def _cosine(run: _Run) -> Iterator[Phase]:
    yield from (*_rise(run), *_waves(run, 0.0, run.rest))


def _waves(run: _Run, floor: float, length: int) -> Iterator[Phase]:
    """Half a wave unless ``num_cycles`` says otherwise: falling and rising legs in turn."""
    legs = 2 * exact(run.get("num_cycles", 0.5))
    if legs <= 0:
        raise ArgumentError(f"num_cycles={run.options['num_cycles']!r} must be > 0.")
    return wave((ramp(1, floor, 1, "cosine"), ramp(floor, 1, 1, "cosine")), length, legs)


def _restarts(run: _Run) -> Iterator[Phase]:
    cycles = exact(run.get("num_cycles", 1.0))
    if cycles <= 0:
        raise ArgumentError(f"num_cycles={run.options['num_cycles']!r} must be > 0.")
    yield from (*_rise(run), *wave((_FALL,), run.rest, cycles))


def _polynomial(run: _Run) -> Iterator[Phase]:
    end = run.get("lr_end", 1e-7)
    if not 0 <= end < run.peak:
        raise ArgumentError(f"lr_end={end!r} must be >= 0 and below peak={run.peak!r}.")
    yield from (*_rise(run), ramp(1, end / run.peak, run.rest, "polynomial", power=run.get("power", 1.0)))


def _inverse_sqrt(run: _Run) -> Iterator[Phase]:
    scale = run.options.get("timescale") or run.warmup or 10_000
    yield from (*_rise(run), ramp(1, 0, run.open_rest, "inverse-sqrt", timescale=scale))


def _cosine_with_min_lr(run: _Run) -> Iterator[Phase]:
    yield from (*_rise(run), *_waves(run, run.floor, run.rest))


def _cosine_warmup_with_min_lr(run: _Run) -> Iterator[Phase]:
    """Both parts count from 1 here: the warmup ends at the peak, the cosine begins one update late."""
    start = run.options.get("warmup_lr_rate")
    if start is None:
        yield from leg(ramp(0, 1, 1), Fraction(-1), Fraction(run.warmup - 1), run.warmup)
    elif run.warmup:
        yield from (ramp(number(start, "warmup_lr_rate"), 1, run.warmup - 1), hold(1, 1.0 if run.warmup > 1 else start))
    if run.rest:
        whole = Schedule(1.0, tuple(_waves(run, run.floor, run.rest)))
        yield from (*after(whole, 1), hold(1, whole.phases[-1].end))


def _warmup_stable_decay(run: _Run) -> Iterator[Phase]:
    if "num_decay_steps" not in run.options:
        raise ArgumentError("'warmup_stable_decay' needs num_decay_steps=.")
    decay, low = run.count("num_decay_steps"), run.get("min_lr_ratio", 0.0)
    stable = run.options.get("num_stable_steps")
    stable = run.rest - decay if stable is None else run.count("num_stable_steps")
    kinds = [
        str(run.options.get(key, default)) for key, default in (("warmup_type", "linear"), ("decay_type", "cosine"))
    ]
    if not set(kinds) <= set(_RISES):
        raise ArgumentError(f"warmup_type={kinds[0]!r}, decay_type={kinds[1]!r}: use one of {', '.join(_RISES)}.")
    if min(stable, decay) < 0:
        raise ArgumentError(f"num_decay_steps={decay} and warmup={run.warmup} do not fit in total={run.total}.")
    yield from (ramp(low, 1, run.warmup, _RISES[kinds[0]]), hold(stable))
    yield from _waves(run, low, decay) if kinds[1] == "cosine" else (ramp(1, low, decay, kinds[1]),)
    over = 0 if run.open_rest is None else run.rest - stable - decay
    yield hold(max(over, 0), low)


_MIN = ("num_cycles", "min_lr", "min_lr_rate")
_READERS: dict[str, tuple[Callable[[_Run], Iterator[Phase]], tuple[str, ...]]] = {
    "linear": (_linear, ()),
    "cosine": (_cosine, ("num_cycles",)),
    "cosine_with_restarts": (_restarts, ("num_cycles",)),
    "polynomial": (_polynomial, ("lr_end", "power")),
    "constant": (_constant, ()),
    "constant_with_warmup": (_constant_with_warmup, ()),
    "inverse_sqrt": (_inverse_sqrt, ("timescale",)),
    "cosine_with_min_lr": (_cosine_with_min_lr, _MIN),
    "cosine_warmup_with_min_lr": (_cosine_warmup_with_min_lr, (*_MIN, "warmup_lr_rate")),
    "warmup_stable_decay": (
        _warmup_stable_decay,
        ("num_decay_steps", "num_stable_steps", "warmup_type", "decay_type", "min_lr_ratio", "num_cycles"),
    ),
}
