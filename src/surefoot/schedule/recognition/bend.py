"""One bend of a logged rate: hold, a fall or a rise along a shape, hold; and its fit to samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.schedule.shapes import SHAPES

Array = NDArray[np.float64]
_ROUNDS, _STEP = 15, 1e-4
# The exponential that is moved to end at 0 is a shape of its own here: its logarithm is no straight line.
TO_ZERO = "exponential to 0"
NAMES = {TO_ZERO: "exponential"}


@dataclass(frozen=True, slots=True)
class Bend:
    """``a`` until time ``begin``, ``b`` from ``begin + length`` on, in between the shape; ``power`` where it has one.

    ``shape`` may be "exponential": then the logarithm of the rate is a straight line.
    """

    shape: str
    begin: float
    length: float
    a: float
    b: float
    power: float | None = None

    @property
    def end(self) -> float:
        """The time at which ``b`` is reached."""
        return self.begin + self.length

    def at(self, t: Array) -> Array:
        """Return the rate at the times ``t``."""
        f = fall(self.shape, (t - self.begin) / self.length, self.power)
        if self.shape == "exponential":
            return np.asarray(self.a**f * self.b ** (1 - f))
        return np.asarray(self.b + (self.a - self.b) * f)


def fall(shape: str, u: Array, power: float | None = None) -> Array:
    """Return f(u), from 1 at u <= 0 to 0 at u >= 1."""
    name = "linear" if shape == "exponential" else NAMES.get(shape, shape)
    given = {} if power is None else {"power": power}
    return np.asarray(SHAPES[name].factor(np.clip(u, 0.0, 1.0), 1, 1.0, 0.0, **given))


@dataclass(frozen=True, slots=True)
class Trial:
    """What is known of a bend before the fit: None means that the level follows from the samples.

    ``line`` gives the level ``a`` from the time at which the bend begins (a warmup that reaches it there).
    """

    shape: str
    begin: float
    length: float
    a: float | None
    b: float | None
    power: float | None = None
    line: Callable[[float], float] | None = None


def levelled(trial: Trial, t: Array, y: Array) -> Bend:
    """Return the bend with the levels that fit the samples best, at the trial's times."""
    f = fall(trial.shape, (t - trial.begin) / trial.length, trial.power)
    log = trial.shape == "exponential"
    z = np.log(y) if log else y
    a = trial.line(trial.begin) if trial.line else trial.a
    a, b = _levels(f, z, _into(a, log=log), _into(trial.b, log=log))
    if log:
        a, b = float(np.exp(a)), float(np.exp(b))
    return Bend(trial.shape, trial.begin, trial.length, max(a, 0.0), max(b, 0.0), trial.power)


def _into(level: float | None, *, log: bool) -> float | None:
    return float(np.log(level)) if log and level is not None and level > 0 else level


def _levels(f: Array, z: Array, a: float | None, b: float | None) -> tuple[float, float]:
    g = 1.0 - f
    if a is None and b is None:
        found = np.linalg.lstsq(np.stack([f, g], axis=1), z, rcond=None)[0]
        return float(found[0]), float(found[1])
    if a is None and b is not None:
        return _share(f, z - b * g), b
    if b is None and a is not None:
        return a, _share(g, z - a * f)
    return a or 0.0, b or 0.0


def _share(f: Array, z: Array) -> float:
    norm = float(f @ f)
    return float(f @ z) / norm if norm > 0 else 0.0


def refined(trial: Trial, t: Array, y: Array, free: tuple[str, ...]) -> Bend:
    """Return the bend after a damped Gauss-Newton search over the ``free`` ones of begin, length and power."""
    x = np.array([_value(trial, name) for name in free])
    best = levelled(trial, t, y)
    cost, damping = _cost(best, t, y), 1e-3
    for _ in range(_ROUNDS):
        r = best.at(t) - y
        slopes = np.stack(
            [
                (levelled(_with(trial, free, _nudged(x, k)), t, y).at(t) - best.at(t)) / _small(x[k])
                for k in range(len(x))
            ]
        )
        normal = slopes @ slopes.T
        normal[np.diag_indices_from(normal)] *= 1 + damping
        try:
            step = np.linalg.solve(normal + 1e-300 * np.eye(len(x)), slopes @ r)
        except np.linalg.LinAlgError:
            return best
        trial_x = x - step
        if not np.all(np.isfinite(trial_x)):
            return best
        found = levelled(_with(trial, free, trial_x), t, y)
        new = _cost(found, t, y)
        if new < cost:
            gain, x, best, damping = cost - new, trial_x, found, damping / 5
            if gain < 1e-9 * cost:
                return best
            cost = new
        else:
            damping *= 8
            if damping > 1e8:
                return best
    return best


def _value(trial: Trial, name: str) -> float:
    return float({"begin": trial.begin, "length": trial.length, "power": trial.power or 1.0}[name])


def _with(trial: Trial, free: tuple[str, ...], x: Array) -> Trial:
    at = {name: _value(trial, name) for name in ("begin", "length")} | dict(zip(free, map(float, x), strict=True))
    power = at.get("power", trial.power)
    power = None if power is None else min(max(power, 0.05), 20.0)
    return Trial(trial.shape, at["begin"], max(at["length"], 1e-3), trial.a, trial.b, power, trial.line)


def _nudged(x: Array, k: int) -> Array:
    other = x.copy()
    other[k] += _small(x[k])
    return other


def _small(x: float) -> float:
    return _STEP * max(abs(x), 1.0)


def _cost(bend: Bend, t: Array, y: Array) -> float:
    r = bend.at(t) - y
    return float(r @ r)
