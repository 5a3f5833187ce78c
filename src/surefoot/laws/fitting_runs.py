"""What fit_law reads: runs at a scale and a rate, from sweeps, pairs, tables and files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from surefoot.curve import Curve
from surefoot.errors import ArgumentError
from surefoot.laws.numbers import positive
from surefoot.laws.scale import Scale
from surefoot.trial import Trial

ALIASES = {
    "N": "params",
    "D": "tokens",
    "bs": "batch",
    "batch_size": "batch",
    "seq_len": "sequence",
    "learning_rate": "lr",
    "peak_lr": "lr",
    "val_loss": "loss",
    "final_val_loss": "loss",
    "smooth loss": "loss",
}
"""Other names of a table's columns; a column under its own name goes before them."""
_SCALE = {f.name for f in fields(Scale)} - {"lr", "loss"}
_LOST = {"diverged", "failed"}
_WORDS = {"kind", "optimizer"}


@dataclass(frozen=True, slots=True)
class Run:
    """One finished run: its ``scale`` (without rate and loss), ``lr``, ``loss`` (inf if it failed), and ``seed``."""

    scale: Scale
    lr: float
    loss: float
    seed: int = 0


def runs_of(curves: Any) -> tuple[Run, ...]:
    """Return the runs of what ``fit_law`` takes; raise ArgumentError for anything else, and for a run given twice.

    >>> curve = Curve((Trial(0.1, 0, 50, 50, 0.7), Trial(0.2, 0, 50, 50, 0.3)))
    >>> [(run.scale.batch, run.lr, run.loss) for run in runs_of({Scale(batch=32): curve})]
    [(32.0, 0.1, 0.7), (32.0, 0.2, 0.3)]
    >>> runs_of([{"batch": 32, "lr": 0.1, "loss": 0.7, "seed": 1}])[0].seed
    1
    """
    if isinstance(curves, str | Path) or not isinstance(curves, Mapping | Iterable):
        raise ArgumentError(f"curves={curves!r} must be pairs (Scale, Curve), a mapping of them, or rows of a table.")
    items: Iterable[Any] = curves.items() if isinstance(curves, Mapping) else curves
    found: list[Run] = []
    for item in items:
        found += [row_of(item, len(found))] if isinstance(item, Mapping) else _pair(item)
    if not found:
        raise ArgumentError("curves holds no runs: give sweeps at several scales.")
    return _numbered(found)


def row_of(row: Mapping[str, Any], number: int = 0) -> Run:
    """Return the run of one row of a table; columns that are neither lr, loss, seed, status nor of a Scale are left."""
    named = {ALIASES[key]: value for key, value in row.items() if key in ALIASES and _there(value)}
    named |= {key: value for key, value in row.items() if _there(value)}
    if "lr" not in named or not ({"loss", "status"} & named.keys()):
        raise ArgumentError(f"row {number} of curves needs lr and loss: its columns are {', '.join(map(str, row))}.")
    lost = str(named.get("status", "")).lower() in _LOST
    loss = math.inf if lost else _number(named.get("loss", math.inf), "loss", number)
    scale = Scale(**{key: _value(key, named[key], number) for key in _SCALE & named.keys()})
    rate = positive(_number(named["lr"], "lr", number), "lr", "the peak rate of the run")
    # A missing seed is -1 until the runs of one rate are numbered.
    seed = int(_number(named.get("seed", -1), "seed", number))
    return Run(scale, rate, loss if math.isfinite(loss) else math.inf, seed)


def _there(value: Any) -> bool:
    return value is not None and value != ""


def _number(value: Any, name: str, number: int) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ArgumentError(f"row {number} of curves: {name}={value!r} must be a number.") from None


def _value(key: str, value: Any, number: int) -> Any:
    if key in _WORDS or (isinstance(value, str) and value.endswith(("tok", "smp", "seq"))):
        return value
    return value if not isinstance(value, str) else _number(value, key, number)


def _pair(item: Any) -> list[Run]:
    try:
        scale, curve = item
    except (TypeError, ValueError):
        raise ArgumentError(f"curves holds {type(item).__name__}: give pairs (Scale, Curve), or rows.") from None
    given = curve.trials if isinstance(curve, Curve) else curve if isinstance(curve, list | tuple) else ()
    trials = tuple(given)
    if not isinstance(scale, Scale) or not all(isinstance(trial, Trial) for trial in trials):
        raise ArgumentError("curves must pair a Scale with a Curve or its trials, such as (sf.Scale(batch=64), curve).")
    return _swept(scale, trials)


def _swept(scale: Scale, trials: tuple[Trial, ...]) -> list[Run]:
    """Return the runs of one sweep: of its longest trials, those that were not stopped for the search's sake."""
    longest = max((trial.total for trial in trials), default=0)
    whole = [trial for trial in trials if trial.total == longest and trial.status != "stopped"]
    timed = scale.tokens is None and scale.samples is None and scale.steps is None and longest > 0
    where = replace(scale, lr=None, loss=None, steps=float(longest) if timed else scale.steps)
    return [Run(where, t.lr, math.inf if t.failed else t.loss, t.seed) for t in whole]


def _numbered(runs: list[Run]) -> tuple[Run, ...]:
    seen: set[tuple[Any, ...]] = set()
    counts: dict[tuple[Any, ...], int] = {}
    made = []
    for run in runs:
        seed = run.seed
        if seed < 0:
            seed = counts[run.scale, run.lr] = counts.get((run.scale, run.lr), -1) + 1
        key = (run.scale, run.lr, seed)
        if key in seen:
            raise ArgumentError(
                f"curves holds lr={run.lr:g} with seed {seed} twice at one scale: fit each task or setting by itself."
            )
        seen.add(key)
        made.append(replace(run, seed=seed))
    return tuple(made)
