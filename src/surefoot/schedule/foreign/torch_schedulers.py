"""Schedules of other libraries: a live torch scheduler, or a name of transformers, as a Schedule.

Neither library is imported: torch schedulers are known by their class and attributes, transformers' by their names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

from surefoot.errors import ArgumentError
from surefoot.schedule.core import Schedule
from surefoot.schedule.foreign.replay import replayed
from surefoot.schedule.foreign.wave import exact, leg
from surefoot.schedule.phase import Phase, hold, ramp

METRIC = {"ReduceLROnPlateau", "GreedyLR"}


@dataclass(frozen=True, slots=True)
class _Piece:
    """Phases whose factors are shares of ``top``, an absolute rate."""

    top: float
    phases: tuple[Phase, ...]


def from_torch(scheduler: Any, *, total: int | None = None, group: int | None = None) -> Schedule:
    """Return the Schedule that ``scheduler``, a ``torch.optim.lr_scheduler`` object, applies from its first update.

    ``total`` [updates] cuts the plan, and is needed where the scheduler cannot tell (lambdas, warm restarts, chains);
    ``group`` is the parameter group read, unless given the one with the highest rate. Neither the scheduler nor its
    optimizer is changed. The rates are torch's over its run; past the end they are held, where torch may rise
    again (CosineAnnealingLR) or raise (OneCycleLR). Lambdas and chains become a table of ``total`` points. Raises
    ArgumentError for a scheduler that follows a metric or is not torch's own.
    """
    name = _name(scheduler)
    k = _group(scheduler) if group is None else group
    if not 0 <= k < len(scheduler.optimizer.param_groups):
        raise ArgumentError(f"group={group!r} must be one of the {len(scheduler.optimizer.param_groups)} groups.")
    if total is not None and (isinstance(total, bool) or not isinstance(total, int) or total < 1):
        raise ArgumentError(f"total={total!r} must be a number of updates >= 1, or None.")
    found = _READERS[name](scheduler, k, total)
    return _cut(Schedule(found.top, found.phases), total)


def _cut(schedule: Schedule, total: int | None) -> Schedule:
    if total is None or schedule.total == total:
        return schedule
    if schedule.total is None or schedule.total > total:
        return schedule.head(total)
    return schedule.then(Schedule(schedule.peak, (hold(total - schedule.total, schedule.phases[-1].end),)))


def _name(scheduler: Any) -> str:
    name = type(scheduler).__name__
    if name in METRIC or hasattr(scheduler, "patience"):
        raise ArgumentError(f"scheduler={name} follows a metric, so its rates are not known before the run.")
    if name not in _READERS or not type(scheduler).__module__.startswith("torch.optim."):
        raise ArgumentError(
            f"scheduler={name} is not one of torch's own ({', '.join(_READERS)}): log its rates and use recognise()."
        )
    return name


def _group(scheduler: Any) -> int:
    groups = scheduler.optimizer.param_groups
    rates = [float(group.get("max_lr", group.get("initial_lr", group["lr"]))) for group in groups]
    return rates.index(max(rates))


def _base(scheduler: Any, k: int) -> float:
    return float(scheduler.base_lrs[k])


def _scaled(base: float, *levels: tuple[float, int | None]) -> _Piece:
    """Return holds at the given (multiple of base, updates)."""
    top = base * max(level for level, _ in levels)
    phases = tuple(hold(length, base * level / top if top > 0 else 0.0) for level, length in levels)
    return _Piece(top, phases)


def _constant(s: Any, k: int, _total: int | None) -> _Piece:
    return _scaled(_base(s, k), (float(s.factor), int(s.total_iters)), (1.0, None))


def _linear(s: Any, k: int, _total: int | None) -> _Piece:
    begin, end = float(s.start_factor), float(s.end_factor)
    top = max(begin, end)
    rise = ramp(begin / top, end / top, int(s.total_iters))
    return _Piece(_base(s, k) * top, (rise, hold(None, end / top)))


def _fall(s: Any, k: int, end: float, length: int, shape: str, **parameters: float) -> _Piece:
    base = _base(s, k)
    top = max(base, end)
    return _Piece(top, (ramp(base / top, end / top, length, shape, **parameters),) if top > 0 else (hold(length),))


def _cosine(s: Any, k: int, _total: int | None) -> _Piece:
    return _fall(s, k, float(s.eta_min), int(s.T_max), "cosine")


def _polynomial(s: Any, k: int, _total: int | None) -> _Piece:
    return _fall(s, k, 0.0, int(s.total_iters), "polynomial", power=float(s.power))


def _exponential(s: Any, k: int, total: int | None) -> _Piece:
    return _powers(s, k, total, 1, "geometric")


def _step(s: Any, k: int, total: int | None) -> _Piece:
    return _powers(s, k, total, int(s.step_size), "step")


def _powers(s: Any, k: int, total: int | None, every: int, shape: str) -> _Piece:
    gamma = float(s.gamma)
    if not 0.0 < gamma <= 1.0:
        return _table(s, k, total)
    return _Piece(_base(s, k), (ramp(1.0, 0.0, None, shape, every=every, factor=gamma),))


def _multistep(s: Any, k: int, _total: int | None) -> _Piece:
    gamma, done, level = float(s.gamma), 0, 1.0
    levels: list[tuple[float, int | None]] = []
    for milestone, times in sorted(s.milestones.items()):
        levels.append((level, milestone - done))
        done, level = milestone, level * gamma**times
    return _scaled(_base(s, k), *levels, (level, None))


def _restarts(s: Any, k: int, total: int | None) -> _Piece:
    if total is None:
        raise ArgumentError("total=None: CosineAnnealingWarmRestarts has no end; say how many updates the run has.")
    base, end = _base(s, k), float(s.eta_min)
    top, length, done, phases = max(base, end), int(s.T_0), 0, []
    while done < total:
        phases.append(ramp(base / top, end / top, length, "cosine"))
        done, length = done + length, length * int(s.T_mult)
    return _Piece(top, tuple(phases))


def _cyclic(s: Any, k: int, total: int | None) -> _Piece:
    rise, base, top = s.step_ratio * s.total_size, _base(s, k), float(s.max_lrs[k])
    up, down = round(rise), round(s.total_size - rise)
    if s._scale_fn_custom is not None or base > top or not 0 < s.gamma <= 1:  # noqa: SLF001  torch keeps it there
        return _table(s, k, total)
    cycle: dict[str, Any] = {"rise": up, "fall": down, "mode": s.mode}
    if s.mode == "exp_range":
        cycle["gamma"] = float(s.gamma)
    return _Piece(top, (ramp(base / top, 1.0, None, "cyclic", **cycle),))


def _onecycle(s: Any, k: int, _total: int | None) -> _Piece:
    group = s.optimizer.param_groups[k]
    shape = "cosine" if s._anneal_func_type == "cos" else "linear"  # noqa: SLF001  torch keeps it there
    top, begin, done = float(group["max_lr"]), exact(0.0), 0
    phases: list[Phase] = []
    for part in s._schedule_phases:  # noqa: SLF001  torch keeps it there
        end = exact(float(part["end_step"]))
        model = ramp(float(group[part["start_lr"]]) / top, float(group[part["end_lr"]]) / top, 1, shape)
        phases += leg(model, begin, end, since=done)
        begin, done = end, max(ceil(end), done)
    return _Piece(top, (*phases, hold(1, model.stop)))


def _sequential(s: Any, k: int, total: int | None) -> _Piece:
    milestones, whole = [0, *s._milestones], None  # noqa: SLF001  torch keeps it there
    for n, inner in enumerate(s._schedulers):  # noqa: SLF001  torch keeps it there
        last = n == len(milestones) - 1
        end = total if last else milestones[n + 1]
        length = None if end is None else end - milestones[n]
        if length is not None and length <= 0:
            continue
        if _name(inner) in _REPLAYED | {"SequentialLR"} and n:
            return _table(s, k, total)
        found = _READERS[_name(inner)](inner, k, length)
        piece = _cut(Schedule(found.top, found.phases), length)
        whole = piece if whole is None else whole.then(piece)
    if whole is None:
        raise ArgumentError(f"total={total!r} is before the first milestone.")
    return _Piece(whole.peak, whole.phases)


def _table(s: Any, k: int, total: int | None) -> _Piece:
    length = total or _known_total(s)
    if length is None:
        raise ArgumentError(f"total=None: {type(s).__name__} cannot tell its length; say how many updates the run has.")
    rates = replayed(s, k, length)
    top = max(rates)
    if min(rates) < 0 or not top < float("inf"):
        raise ArgumentError(f"scheduler={type(s).__name__} gives rates from {min(rates)!r} to {top!r}: not a schedule.")
    factors = tuple(x / top if top > 0 else 0.0 for x in rates)
    at = tuple(float(t) for t in range(length))
    return _Piece(top, (ramp(factors[0], factors[-1], length, "points", at=at, factors=factors, interpolation="step"),))


def _known_total(s: Any) -> int | None:
    """Return the number of updates that a lambda of transformers was made for."""
    for function in getattr(s, "lr_lambdas", ()):
        steps = getattr(function, "keywords", {}).get("num_training_steps")
        if isinstance(steps, int):
            return steps
    return None


_REPLAYED = {"LambdaLR", "MultiplicativeLR", "ChainedScheduler"}
_READERS: dict[str, Callable[[Any, int, int | None], _Piece]] = {
    "ConstantLR": _constant, "LinearLR": _linear, "CosineAnnealingLR": _cosine, "PolynomialLR": _polynomial,
    "ExponentialLR": _exponential, "StepLR": _step, "MultiStepLR": _multistep, "OneCycleLR": _onecycle,
    "CosineAnnealingWarmRestarts": _restarts, "CyclicLR": _cyclic, "SequentialLR": _sequential,
    **dict.fromkeys(("LambdaLR", "MultiplicativeLR", "ChainedScheduler"), _table),
}  # fmt: skip
